import { type Path, printPath } from '../../action/context.js'
import { type CancelAnswer, type Delivery, type Message, type Received, sealMessage } from '../../action/message.js'
import { announce } from '../emit.js'
import { SETTLED } from '../map/branch-handle.js'
import type { LiveApp } from '../tree.js'
import { findBelow, lookBelow } from './path-lookup.js'
import { AppTarget } from './target.js'

/**
 * Someone outside cancels what is at a path, and waits until it has ended.
 * @param over waits for the end of the root
 */
export async function cancelAt(
  root: LiveApp,
  path: string | Path | undefined,
  reason: unknown,
  over: () => Promise<void>,
): Promise<CancelAnswer> {
  const found = path === undefined ? new AppTarget(root) : lookBelow(root, path)
  if (found === undefined) return 'unknown'
  if (found === SETTLED) return found
  const ended = found.is(root) ? over() : found.over()
  const answer = await found.cancel(reason, 'app', 'app')
  await ended
  return answer
}

/** Someone outside sends a message, to the application or below it. */
export function sendMessage(app: LiveApp, message: Message, path: string | Path | undefined): Delivery {
  return deliverBelow(app, sealMessage(message, undefined), path)
}

/** Hands a message from outside to an application or one below it, also to a branch that is queued. */
export function deliverBelow(root: LiveApp, message: Received, path: string | Path | undefined): Delivery {
  const place = path === undefined ? new AppTarget(root) : findBelow(root, path)
  if (place !== undefined) return place.deliver(message)
  if (root.running && root.hears('message')) {
    const source = root.run?.step?.node.name ?? root.checkpoint.next ?? ''
    const to = typeof path === 'string' ? path : printPath(path ?? [])
    announce(root, { type: 'message', source, message, to, delivery: 'dropped' })
  }
  return 'dropped'
}
