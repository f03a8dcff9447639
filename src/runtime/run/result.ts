import { toError } from '../../internal/guards.js'
import { publicState, type State } from '../../state/freeze.js'
import type { Cancellation } from '../cancel/cancellation.js'
import type { Checkpoint } from '../checkpoint.js'

/** Code that was abandoned because it ignored its signal beyond the grace period. */
export interface Leak {
  /** The application that ran it, printed: `compare/gpt4`; empty for the root. */
  readonly path: string
  /** The action, by its name there. */
  readonly action: string
  /** Time between its cancel and its abandonment, milliseconds. */
  readonly sinceMs: number
  /** The pending interceptor and its function, where an interceptor was abandoned instead of the action. */
  readonly interceptor?: string
}

export const NO_LEAKS: readonly Leak[] = Object.freeze([])

/** The output of an application actor. */
export type RunOutput<State, At extends string = string> =
  | {
      readonly status: 'halted'
      readonly action: At
      readonly next: string | undefined
      readonly state: Readonly<State>
      readonly sequenceId: number
      readonly leaked: readonly Leak[]
    }
  | {
      readonly status: 'finished'
      readonly action: string
      readonly next: undefined
      readonly state: Readonly<State>
      readonly sequenceId: number
      readonly leaked: readonly Leak[]
    }
  | {
      readonly status: 'cancelled'
      readonly action: string
      readonly next: string | undefined
      readonly state: Readonly<State>
      readonly sequenceId: number
      readonly reason: unknown
      readonly by: string
      readonly leaked: readonly Leak[]
    }

type Cancelled = Extract<RunOutput<State>, { readonly status: 'cancelled' }>

/** The end of a run, as the engine holds it. */
export type RunResult =
  | Exclude<RunOutput<State>, Cancelled>
  | (Omit<Cancelled, 'reason' | 'by'> & { readonly cancellation: Cancellation })
  | { readonly status: 'failed'; readonly error: Error; readonly state: State; readonly sequenceId: number }

/** The facts of a run that its result needs. */
interface EndingRun {
  readonly app: { readonly checkpoint: Checkpoint }
  readonly leaked: readonly Leak[]
}

/** The result of a run that reached a halt, or has nothing left to run. */
export function endedRun({ app: { checkpoint }, leaked }: EndingRun, status: 'halted' | 'finished'): RunResult {
  const { sequenceId, position: action = '', next } = checkpoint
  const state = publicState(checkpoint.state)
  // Spelled out twice: copying by `...` would cost more than everything else that ends a branch.
  if (status === 'halted') return { status, action, next, state, sequenceId, leaked }
  return { status, action, next: undefined, state, sequenceId, leaked }
}

/** The result of a cancelled run; a run that lost its store has failed. */
export function cancelledRun({ app, leaked }: EndingRun, cancellation: Cancellation): RunResult {
  if (cancellation.cause === 'store') return failedRun(app, toError(cancellation.reason))
  const { checkpoint } = app
  const { sequenceId, next, position = '' } = checkpoint
  const state = publicState(checkpoint.state)
  return { status: 'cancelled', action: next ?? position, next, state, sequenceId, cancellation, leaked }
}

/** The result of a run that failed. */
export function failedRun({ checkpoint: { state, sequenceId } }: EndingRun['app'], error: Error): RunResult {
  return { status: 'failed', error, state: publicState(state), sequenceId }
}

/** The output of a run that did not fail. Cancelled is an outcome, not an error. */
export function outputOf(result: Exclude<RunResult, { readonly status: 'failed' }>): RunOutput<State> {
  if (result.status !== 'cancelled') return result
  const { cancellation, ...rest } = result
  return { ...rest, reason: cancellation.reason, by: cancellation.by }
}
