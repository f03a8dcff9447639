import type { WrittenBy } from '../action/action.js'
import type { Path } from '../action/context.js'
import type { Name } from '../internal/type-tools.js'
import type { Pending } from '../lifecycle/pending.js'
import type { Leak } from '../runtime/run/result.js'

interface OutcomeFacts<S> {
  /** The state after the last committed step. A key that nothing has written yet is unset, whatever its type. */
  readonly state: Readonly<S>
  /** The number of the last committed step; -1 when there is none. */
  readonly sequenceId: number
  /** Code that ignored its signal and was abandoned. */
  readonly leaked: readonly Leak[]
}

/** The run reached a halt. `action` is the last one committed. */
export interface Halted<out S, out At extends string, out Names extends string = string> extends OutcomeFacts<S> {
  readonly status: 'halted'
  readonly action: At
  /** First action of the next run; undefined when nothing is left. */
  readonly next: Names | undefined
}
/** No transition holds after `action`: nothing is left to run. */
export interface Finished<out S, out At extends string> extends OutcomeFacts<S> {
  readonly status: 'finished'
  readonly action: At
  readonly next: undefined
}
/** The run was cancelled, but not by the caller's own signal. `action` is the one that did not commit. */
export interface Cancelled<out S, out At extends string> extends OutcomeFacts<S> {
  readonly status: 'cancelled'
  readonly action: At
  /** The interrupted action. The next run begins there, unless `app.cancel()` ended the application for good. */
  readonly next: At | undefined
  /** The given reason; else a {@link CancelledError}. */
  readonly reason: unknown
  /** Source of the cancel: `app`, `reader` (a loop that was left), `parent` … */
  readonly by: string
}

/**
 * Everything left of the run waits for messages from outside, or for times. It stays suspended in memory: `app.send`
 * wakes the receivers, times pass, and the next run joins it. `action` is the one that waits, or that contains the waiting action.
 */
export interface Waiting<out S, out At extends string> extends OutcomeFacts<S> {
  readonly status: 'waiting'
  readonly action: At
  readonly next: At | undefined
  /** The open questions: which action waits, for which kinds of message, and what it asks. */
  readonly pending: readonly Pending[]
  /**
   * The earliest moment at which the run goes on by itself, epoch milliseconds: the end of a sleep, of a wait, of a
   * delay before an attempt, or of a branch's time limit. Absent where it goes on only by a message.
   */
  readonly nextAt?: number
}

/** The outcome of a run. A failure rejects instead. */
export type RunOutcome<S, Names extends string, Halts extends string> =
  | Halted<S, Halts, Names>
  | Finished<S, Names>
  | Cancelled<S, Names>

/** One committed step. */
export interface CommittedStep<out S, out At extends string, out Update> {
  /** The committed action. */
  readonly action: At
  /** Its update. */
  readonly update: Readonly<Update>
  /** The state after the step. */
  readonly state: Readonly<S>
  /** Its number; the first is 0. */
  readonly sequenceId: number
}

/** A step committed by an application below. */
export interface StepBelow<out At extends string> {
  /** The action of the iterated application. */
  readonly action: At
  /** The committed action, by its name in its own graph. */
  readonly source: string
  /** Path of its application. */
  readonly path: Path
  /** Its update. */
  readonly update: Readonly<Record<string, unknown>>
  /** The state of its application after the step. */
  readonly state: Readonly<Record<string, unknown>>
  /** The number of the step in that application; the first is 0. */
  readonly sequenceId: number
}

/** The steps of an application: narrow on `action`. */
export type StepOf<S, A> = { [K in Name<A>]: CommittedStep<S, K, WrittenBy<A[K]>> }[Name<A>]
