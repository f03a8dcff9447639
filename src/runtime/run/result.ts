import { toError } from '../../internal/guards.js'
import { publicState, type State } from '../../state/freeze.js'
import type { RunOutput } from '../actor/snapshot.js'
import type { Cancellation } from '../cancel/cancellation.js'
import type { LiveApp, LiveRun } from '../tree.js'
import type { RunResult } from './request.js'

/** A run that reached a halt, or has nothing left to run. */
export function endedRun(
  { app: { checkpoint }, leaked }: Pick<LiveRun, 'app' | 'leaked'>,
  status: 'halted' | 'finished',
): RunResult {
  const { sequenceId, position: action = '', next } = checkpoint
  const state = publicState(checkpoint.state)
  // Spelled out twice: copies by `...` cost more here than all else that ends a branch.
  if (status === 'halted') return { status, action, next, state, sequenceId, leaked }
  return { status, action, next: undefined, state, sequenceId, leaked }
}

/** A run that was cancelled; one whose store was lost has failed. */
export function cancelledRun({ app, leaked }: LiveRun, cancellation: Cancellation): RunResult {
  if (cancellation.cause === 'store') return failedRun(app, toError(cancellation.reason))
  const { checkpoint } = app
  const { sequenceId, next, position = '' } = checkpoint
  const state = publicState(checkpoint.state)
  return { status: 'cancelled', action: next ?? position, next, state, sequenceId, cancellation, leaked }
}

/** A run that failed. */
export function failedRun({ checkpoint: { state, sequenceId } }: LiveApp, error: Error): RunResult {
  return { status: 'failed', error, state: publicState(state), sequenceId }
}

/** What whoever asked is told of a run that did not fail. Cancelled is an outcome, not an error. */
export function outputOf(end: Exclude<RunResult, { readonly status: 'failed' }>): RunOutput<State> {
  if (end.status !== 'cancelled') return end
  const { cancellation, ...rest } = end
  return { ...rest, reason: cancellation.reason, by: cancellation.by }
}
