import { type Path, printPath } from '../../action/context.js'
import { type CancelAnswer, type Delivery, type Message, type Received, sealMessage } from '../../action/message.js'
import type { Application } from '../application.js'
import { emit } from '../emit.js'
import { SETTLED } from '../map/branch-handle.js'
import { findBelow, lookBelow } from './path-lookup.js'
import { AppTarget } from './target.js'

/** What is cancelled, and why. */
export interface CancelCommand {
  readonly path?: string | Path | undefined
  /** A map at which the application at the path stands, as paths print it. */
  readonly map?: string | undefined
  readonly reason?: unknown
}

/**
 * Cancels the target of a path from outside, or a map of it, and waits until it has ended.
 * @param over waits for the end of the root; by default nobody does
 */
export async function cancelAt(
  root: Application,
  { path, map, reason }: CancelCommand,
  over?: () => Promise<void>,
): Promise<CancelAnswer> {
  const target = path === undefined ? new AppTarget(root) : lookBelow(root, path)
  const found = map === undefined || typeof target !== 'object' ? target : target.mapOf(map)
  if (found === undefined) return 'unknown'
  if (found === SETTLED) return found
  const ended = found.is(root) ? over?.() : found.over()
  const answer = await found.cancel(reason, 'app', 'app')
  await ended
  return answer
}

/** Sends a message from outside, to the application or below it. */
export function sendMessage(app: Application, message: Message, path: string | Path | undefined): Delivery {
  return deliverBelow(app, sealMessage(message, undefined), path)
}

/** Delivers a message from outside to an application or below it, also to a queued branch. */
export function deliverBelow(root: Application, message: Received, path: string | Path | undefined): Delivery {
  const target = path === undefined ? new AppTarget(root) : findBelow(root, path)
  if (target !== undefined) return target.deliver(message)
  if (root.running) {
    const source = root.run?.step?.node.name ?? root.checkpoint.next ?? ''
    const to = typeof path === 'string' ? path : printPath(path ?? [])
    emit(root, { type: 'message', source, message, to, delivery: 'dropped' })
  }
  return 'dropped'
}
