import { printPath } from '../action/context.js'
import type { CancelAnswer, Delivery } from '../action/message.js'
import type { Application } from '../runtime/application.js'
import { emit } from '../runtime/emit.js'
import { SETTLED } from '../runtime/map/branch-handle.js'
import { descend } from '../runtime/message/path-lookup.js'
import { messageOf, thrown } from './crossing.js'
import type { BelowAnswer, DownFrame } from './frames.js'

// Owns: messages and cancels of an owner for something below a branch in a worker.

type Frame<K extends DownFrame['type']> = Extract<DownFrame, { readonly type: K }>

export function deliverBelow(app: Application, { rest, message }: Frame<'below'>): void {
  const found = descend(app, rest)
  if (typeof found === 'object') {
    const deliver = (): Delivery => found.deliver(messageOf(message))
    return void (message.id === undefined ? deliver() : found.posted({ ...message, id: message.id }, deliver))
  }
  const source = app.run?.step?.node.name ?? app.checkpoint.next ?? ''
  const to = `${printPath(app.path)}/${rest.join('/')}`
  emit(app, { type: 'message', source, message: messageOf(message), to, delivery: 'dropped' })
}

/** Stores a message. @returns its id; null where nothing of its receiver is stored */
export async function postBelow(app: Application, { rest, message }: Frame<'postBelow'>): Promise<BelowAnswer> {
  const found = descend(app, rest)
  try {
    return (typeof found === 'object' ? await found.post(message) : undefined) ?? null
  } catch (error) {
    return { error }
  }
}

/** Cancels, and waits for the end. */
export async function cancelBelow(app: Application, frame: Frame<'cancelBelow'>): Promise<CancelAnswer> {
  const { rest, map } = frame
  const target = descend(app, rest)
  const found = map === undefined || typeof target !== 'object' ? target : target.mapOf(map)
  if (found === undefined) return 'unknown'
  if (found === SETTLED) return found
  const over = found.over()
  const answer = await found.cancel(thrown(frame.reason), frame.cause, frame.by)
  await over
  return answer
}
