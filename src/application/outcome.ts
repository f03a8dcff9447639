import type { WrittenBy } from '../action/action.js'
import type { Path } from '../action/context.js'
import type { Name } from '../internal/type-tools.js'
import type { Leak } from '../runtime/order.js'
import type { PendingMessage } from '../runtime/pending.js'

interface OutcomeFacts<S> {
  /** The state after the last committed step. A key that nothing has written yet is unset, whatever its type says. */
  readonly state: Readonly<S>
  /** The number of the last committed step; -1 when there is none. */
  readonly sequenceId: number
  /** Code that ignored its signal and was given up. */
  readonly leaked: readonly Leak[]
}

/** The run reached a halt. `action` is the last one committed. */
export interface Halted<out S, out At extends string, out Names extends string = string> extends OutcomeFacts<S> {
  readonly status: 'halted'
  readonly action: At
  /** Where the next run goes on; undefined when nothing is left. */
  readonly next: Names | undefined
}
/** No transition holds after `action`: there is nothing left to run. */
export interface Finished<out S, out At extends string> extends OutcomeFacts<S> {
  readonly status: 'finished'
  readonly action: At
  readonly next: undefined
}
/** The run was cancelled, but not by the caller's own signal. `action` is the one that did not commit. */
export interface Cancelled<out S, out At extends string> extends OutcomeFacts<S> {
  readonly status: 'cancelled'
  readonly action: At
  /** Where the next run goes on: at the step that was cut off. */
  readonly next: At | undefined
  /** As it was given; else a {@link CancelledError}. */
  readonly reason: unknown
  /** Who cancelled it: `app`, `reader` (a loop that was left), `parent` … */
  readonly by: string
}

/**
 * All that is left of the run waits for messages from outside. It stays as it is, in memory: `app.send` wakes what it
 * answers, and the next run comes back to it. `action` is the one that waits, or in which something does.
 */
export interface Waiting<out S, out At extends string> extends OutcomeFacts<S> {
  readonly status: 'waiting'
  readonly action: At
  readonly next: At | undefined
  /** Who waits for which kinds of message. */
  readonly pending: readonly PendingMessage[]
}

/** How a run ended. A failure rejects instead. */
export type RunOutcome<S, Names extends string, Halts extends string> =
  | Halted<S, Halts, Names>
  | Finished<S, Names>
  | Cancelled<S, Names>

/** One committed step. */
export interface CommittedStep<out S, out At extends string, out Update> {
  /** The action that committed. */
  readonly action: At
  /** What it returned. */
  readonly update: Readonly<Update>
  /** The state after it. */
  readonly state: Readonly<S>
  /** Its number; the first is 0. */
  readonly sequenceId: number
}

/** A step that an application below committed. */
export interface StepBelow<out At extends string> {
  /** The action of the application that is iterated. */
  readonly action: At
  /** The action that it was, by the name that it has there. */
  readonly source: string
  /** Where that application stands. */
  readonly path: Path
  /** What it returned. */
  readonly update: Readonly<Record<string, unknown>>
  /** The state of that application after it. */
  readonly state: Readonly<Record<string, unknown>>
  /** The number of the step in that application; the first is 0. */
  readonly sequenceId: number
}

/** The steps of an application: narrow on `action`. */
export type StepOf<S, A> = { [K in Name<A>]: CommittedStep<S, K, WrittenBy<A[K]>> }[Name<A>]
