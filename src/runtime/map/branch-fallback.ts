import { type Path, printPath } from '../../action/context.js'
import type { Fallback } from '../../action/retry.js'
import type { Plan } from '../../graph/plan.js'
import { toError } from '../../internal/guards.js'
import { checkBranchUpdate } from '../../parallel/branch-state.js'
import { overlay } from '../../state/contract.js'
import { isolateState, type State } from '../../state/freeze.js'
import { applySchema } from '../../state/schema.js'
import { Carrier } from '../actor/carrier.js'
import { AppSnapshot } from '../actor/snapshot.js'
import type { Run } from '../application.js'
import { timeoutOf } from '../cancel/cancellation.js'
import { endedRun, failedRun, type RunResult } from '../run/result.js'
import { attemptsOf } from '../step/attempts.js'
import { isBeyondRetry, thrownIn, withFallbackError } from '../step/retry.js'

// Owns: the fallback of a branch, which turns its failure into a success.

/** The result of a branch after its fallback: a failure or a timeout becomes the state that the fallback gives. */
export function endByFallback(run: Run, fallback: Fallback, end: RunResult): RunResult {
  const { app } = run
  const error = failureOf(end)
  if (error === undefined || isBeyondRetry(error)) return end
  const { state, position, sequenceId } = app.checkpoint
  const { plan, path, parent } = app
  const given = callFallback({ plan, path, key: parent?.key ?? '', state }, fallback, error)
  if ('error' in given) return given.error === error ? end : failedRun(app, given.error)
  app.checkpoint = new AppSnapshot(app, { state: given.state, position, next: undefined, sequenceId })
  attemptsOf(run).branchRecovered = true
  app.self.send(new Carrier('teasel.step', app.checkpoint))
  return endedRun(run, 'finished')
}

/** A branch that failed: its plan, its place, and its last state. */
interface FailedBranch {
  readonly plan: Plan
  readonly path: Path
  readonly key: string
  readonly state: State
}

/**
 * Calls the fallback of a branch.
 * @returns the state that it gives, or the error of the branch: the same where it declines
 */
export function callFallback(
  { plan, path, key, state }: FailedBranch,
  fallback: Fallback,
  error: Error,
): { readonly state: State } | { readonly error: Error } {
  const cause = thrownIn(error)
  try {
    const given = fallback({ error: cause, key, state: isolateState(state) })
    const { keys, rules } = plan.graph
    const subject = `Branch "${printPath(path)}"`
    const update = checkBranchUpdate(subject, 'its fallback', keys, state, given)
    return { state: applySchema(rules, `The fallback of ${subject}`, overlay(state, update), Object.keys(update)) }
  } catch (second) {
    return { error: second === cause ? error : toError(withFallbackError(error, second)) }
  }
}

function failureOf(end: RunResult): Error | undefined {
  if (end.status === 'failed') return end.error
  return end.status === 'cancelled' ? timeoutOf(end.cancellation) : undefined
}
