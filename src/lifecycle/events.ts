import type { ChunkOf, WrittenBy } from '../action/action.js'
import type { Inputs } from '../action/inputs.js'
import type { Delivery, Received } from '../action/message.js'
import type { MessageSchemas } from '../action/message-schemas.js'
import type { Attributes } from '../action/report.js'
import type { Name } from '../internal/type-tools.js'
import type { ActionFacts, EventFacts } from './event-facts.js'
import type {
  BranchLeaked,
  BranchQueued,
  BranchSettled,
  BranchStart,
  MapResult,
  MapStart,
  ReduceEvent,
} from './map-events.js'
import type { LogEvent, ProgressEvent, SpanEnd, SpanStart } from './report-events.js'

/**
 * The cause of a cancel.
 *
 * Permanent causes, after which a branch stays cancelled on resume: `watch`, `context` and `app`; `settled`, the map
 * settled; `leak`, the branch ignored its signal; `removed`, the source no longer yields it. Temporary causes, after
 * which it continues on resume: `sibling-failed`; `parent`, the application above was cancelled; `parent-timeout`, the
 * time limit of the branch above passed; `signal`, the caller's signal aborted; `shutdown`; `reader`, a reader left its
 * loop; `dispose`, the application was disposed; `store`, its store was lost and the run fails; and a stop of its actor.
 */
export type CancelCause =
  | 'watch'
  | 'context'
  | 'app'
  | 'settled'
  | 'removed'
  | 'sibling-failed'
  | 'parent'
  | 'parent-timeout'
  | 'signal'
  | 'shutdown'
  | 'reader'
  | 'dispose'
  | 'stop'
  | 'store'

/** A run of the root application starts. `next` is its first action. */
export interface RunStart extends EventFacts {
  readonly type: 'run.start'
  readonly next: string | undefined
  /** The application and the step that it was forked from. */
  readonly forkedFrom?: { readonly appId: string; readonly sequenceId: number }
}
/** A run of the root application has ended, and everything that it started. */
export interface RunEnd<S = unknown> extends EventFacts {
  readonly type: 'run.end'
  readonly status: 'halted' | 'finished' | 'cancelled' | 'failed'
  /** The state after the last committed step. */
  readonly state: Readonly<S>
  /** The rejection of a failed run. */
  readonly error?: unknown
}
/** An action starts, after it got its permit of a shared limit. */
export interface StepStart<At extends string = string> extends ActionFacts<At> {
  readonly type: 'step.start'
  /** The number of the attempt at the step; the first is 1. */
  readonly attempt: number
  /** The declared inputs that it was given, before their schemas: neither frozen nor copied. Absent if it declares none. */
  readonly inputs?: Inputs
}
/** A step has committed its update. */
export interface StepDone<S, At extends string, Update> extends ActionFacts<At> {
  readonly type: 'step.end'
  readonly status: 'done'
  /** The update returned by the action. */
  readonly update: Readonly<Update>
  /** The state of its application after the step. */
  readonly state: Readonly<S>
  /** The number of the attempt at the step; the first is 1. */
  readonly attempt: number
  /** True when the action failed and its fallback returned the update. */
  readonly recovered: boolean
  /** Duration of the attempt, in milliseconds. */
  readonly durationMs: number
  /** Facts that the action gave with `context.attributes`. */
  readonly attributes?: Attributes
}
/**
 * An attempt at a step has ended without a commit, or with an error transition that continues from the state before it.
 */
export interface StepFailed<At extends string = string> extends ActionFacts<At> {
  readonly type: 'step.end'
  readonly status: 'failed' | 'cancelled'
  /** For a failed step an {@link ActionError} with the thrown value as `cause`, or another error that failed it. */
  readonly error: unknown
  /** The number of the attempt at the step; the first is 1. */
  readonly attempt: number
  /** Duration of the attempt, in milliseconds. */
  readonly durationMs: number
  /** Facts that the action gave with `context.attributes`. */
  readonly attributes?: Attributes
}
/**
 * A failure is retried: a step by its action's own retry, a branch at its failed step, or a reduce with the same
 * results. Emitted when the delay begins.
 */
