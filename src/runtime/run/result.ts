import { toError } from '../../internal/guards.js'
import { publicState, type State } from '../../state/freeze.js'
import type { Cancellation } from '../cancel/cancellation.js'
import type { RunEnd } from './request.js'
import type { RunOutput } from '../actor/snapshot.js'
import type { LiveApp, LiveRun } from '../tree.js'

/** A run that reached a halt, or has nothing left to run. */
export function endedRun(
  { app: { standing }, leaked }: Pick<LiveRun, 'app' | 'leaked'>,
  status: 'halted' | 'finished',
): RunEnd {
  const { sequenceId, position: action = '', next } = standing
  const state = publicState(standing.state)
  // Spelled out twice: copies by `...` cost more here than all else that ends a branch.
  if (status === 'halted') return { status, action, next, state, sequenceId, leaked }
  return { status, action, next: undefined, state, sequenceId, leaked }
}

/** A run that was cancelled; one whose store was lost has failed. */
export function cancelledRun({ app, leaked }: LiveRun, cancellation: Cancellation): RunEnd {
  if (cancellation.cause === 'store') return failedRun(app, toError(cancellation.reason))
  const { standing } = app
  const { sequenceId, next, position = '' } = standing
  const state = publicState(standing.state)
  return { status: 'cancelled', action: next ?? position, next, state, sequenceId, cancellation, leaked }
}

/** A run that failed. */
export function failedRun({ standing: { state, sequenceId } }: LiveApp, error: Error): RunEnd {
  return { status: 'failed', error, state: publicState(state), sequenceId }
}

/** What whoever asked is told of a run that did not fail. Cancelled is an outcome, not an error. */
export function outputOf(end: Exclude<RunEnd, { readonly status: 'failed' }>): RunOutput<State> {
  if (end.status !== 'cancelled') return end
  const { cancellation, ...rest } = end
  return { ...rest, reason: cancellation.reason, by: cancellation.by }
}
