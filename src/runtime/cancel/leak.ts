import { printPath } from '../../action/context.js'
import type { PlanNode } from '../../graph/plan.js'
import { msSince } from '../../internal/clock.js'
import { announce } from '../emit.js'
import type { LiveRun } from '../tree.js'

/**
 * Counts and tells code that was given up.
 * @param node whose code; default: the action that the run stands at
 * @param since when it was to end, on the clock that never goes back; default: when the run was cancelled
 * @param interceptor what was given up in place of the action
 */
export function leakCode(run: LiveRun, node?: PlanNode, since = run.cancellation?.at, interceptor?: string): void {
  const { app } = run
  const { plan, checkpoint, system } = app
  const at = node ?? run.attempt?.node ?? plan.graph.nodes.get(checkpoint.next ?? checkpoint.position ?? '')
  if (at === undefined) return
  const { name, subject } = at
  const sinceMs = since === undefined ? 0 : msSince(system.clock, since)
  const which = interceptor && { interceptor }
  const path = printPath(app.path)
  run.takeLeaks([{ path, action: name, sinceMs, ...which }])
  const place = path === '' ? subject : `${subject} (branch ${path})`
  const whose = which ? `${place}: interceptor ${interceptor}` : place
  system.logger.warn(
    `${whose} ignored a cancel for ${sinceMs} ms and was given up. It may still run; hand the signal on to what it awaits, or bound that.`,
  )
  if (app.hears('branch.leaked')) announce(app, { type: 'branch.leaked', source: name, sinceMs, ...which })
}
