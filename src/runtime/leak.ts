import { printPath } from '../action/context.js'
import type { PlanNode } from '../graph/plan.js'
import { announce } from './announce.js'
import type { LiveApp } from './tree.js'

/** Counts and tells code that was given up. `since`: when it was cancelled, epoch milliseconds. */
export function leakCode(app: LiveApp, { name, subject }: PlanNode, since: number | undefined): void {
  const now = app.hub.clock.now()
  const sinceMs = now - (since ?? now)
  app.takeLeaks([{ path: printPath(app.path), action: name, sinceMs }])
  app.hub.logger.warn(
    `${subject} ignored its signal for ${sinceMs} ms and was given up. It may still run; hand the signal on to what it awaits.`,
  )
  if (app.hears('branch.leaked')) announce(app, { type: 'branch.leaked', source: name, sinceMs })
}
