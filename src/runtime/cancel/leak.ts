import { printPath } from '../../action/context.js'
import type { Attributes } from '../../action/report.js'
import type { Plan, PlanNode } from '../../graph/plan.js'
import { msSince } from '../../internal/clock.js'
import type { Checkpoint } from '../checkpoint.js'
import { emit } from '../emit.js'
import type { EventSource } from '../event-source.js'
import type { Leak } from '../run/result.js'
import type { Cancellation } from './cancellation.js'

/** The facts of a run that has abandoned code. */
export interface LeakingRun {
  readonly app: EventSource & { readonly plan: Plan; readonly checkpoint: Checkpoint }
  readonly attempt: { readonly node: PlanNode } | undefined
  readonly cancellation: Cancellation | undefined
  takeLeaks(leaks: readonly Leak[]): void
}

/**
 * Counts and reports abandoned code.
 * @param node whose code; default: the action at which the run stands
 * @param since when it was to end, on the monotonic clock; default: when the run was cancelled
 * @param interceptor the interceptor that was abandoned instead of the action
 */
export function leakCode(run: LeakingRun, node?: PlanNode, since = run.cancellation?.at, interceptor?: string): void {
  const { app } = run
  const { plan, checkpoint, system } = app
  const at = node ?? run.attempt?.node ?? plan.graph.nodes.get(checkpoint.next ?? checkpoint.position ?? '')
  if (at === undefined) return
  const { name, subject } = at
  const sinceMs = since === undefined ? 0 : msSince(system.clock, since)
  const which = interceptor && { interceptor }
  const path = printPath(app.path)
  run.takeLeaks([{ path, action: name, sinceMs, ...which }])
  system.store?.tree?.leak()
  const place = path === '' ? subject : `${subject} (branch ${path})`
  const whose = which ? `${place}: interceptor ${interceptor}` : place
  system.logger.warn(
    `${whose} ignored a cancel for ${sinceMs} ms and was given up. It may still run; hand the signal on to what it awaits, or bound that.`,
  )
  emit(app, { type: 'branch.leaked', source: name, sinceMs, ...which })
}

/** An attempt at a step. */
interface AbandonedAttempt {
  readonly node: PlanNode
  readonly attempt: number
  readonly startedAt: number
  readonly report: { readonly attributes: Attributes | undefined } | undefined
}

/**
 * Abandons a step. Between its action and its commit no code runs: the run waits for its store, and leaves none behind.
 * @param runs whether code of it may run
 */
export function abandonStep(
  run: LeakingRun,
  { node, attempt, startedAt, report }: AbandonedAttempt,
  runs: boolean,
): void {
  if (runs) return leakCode(run, node)
  const durationMs = msSince(run.app.system.clock, startedAt)
  const facts = { attempt, durationMs, ...(report?.attributes && { attributes: report.attributes }) }
  emit(run.app, { type: 'step.end', source: node.name, status: 'cancelled', error: undefined, ...facts })
}
