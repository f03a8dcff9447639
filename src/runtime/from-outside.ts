import type { Path } from '../action/context.js'
import { type CancelAnswer, type Delivery, type Message, sealMessage } from '../action/message.js'
import type { CancelCause } from '../lifecycle/events.js'
import { lookBelow, sendDown } from './address.js'
import { createCancellation } from './cancellation.js'
import { Grace } from './grace.js'
import type { LiveApp } from './tree.js'

/** Someone outside cancels: final. Code that ignores its signal is given up after the grace period. */
export function cancelFromOutside(app: LiveApp, reason: unknown, cause: CancelCause = 'app', by = 'app'): CancelAnswer {
  const { clock, graceMs } = app.hub
  const cancellation = createCancellation(cause, by, app.hub.passed(), reason)
  if (app.parent?.map !== undefined) return app.parent.map.cancelBranch(app.parent.key, cancellation)
  const answer = app.running || app.asked?.size ? 'cancelled' : 'settled'
  app.cancel(cancellation)
  if (app.parent === undefined) app.hub.outage?.cancelled(graceMs)
  if (!app.running) return answer
  const grace = new Grace(clock, graceMs, () => app.abandon())
  grace.start()
  void app.ended().then(() => grace.end())
  return answer
}

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
  const found = path === undefined ? { app: root } : lookBelow(root, path)
  if (found === undefined) return 'unknown'
  if (found === 'settled') return found
  if (found.app === undefined) {
    const { map, key } = found
    const cancel = (): CancelAnswer =>
      map.cancelBranch(key, createCancellation('app', 'app', root.hub.passed(), reason))
    return map.restoring ? map.whenRestored(cancel) : cancel()
  }
  const ended = found.app === root ? over() : found.app.ended()
  const answer = cancelFromOutside(found.app, reason)
  await ended
  return answer
}

/** Someone outside sends a message, to the application or below it. */
export function sendFromOutside(app: LiveApp, message: Message, path: string | Path | undefined): Delivery {
  return sendDown(app, sealMessage(message, undefined), path)
}
