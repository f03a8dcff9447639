import type { Path } from '../action/context.js'
import type { Delivery, Message, Received } from '../action/message.js'
import type { Journal } from '../persistence/journal.js'
import { findBelow, sendDown } from './address.js'
import { sendFromOutside } from './from-outside.js'
import { branchId, parentOf } from './identity.js'
import type { LiveApp } from './tree.js'

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
export function messageTaken(app: LiveApp, message: Received | undefined): void {
  if (message === undefined) return
  app.taken ??= []
  app.taken.push(message)
  const id = storedIds.get(message)
  if (id !== undefined) app.journal?.inbox.take(id)
}

/** The attempt that took messages has failed: they come first for the next one. */
export function giveBack(app: LiveApp): void {
  if (app.taken === undefined) return
  app.mailbox.putBack(app.taken)
  app.taken = undefined
  app.journal?.inbox.untake()
}

/** An action waits for a person: whoever looks into the store sees it. */
export function tellWaiting({ journal, hub }: LiveApp, action: string, kinds: readonly string[]): void {
  const lost = (error: unknown): void => hub.logger.error('That an action waits could not be stored.', error)
  try {
    const told = journal?.waits(action, kinds)
    if (told !== undefined) told.catch(lost)
  } catch (error) {
    lost(error)
  }
}

/** Stores a message from outside, then delivers it. One that comes while nothing runs waits for the next run. */
export async function sendStored(root: LiveApp, message: Message, path: string | Path | undefined): Promise<Delivery> {
  const found = path === undefined ? { app: root, map: undefined, key: '' } : findBelow(root, path)
  if (found === undefined || root.journal === undefined) return sendFromOutside(root, message, path)
  const { app, map, key } = found
  const target = map === undefined ? app : undefined
  const appId = map === undefined ? app.appId : branchId(parentOf(map, key))
  const { kind, body } = message
  const id = await root.journal.post(appId, { kind, body })
  target?.journal?.inbox.waiting.push({ id, kind, body })
  const delivery = sendDown(root, storedMessage({ ...message, from: '' }, id), path)
  return delivery === 'dropped' && target === root && !root.running ? 'queued' : delivery
}
