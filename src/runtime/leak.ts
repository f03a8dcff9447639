import { printPath } from '../action/context.js'
import { announce } from './announce.js'
import type { LiveApp, LiveStep } from './tree.js'

/** Counts and tells code that was given up. `since`: when it was cancelled, epoch milliseconds. */
export function leakStep(app: LiveApp, step: LiveStep, since: number | undefined): void {
  const now = app.hub.clock.now()
  const sinceMs = now - (since ?? now)
  step.close()
  app.takeLeaks([{ path: printPath(app.path), action: step.node.name, sinceMs }])
  app.hub.logger.warn(
    `${step.node.subject} ignored its signal for ${sinceMs} ms and was given up. It may still run; hand the signal on to what it awaits.`,
  )
  if (app.hears('branch.leaked')) announce(app, { type: 'branch.leaked', source: step.node.name, sinceMs })
}
