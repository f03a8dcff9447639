import type { Path } from '../../action/context.js'
import { type Delivery, type Message, type Received, sealMessage } from '../../action/message.js'
import type { Awaitable } from '../../persistence/driver.js'
import type { Journal } from '../../persistence/journal.js'
import { timingOf, writeNote } from '../noting.js'
import type { LiveApp, LiveRun } from '../tree.js'
import { deliverBelow, sendMessage } from './commands.js'
import { findBelow } from './path-lookup.js'
import { AppTarget } from './target.js'

// Owns: messages until the step that took them commits; those from outside also in the store, from when they are sent.
// Does not own: the mailbox (mailbox.ts), the row that they go with (persistence/journal.ts).

const storedIds = new WeakMap<Received, number>()

/** Puts messages that wait in the store into the mailbox of an application whose run begins. */
export function deliverInbox({ mailbox }: LiveApp, { inbox }: Journal): void {
  inbox.untake()
  for (const { id, kind, body } of inbox.waiting) mailbox.push(storedMessage({ kind, body, from: '' }, id))
}

/** A message that stays in the store until a step that took it commits. */
function storedMessage(message: Received, id: number): Received {
  storedIds.set(message, id)
  return message
}

/** A step was handed a message: it is gone once the step commits. */
export function markTaken(run: LiveRun, message: Received | undefined): void {
  if (message === undefined) return
  run.taken ??= []
  run.taken.push(message)
  const id = storedIds.get(message)
  if (id !== undefined) run.app.journal?.inbox.take(id)
}

/** The attempt that took messages has failed: they come first for the next one. */
export function putBack(run: LiveRun): void {
  const { app } = run
  if (run.taken === undefined) return
  app.mailbox.putBack(run.taken)
  run.taken = undefined
  app.journal?.inbox.untake()
}

/**
 * An action waits for a person: whoever looks into the store sees it, and what is sent there reaches it.
 * @returns what to call when it waits no more
 */
export function recordWait(run: LiveRun, action: string, kinds: readonly string[]): () => void {
  const { app } = run
  void writeNote(app, 'That an action waits', (journal) => journal.waits(action, kinds, timingOf(app)))
  const { journal } = app
  const unwatch = journal?.scope.settings.watch.add({
    journal,
    deliver: ({ id, kind, body }) => deliverBelow(app, storedMessage({ kind, body, from: '' }, id), undefined),
    lost: (error) => app.system.logger.error('The store could not be asked for messages.', error),
  })
  return () => {
    unwatch?.()
    if (run.cancellation === undefined) journal?.status.woke()
  }
}

/**
 * Stores a message from outside where its receiver is stored, then delivers it. One that comes while nothing runs waits
 * for the next run.
 */
export function storeAndSend(root: LiveApp, message: Message, path: string | Path | undefined): Awaitable<Delivery> {
  const place = path === undefined ? new AppTarget(root) : findBelow(root, path)
  const { kind, body } = sealMessage(message, undefined)
  const posting = place?.post({ kind, body })
  if (posting === undefined) return sendMessage(root, message, path) // at once
  return posting.then((id) => {
    const deliver = (): Delivery => deliverBelow(root, storedMessage({ kind, body, from: '' }, id), path)
    const delivery = place?.posted({ id, kind, body }, deliver) ?? deliver()
    return delivery === 'dropped' && place?.is(root) === true && !root.running ? 'queued' : delivery
  })
}
