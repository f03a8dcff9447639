import { printPath } from '../../action/context.js'
import type { Fallback } from '../../action/retry.js'
import { toError } from '../../internal/guards.js'
import { checkBranchUpdate } from '../../parallel/branch-state.js'
import { overlay } from '../../state/contract.js'
import { isolateState } from '../../state/freeze.js'
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
  const cause = thrownIn(error)
  try {
    const given = fallback({ error: cause, key: app.parent?.key ?? '', state: isolateState(state) })
    const { keys, rules } = app.plan.graph
    const subject = `Branch "${printPath(app.path)}"`
    const update = checkBranchUpdate(subject, 'its fallback', keys, state, given)
    const fallen = `The fallback of ${subject}`
    const recovered = applySchema(rules, fallen, overlay(state, update), Object.keys(update))
    app.checkpoint = new AppSnapshot(app, { state: recovered, position, next: undefined, sequenceId })
    attemptsOf(run).branchRecovered = true
    app.self.send(new Carrier('teasel.step', app.checkpoint))
    return endedRun(run, 'finished')
  } catch (second) {
    return second === cause ? end : failedRun(app, toError(withFallbackError(error, second)))
  }
}

function failureOf(end: RunResult): Error | undefined {
  if (end.status === 'failed') return end.error
  return end.status === 'cancelled' ? timeoutOf(end.cancellation) : undefined
}