export interface RetryEvent<At extends string = string> extends ActionFacts<At> {
  readonly type: 'retry'
  readonly level: 'action' | 'branch' | 'reduce'
  /** The number of the next attempt. For a branch: its number of starts and retries. */
  readonly attempt: number
  /** The failure: an {@link ActionError} with the thrown value as `cause`, or another error that failed the step. */
  readonly error: unknown
  /** The delay, in milliseconds. */
  readonly delayMs: number
  /** Start of the next attempt, epoch milliseconds. */
  readonly at: number
}
/** A transition was chosen and committed. `condition` is its name, `default` for an unnamed one. */
export interface Transition<At extends string = string> extends ActionFacts<At> {
  readonly type: 'transition'
  /** The next action. */
  readonly to: string
  /** The name of the condition that held. */
  readonly condition: string
  /** True when it was chosen by `onError`. */
  readonly onError: boolean
}
/** A streaming action yielded a chunk. Listeners get it before the action continues. */
export interface ChunkEvent<At extends string, Chunk> extends ActionFacts<At> {
  readonly type: 'chunk'
  /** The yielded value, neither frozen nor copied. */
  readonly chunk: Chunk
}
/** A message was sent, with its target and the result. */
export interface MessageEvent<At extends string = string> extends ActionFacts<At> {
  readonly type: 'message'
  readonly message: Received
  /** The key of a sibling; for a message from outside, the printed path of its target. */
  readonly to: string
  readonly delivery: Delivery
}
/**
 * An action waits: for a message from outside (a person) or from a sibling, or for a time (`context.sleep`). Not emitted
 * when a message is already present, or the time has passed.
 */
export interface WaitEvent<At extends string = string> extends ActionFacts<At> {
  readonly type: 'wait'
  /** `<appId>.<sequenceId>.<n-th wait of the step, from 0>`; the same after a resume. */
  readonly id: string
  /** The kinds of message that it waits for; none for a sleep. */
  readonly kinds: readonly string[]
  readonly from: 'outside' | 'siblings' | 'time'
  /** The question of the wait, where it has one. */
  readonly ask?: unknown
  /** JSON Schemas of the kinds whose schema gives one, by the name of the kind. */
  readonly schemas?: MessageSchemas
  /** Epoch milliseconds; the first time, also after a resume. */
  readonly since: number
  /** When it ends by itself, epoch milliseconds. */
  readonly until?: number
}
/** A wait has ended: with its message, or without one (its time is over, cancelled, withdrawn, no sender left). */
export interface WakeEvent<At extends string = string> extends ActionFacts<At> {
  readonly type: 'wake'
  /** The id of the wait. */
  readonly id: string
  /** The kinds of message that it waited for; none for a sleep. */
  readonly kinds: readonly string[]
  readonly from: 'outside' | 'siblings' | 'time'
  /** The message that ended the wait, if any. */
  readonly message: Received | undefined
  /** Duration of the wait in this process, in milliseconds. */
  readonly durationMs: number
}
/** An application was cancelled. Emitted for each application that a cancel reaches, in the same tick. */
export interface CancelEvent extends EventFacts {
  readonly type: 'cancel'
  /** The reason of its signals. */
  readonly reason: unknown
  /** Source of the cancel: a sibling's key, `watch`, `app`, `settle`, `parent`, `timeout` … */
  readonly by: string
  readonly cause: CancelCause
  /**
   * On the cancel of a root that goes on after a resume: the status that its store has until then. `waiting` where all
   * that was left waited: for messages, for times, or in a delay before an attempt. Absent without a persister.
   */
  readonly stored?: 'waiting' | 'interrupted'
}
/** Code beside the run threw: a listener, an after-interceptor, `watch`. The run continues. */
export interface FaultEvent extends EventFacts {
  readonly type: 'fault'
  /** The code that threw, in words. */
  readonly where: string
  /** The thrown error. */
  readonly error: unknown
}

/**
 * A slow reader of `events()` lost events, at this position. Chunks are dropped first. Concerns only that reader, so
 * listeners do not get it; `seq` and `time` are those of the first lost event.
 */
export interface Dropped extends EventFacts {
  readonly type: 'dropped'
  /** Number of lost events. */
  readonly count: number
}

/** Events that do not depend on the types of an application. */
type PlainEvent<S, At extends string> =
  | RunStart
  | RunEnd<S>
  | StepStart<At>
  | StepFailed<At>
  | RetryEvent<At>
  | Transition<At>
  | MapStart<At>
  | MapResult<At>
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
  | ProgressEvent<At>
  | SpanStart<At>
  | SpanEnd<At>
  | FaultEvent

/** Any event, without its types. */
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

/** The types of events available to listeners. */
export type ObservableType = Exclude<EventType, 'dropped'>

/** Event types available to listeners; true for events about an action. */
export const OBSERVABLE_TYPES: { readonly [T in ObservableType]: boolean } = {
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
  progress: true,
  'span.start': true,
  'span.end': true,
  retry: true,
  wait: true,
  wake: true,
  fault: false,
}

/** A handle to stop listening. */
export interface Subscription {
  /** Stops at once; a second call does nothing. */
  unsubscribe(): void
}
