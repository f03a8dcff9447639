import { printPath } from '../action/context.js'
import { announce } from './announce.js'
import type { LiveApp, LiveStep } from './tree.js'

/**
 * Closes a step whose code ignored its signal beyond the grace period, and tells of it.
 * @param since when it was told to end, epoch milliseconds
 */
export function tellLeak(app: LiveApp, step: LiveStep, since: number | undefined): void {
  const now = app.hub.clock.now()
  const sinceMs = now - (since ?? now)
  step.close()
  app.takeLeaks([{ path: printPath(app.path), action: step.node.name, sinceMs }])
  app.hub.logger.warn(
    `${step.node.subject} ignored its signal for ${sinceMs} ms and was given up. It may still run; hand the signal on to what it awaits.`,
  )
  if (app.hears('branch.leaked')) announce(app, { type: 'branch.leaked', source: step.node.name, sinceMs })
}
