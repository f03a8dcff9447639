import type { ChunkOf, WrittenBy } from '../action/action.js'
import type { Delivery, Received } from '../action/message.js'
import type { Name } from '../internal/type-tools.js'
import type { ActionFacts, EventFacts } from './event-facts.js'
import type {
  BranchLeaked,
  BranchQueued,
  BranchSettled,
  BranchStart,
  MapEnd,
  MapStart,
  ReduceEvent,
} from './map-events.js'

/**
 * Why something was cancelled.
 *
 * Final, so that a branch stays cancelled after a resume: `watch`, `context` and `app` said so, its map had enough
 * (`settled`), it ignored its signal (`leak`), or its source gave it no more (`removed`). To go on after a resume: a
 * sibling failed, the application above was cancelled (`parent`), the caller's `signal` fired, `shutdown`, or its actor
 * was stopped.
 */
export type CancelCause =
  | 'watch'
  | 'context'
  | 'app'
  | 'settled'
  | 'removed'
  | 'sibling-failed'
  | 'parent'
  | 'signal'
  | 'shutdown'
  | 'stop'
  | 'store'

/** A run of the root application begins. `next` is its first action. */
export interface RunStart extends EventFacts {
  readonly type: 'run.start'
  readonly next: string | undefined
}
/** A run of the root application has ended; what it started has ended too. */
export interface RunEnd<S = unknown> extends EventFacts {
  readonly type: 'run.end'
  readonly status: 'halted' | 'finished' | 'cancelled' | 'failed'
  /** The state after the last committed step. */
  readonly state: Readonly<S>
  /** What the run rejects with, where it failed. */
  readonly error?: unknown
}
/** An action begins, after it was given its permit under a shared limit. */
export interface StepStart<At extends string = string> extends ActionFacts<At> {
  readonly type: 'step.start'
  /** Which attempt at the step it is; the first is 1. */
  readonly attempt: number
}
/** A step has ended. `done`: committed, with its update. */
export interface StepDone<S, At extends string, Update> extends ActionFacts<At> {
  readonly type: 'step.end'
  readonly status: 'done'
  /** What the action returned. */
  readonly update: Readonly<Update>
  /** The state of its application after it. */
  readonly state: Readonly<S>
  /** Which attempt at the step it was; the first is 1. */
  readonly attempt: number
  /** True when the action failed and its fallback gave the update. */
  readonly recovered: boolean
  /** How long the attempt took, milliseconds. */
  readonly durationMs: number
}
/** An attempt at a step has ended without a commit, or with an error transition that went on from the state before it. */
export interface StepFailed<At extends string = string> extends ActionFacts<At> {
  readonly type: 'step.end'
  readonly status: 'failed' | 'cancelled'
  /** Of a failed one an {@link ActionError} with what was thrown as `cause`, or what else failed the step. */
  readonly error: unknown
  /** Which attempt at the step it was; the first is 1. */
  readonly attempt: number
  /** How long the attempt took, milliseconds. */
  readonly durationMs: number
}
/**
 * Something failed and is tried again: a step by its action's own retry, a branch at its failed step, or a reduce over
 * the results it has. It becomes true when the wait begins.
 */
export interface RetryEvent<At extends string = string> extends ActionFacts<At> {
  readonly type: 'retry'
  readonly level: 'action' | 'branch' | 'reduce'
  /** The attempt that comes. Of a branch: how often it will have begun or gone on. */
  readonly attempt: number
  /** What failed: an {@link ActionError} with what was thrown as `cause`, or what else failed the step. */
  readonly error: unknown
  /** How long it waits, milliseconds. */
  readonly delayMs: number
  /** When it is due, epoch milliseconds. */
  readonly at: number
}
/** A transition was chosen and committed. `condition` is its name, `default` where it has none. */
export interface Transition<At extends string = string> extends ActionFacts<At> {
  readonly type: 'transition'
  /** The action that is next. */
  readonly to: string
  /** The name of the condition that held. */
  readonly condition: string
  /** True when it was chosen by `onError`. */
  readonly onError: boolean
}
/** A streaming action yielded a chunk. Whoever listens has it before the action goes on. */
export interface ChunkEvent<At extends string, Chunk> extends ActionFacts<At> {
  readonly type: 'chunk'
  /** What it yielded. Not frozen, and not copied. */
  readonly chunk: Chunk
}
/** A message was sent: to whom, and what became of it. */
export interface MessageEvent<At extends string = string> extends ActionFacts<At> {
  readonly type: 'message'
  readonly message: Received
  /** The key of a sibling; of a message from outside, the path that it was sent to, printed. */
  readonly to: string
  readonly delivery: Delivery
}
/**
 * An action waits for a message: from outside (of a person), or of a sibling. It does not when one lies there already.
 */
