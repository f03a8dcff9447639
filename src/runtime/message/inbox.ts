import type { Received } from '../../action/message.js'
import type { AppJournal } from '../../persistence/app-journal.js'
import type { Application, Run } from '../application.js'

// Owns: messages between their delivery and the commit of the step that took them.
// Does not own: the mailbox (mailbox.ts), the rows of stored messages (persistence/inbox.ts).

const storedIds = new WeakMap<Received, number>()

/** Puts stored messages into the mailbox of an application whose run begins. */
export function deliverInbox(app: Application, { inbox }: AppJournal): void {
  inbox.untake()
  for (const { id, kind, body } of inbox.waiting) {
    const message = storedMessage({ kind, body, from: '' }, id)
    if (app.deliver(message) === 'refused') app.mailbox.add(message)
  }
}

/** Marks a message that stays in the store until a step that took it commits. */
export function storedMessage(message: Received, id: number): Received {
  storedIds.set(message, id)
  return message
}

/** The id of a message that is stored. */
export const storedIdOf = (message: Received): number | undefined => storedIds.get(message)

/** A step takes a message; it is removed when the step commits. */
export function markTaken(run: Run, message: Received | undefined): void {
  if (message === undefined) return
  run.taken ??= []
  run.taken.push(message)
  const id = storedIds.get(message)
  if (id !== undefined) run.app.journal?.inbox.take(id)
}

/** Returns the messages that a failed attempt took: the next attempt gets them first. */
export function putBack(run: Run): void {
  const { app } = run
  if (run.taken === undefined) return
  app.mailbox.putBack(run.taken)
  run.taken = undefined
  app.journal?.inbox.untake()
}
