import type { ChunkOf, WrittenBy } from '../action/action.js'
import type { Path } from '../action/context.js'
import type { Delivery, Received } from '../action/message.js'
import type { Name } from '../internal/type-tools.js'
import type { AnyResult } from '../parallel/results.js'

/** What every event says. */
export interface EventFacts {
  /** The run of the root application that this happened in. */
  readonly runId: string
  /** Grows with each resume of a run; the first is 0. */
  readonly incarnation: number
  /** Counts the events of a run and incarnation, from 0, without gaps. */
  readonly seq: number
  /** Epoch milliseconds. */
  readonly time: number
  /** The application it happened in: the root, or a branch. */
  readonly appId: string
  /** Where that application stands below the root; empty for the root. */
  readonly path: Path
}

/** A fact about an action. `action` is the root application's own; `source` the one that it really was, deeper down. */
export interface ActionFacts<At extends string = string> extends EventFacts {
  readonly action: At
  readonly source: string
  readonly sequenceId: number
}

/** Why something was cancelled. The first group is final, the second can be resumed. */
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

/** A run of the root application begins. `next` is its first action. */
export interface RunStart extends EventFacts {
  readonly type: 'run.start'
  readonly next: string | undefined
}
/** A run of the root application has ended; what it started has ended too. */
export interface RunEnd<S = unknown> extends EventFacts {
  readonly type: 'run.end'
  readonly status: 'halted' | 'finished' | 'cancelled' | 'failed'
  readonly state: Readonly<S>
  readonly error?: unknown
}
/** An action begins, after it was given its slot under a shared limit. */
export interface StepStart<At extends string = string> extends ActionFacts<At> {
  readonly type: 'step.start'
  readonly attempt: number
}
/** A step has ended. `done`: committed, with its update. */
export interface StepDone<S, At extends string, Update> extends ActionFacts<At> {
  readonly type: 'step.end'
  readonly status: 'done'
  readonly update: Readonly<Update>
  readonly state: Readonly<S>
  readonly attempt: number
  /** True when the action failed and its fallback gave the update. */
  readonly recovered: boolean
  readonly durationMs: number
}
/** An attempt at a step has ended without a commit, or with an error transition that went on from the state before it. */
export interface StepLost<At extends string = string> extends ActionFacts<At> {
  readonly type: 'step.end'
  readonly status: 'failed' | 'cancelled'
  readonly error: unknown
  readonly attempt: number
  readonly durationMs: number
}
/**
 * Something failed and is tried again: a step by its action's own retry, a branch at its failed step, or a reduce over
 * the results it has. Told when the wait begins.
 */
export interface RetryEvent<At extends string = string> extends ActionFacts<At> {
  readonly type: 'retry'
  readonly level: 'action' | 'branch' | 'reduce'
  /** The attempt that comes. Of a branch: how often it will have begun or gone on. */
  readonly attempt: number
  readonly error: unknown
  readonly delayMs: number
  /** When it is due, epoch milliseconds. */
  readonly at: number
}
/** A transition was chosen and committed. `condition` is its name, `default` where it has none. */
export interface Transition<At extends string = string> extends ActionFacts<At> {
  readonly type: 'transition'
  readonly to: string
  readonly condition: string
  /** True when it was chosen by `onError`. */
  readonly onError: boolean
}
/** A streaming action yielded a chunk. Told before the action may go on. */
export interface ChunkEvent<At extends string, Chunk> extends ActionFacts<At> {
  readonly type: 'chunk'
  readonly chunk: Chunk
}
/** A map action begins, its source opened and no branch started. */
export interface MapStart<At extends string = string> extends ActionFacts<At> {
  readonly type: 'map.start'
  /** How many branches there are, undefined while a generator makes them. */
  readonly total: number | undefined
  readonly policy: string
}
/** Every branch of a map has ended. Its results are not reduced yet. */
export interface MapEnd<At extends string = string> extends ActionFacts<At> {
  readonly type: 'map.end'
  readonly done: number
  readonly failed: number
  readonly cancelled: number
}
/** A branch waits for its turn. Its own address is `path`. */
export interface BranchQueued<At extends string = string> extends ActionFacts<At> {
  readonly type: 'branch.queued'
  readonly key: string
  readonly index: number
}
/** A branch runs its first step. */
export interface BranchStart<At extends string = string> extends ActionFacts<At> {
  readonly type: 'branch.start'
  readonly key: string
  readonly index: number
}
/** A branch has settled, finally: whatever comes of it later is ignored. */
export interface BranchSettled<At extends string = string> extends ActionFacts<At> {
  readonly type: 'branch.settled'
  readonly key: string
  readonly index: number
  readonly status: 'done' | 'failed' | 'cancelled'
  readonly result: AnyResult
  readonly durationMs: number
}
/** Code that went on beyond `graceMs` after a cancel. Its slot is closed; what it returns later is ignored. */
export interface BranchLeaked<At extends string = string> extends ActionFacts<At> {
  readonly type: 'branch.leaked'
  /** How long ago it was cancelled, milliseconds. */
  readonly sinceMs: number
  /** Where the action had ended or not begun: the interceptor that did not answer: its name, and which of its functions. */
  readonly interceptor?: string
}
/** A message was sent: to whom, and what became of it. */
export interface MessageEvent<At extends string = string> extends ActionFacts<At> {
  readonly type: 'message'
  readonly message: Received
  readonly to: string
  readonly delivery: Delivery
}
/** An action waits for a message: from outside (of a person), or of a sibling. Not told when one lay there already. */
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
  readonly kinds: readonly string[]
  readonly from: 'outside' | 'siblings'
  readonly message: Received | undefined
  /** How long it waited. */
  readonly durationMs: number
}
/** An application was cancelled. Told for each that a cancel reaches, in the same tick. */
export interface CancelEvent extends EventFacts {
  readonly type: 'cancel'
  readonly reason: unknown
  readonly by: string
  readonly cause: CancelCause
}
/** The results of a map are handed to its `reduce`. */
export interface ReduceEvent<At extends string = string> extends ActionFacts<At> {
  readonly type: 'reduce'
  readonly results: number
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
  readonly where: string
  readonly error: unknown
}

/**
 * A reader of `events()` was slow and has lost chunks: as many, here between its neighbours. A fact about that reader
 * alone, so no listener hears it; `seq` and `time` are those of the first chunk that was lost.
 */
export interface Dropped extends EventFacts {
  readonly type: 'dropped'
  readonly count: number
}

/** Every event that does not depend on the types of an application. */
type PlainEvent<S, At extends string> =
  | RunStart
  | RunEnd<S>
  | StepStart<At>
  | StepLost<At>
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