export interface WaitEvent<At extends string = string> extends ActionFacts<At> {
  readonly type: 'wait'
  /** The kinds of message that it waits for. */
  readonly kinds: readonly string[]
  readonly from: 'outside' | 'siblings'
  /** Epoch milliseconds. */
  readonly since: number
}
/** A wait has ended: with its message, or with none (cancelled, given up, nobody left to send one). */
export interface WakeEvent<At extends string = string> extends ActionFacts<At> {
  readonly type: 'wake'
  /** The kinds of message that it waited for. */
  readonly kinds: readonly string[]
  readonly from: 'outside' | 'siblings'
  /** The message that ended the wait, if one did. */
  readonly message: Received | undefined
  /** How long it waited, milliseconds. */
  readonly durationMs: number
}
/** An application was cancelled. One for each that a cancel reaches, in the same tick. */
export interface CancelEvent extends EventFacts {
  readonly type: 'cancel'
  /** What its signals fire with. */
  readonly reason: unknown
  /** Who did: a sibling's key, `watch`, `app`, `settle`, `parent`, `timeout` … */
  readonly by: string
  readonly cause: CancelCause
}
/** An action called `context.log`. */
export interface LogEvent<At extends string = string> extends ActionFacts<At> {
  readonly type: 'log'
  readonly text: string
  readonly data: unknown
}
/** Something beside the run threw: a listener, an after-interceptor, `watch`. The run goes on. */
export interface FaultEvent extends EventFacts {
  readonly type: 'fault'
  /** What threw, in words. */
  readonly where: string
  /** What it threw. */
  readonly error: unknown
}

/**
 * A reader of `events()` was slow and has lost events: as many, here between its neighbours. Chunks are lost first. A
 * fact about that reader alone, so no listener hears it; `seq` and `time` are those of the first event that was lost.
 */
export interface Dropped extends EventFacts {
  readonly type: 'dropped'
  /** How many. */
  readonly count: number
}

/** Every event that does not depend on the types of an application. */
type PlainEvent<S, At extends string> =
  | RunStart
  | RunEnd<S>
  | StepStart<At>
  | StepFailed<At>
  | RetryEvent<At>
  | Transition<At>
  | MapStart<At>
  | MapEnd<At>
  | BranchQueued<At>
  | BranchStart<At>
  | BranchSettled<At>
  | BranchLeaked<At>
  | MessageEvent<At>
  | WaitEvent<At>
  | WakeEvent<At>
  | CancelEvent
  | ReduceEvent<At>
  | LogEvent<At>
  | FaultEvent

/** Any event, its types forgotten. */
export type AnyEvent =
  | PlainEvent<Readonly<Record<string, unknown>>, string>
  | StepDone<Readonly<Record<string, unknown>>, string, Readonly<Record<string, unknown>>>
  | ChunkEvent<string, unknown>
  | Dropped

/** The events of an application with the state `S` and the actions `A`. Narrow on `type`, then on `action`. */
export type AppEvent<S, A> =
  | PlainEvent<S, Name<A>>
  | { [K in Name<A>]: StepDone<S, K, WrittenBy<A[K]>> }[Name<A>]
  | { [K in Name<A>]: [ChunkOf<A[K]>] extends [never] ? never : ChunkEvent<K, ChunkOf<A[K]>> }[Name<A>]

/** The types of events. */
export type EventType = AnyEvent['type']

/** The types of events that can be listened for. */
export type HeardType = Exclude<EventType, 'dropped'>

/** Every type that can be listened for, and whether its events are about an action. */
export const HEARD_TYPES: { readonly [T in HeardType]: boolean } = {
  'run.start': false,
  'run.end': false,
  'step.start': true,
  'step.end': true,
  transition: true,
  chunk: true,
  'map.start': true,
  'map.end': true,
  'branch.queued': true,
  'branch.start': true,
  'branch.settled': true,
  'branch.leaked': true,
  message: true,
  cancel: false,
  reduce: true,
  log: true,
  retry: true,
  wait: true,
  wake: true,
  fault: false,
}

/** What stops listening. */
export interface Subscription {
  /** Stops at once; a second call does nothing. */
  unsubscribe(): void
}
