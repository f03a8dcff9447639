import type { Path } from '../action/context.js'
import type { Delivery, Message } from '../action/message.js'
import type { CancelCause } from '../lifecycle/events.js'
import { sendDown } from './address.js'
import { createCancellation } from './cancellation.js'
import { Grace } from './grace.js'
import type { LiveApp } from './tree.js'

/** Someone outside cancels: final. Code that ignores its signal is given up after the grace period. */
export function cancelFromOutside(app: LiveApp, reason: unknown, cause: CancelCause = 'app', by = 'app'): void {
  const { clock, graceMs } = app.hub
  const cancellation = createCancellation(cause, by, clock.now(), reason)
  if (app.parent?.map !== undefined) return app.parent.map.cancelBranch(app.parent.key, cancellation)
  app.cancel(cancellation)
  if (!app.running) return
  const grace = new Grace(clock, graceMs, () => app.abandon())
  grace.start()
  void app.ended().then(() => grace.end())
}

/** Someone outside sends a message, to the application or below it. */
export function sendFromOutside(app: LiveApp, message: Message, path: string | Path | undefined): Delivery {
  return sendDown(app, { ...message, from: '' }, path)
}
