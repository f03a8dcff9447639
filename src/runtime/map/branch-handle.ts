import type { Path } from '../../action/context.js'
import type { Inputs } from '../../action/inputs.js'
import type { CancelAnswer, Delivery, Received } from '../../action/message.js'
import type { RetryPolicy } from '../../action/retry.js'
import type { PlanNode } from '../../graph/plan.js'
import type { AnyEvent, CancelCause } from '../../lifecycle/events.js'
import type { WorkerPlace } from '../../lifecycle/map-events.js'
import type { Due, Pending } from '../../lifecycle/pending.js'
import type { Permits } from '../../parallel/limit.js'
import type { AnyResult, BranchResult } from '../../parallel/results.js'
import type { SettlePolicy } from '../../parallel/settle.js'
import type { BranchTask } from '../../parallel/task.js'
import type { AppJournal } from '../../persistence/app-journal.js'
import type { Progress } from '../../read/tree.js'
import type { State } from '../../state/freeze.js'
import type { Tracker } from '../../tracking/tracker.js'
import type { Cancellation } from '../cancel/cancellation.js'
import type { Deadline } from '../cancel/deadline.js'
import type { Checkpoint } from '../checkpoint.js'
import type { EventSource } from '../event-source.js'
import type { Leak } from '../run/result.js'
import type { MapState } from './map-state.js'

// Owns: the seam between a map and its branches, in both directions. Maps, messages, paths, grace periods, events and
// the store reach a branch through it, wherever the branch runs.
// B1  Nothing above a branch reaches its application except through its handle, so a branch can run elsewhere.
// B2  The result is set, as data, before the map is notified of the end of the branch.

/**
 * What everything left of an application waits for. `outside`: at least one part waits for a person, or sleeps. `retry`:
 * for the delay before an attempt; its slot of a map is not free meanwhile.
 */
export type WaitsFor = 'nothing' | 'siblings' | 'outside' | 'retry'

/** Whether an application goes on only by a message from outside, or at a time. */
export const isSuspended = (level: WaitsFor): boolean => level === 'outside' || level === 'retry'

/** One branch, as its map uses it. */
export interface BranchHandle {
  readonly task: BranchTask
  /** The source of its events. */
  readonly origin: EventSource
  readonly inputs: Inputs
  /** `made` until its first step may begin; `ended` once its result is certain, though it may not be stored yet. */
  readonly status: 'made' | 'running' | 'ended'
  /** The number of starts and retries. */
  readonly attempts: number
  /** The last committed state, or the initial one. */
  readonly state: State
  /** Code below that was abandoned. */
  readonly leaked: readonly Leak[]
  /** When it was cancelled, on the monotonic clock; undefined if it was not. */
  readonly cancelledAt: number | undefined
  readonly cancelCause: CancelCause | undefined
  readonly waitsFor: WaitsFor
  /** Whether it may stop waiting without a message. */
  readonly mayWithdraw: boolean
  /** Whether it waits for its next attempt. */
  readonly isRetrying: boolean
  /** The last progress that its step reported. */
  readonly reported: ReportedProgress | undefined
  /** Undefined where it is not stored. It is here also where the branch runs elsewhere. */
  readonly journal: AppJournal | undefined
  /** Undefined until it has ended. */
  readonly result: BranchResult | undefined
  /** Its application, for descriptions; undefined where it runs elsewhere. */
  readonly inside?: LiveApp | undefined
  /** Set by the map: when it was queued, epoch milliseconds. */
  queuedAt: number | undefined
  /** Set by the map: when its first step began, epoch milliseconds. */
  startedAt: number | undefined
  /** Where it runs, if it runs elsewhere and has begun. */
  readonly worker?: WorkerPlace | undefined
  /** Set by the map: the same on the monotonic clock; computed from the store after a resume. */
  begun: number
  /** Set by the map: its time limit, or its own grace period. */
  deadline: Deadline | undefined
  /** Set by the map: when its time limit ends, epoch milliseconds; undefined without one. */
  deadlineAt: number | undefined
  /** Its progress once it has ended, for a run that tries the step of its map again. */
  progress(): BranchProgress
  /** The actions in it that wait for a message from outside. */
  pending(): Iterable<Pending>
  /** The times at which something in it goes on by itself. */
  due(): Iterable<Due>
  /** Looks up the rest of a path below it. */
  find(parts: readonly string[]): Found
  /** Takes messages that were sent before it was made. */
  adopt(messages: readonly Received[]): void
  /** Calls interceptors, then runs. It ends with the done event of its actor, or with {@link BranchHost.refused}. */
  start(): void
  /** Fires its signals in this tick. @returns false if it has not begun: the map then settles it */
  cancel(cancellation: Cancellation): boolean
  /** Abandons code that ignores its cancel. */
  abandon(): void
  /** Ends it at once. */
  stop(cancellation: Cancellation): void
  send(message: Received): Delivery
  /** Ends its waits for siblings: none can send any more. */
  releaseSiblings(error: { readonly reason: unknown } | undefined): void
  /** It has settled: clears its references. */
  dispose(): void
}

/** The progress of the step of a branch. */
export interface ReportedProgress {
  readonly action: string
  readonly progress: Progress
}

/** The status of a live branch. */
export type LiveStatus = 'queued' | 'running' | 'waiting' | 'retrying'

/** What a live branch does. One that waits for a sibling waits, too. */
export function liveStatus({ startedAt, waitsFor, isRetrying }: BranchHandle): LiveStatus {
  if (waitsFor === 'retry' || isRetrying) return 'retrying'
  if (waitsFor !== 'nothing') return 'waiting'
  return startedAt === undefined ? 'queued' : 'running'
}

/** An effect of a step that is done once. */
export interface LiveEffect {
  /** Resolves with its value once that is stored. */
  give(): Promise<unknown>
}

/** The progress of a branch that has not settled for good. */
export interface BranchProgress {
  readonly checkpoint: Checkpoint
  readonly visits: readonly number[]
  /** The progress within its next step; undefined where there is none. Only the kind of handle that gave it reads it. */
  readonly inStep: object | undefined
  /** When its first step began; undefined where it begins afresh. */
  readonly startedAt: number | undefined
  readonly attempts: number
  /** The number of failed attempts at its next step when it was last retried. */
  readonly tries: number
  /** A fallback turned a failure into a success. */
  readonly recovered: boolean
  /** Its last step has committed: only its run was cut off. */
  readonly ended: boolean
}

/** The progress of the branches of a map that is not stored, until its step commits. */
export interface KeptMap {
  /** The progress of a branch; undefined for one that begins afresh. */
  progressOf(key: string): BranchProgress | undefined
}

/** A map, as its branches use it. */
export interface BranchHost {
  /** True when the map has a `watch`. */
  readonly watches: boolean
  /** Records its branches. */
  readonly tracker: Tracker | undefined
  /** When a live branch began, and its retry policy. */
  timing(key: string): BranchTiming | undefined
  /** The id of a branch that is stored under another id than that of its place. */
  idOf(key: string): string | undefined
  /** The first step of a branch starts. */
  branchStarted(key: string): void
  /** An interceptor refused a branch, or it was cancelled while interceptors were pending. */
  refused(key: string, result: BranchResult): void
  /** An event of a branch, or of something below it, for `watch`. */
  notify(event: AnyEvent, key: string, own: boolean): void
  waitsChanged(key: string, before: WaitsFor, after: WaitsFor): void
  /** A promise until a branch whose wait has ended may go on; undefined when it may. */
  turnOf(key: string): Promise<void> | undefined
  /** Cancels one branch, also a queued one. Has no effect when it has settled. */
  cancelBranch(key: string, cancellation: Cancellation): CancelAnswer
  /** @param to the receiver as events name it; default: its key */
  deliver(key: string, message: Received, to?: string): Delivery
  broadcast(message: Received, from: string): void
}

/** When a branch began, and its retry policy. */
export interface BranchTiming {
  readonly task: { readonly policy: { readonly retry: RetryPolicy | undefined } }
  readonly startedAt: number | undefined
  readonly begun: number
  readonly deadlineAt: number | undefined
  /**
   * Asks where the policy is how long a failed branch waits for its next attempt: milliseconds, or undefined where there
   * is none. Absent where the policy is here.
   */
  readonly delayAfter?: ((error: unknown, attempt: number) => Promise<number | undefined>) | undefined
}

/** An application of this process, as descriptions read it. */
export interface LiveApp {
  readonly appId: string
  readonly path: Path
  readonly checkpoint: Checkpoint
  readonly journal: AppJournal | undefined
  readonly parent: { readonly key: string } | undefined
  /** The limit of its actions. */
  readonly semaphore: Permits | undefined
  readonly run: LiveRun | undefined
}

/** A run, as descriptions read it. */
export interface LiveRun {
  readonly phase: 'made' | 'running' | 'ended'
  readonly cancellation: Cancellation | undefined
  readonly leaked: readonly Leak[]
  readonly attempt:
    | {
        readonly node: { readonly name: string }
        readonly attempt: number
        readonly report: { readonly progress: Progress | undefined } | undefined
      }
    | undefined
  readonly attempts: { readonly branch: number; readonly waiting: boolean; readonly recovered: boolean } | undefined
  readonly step: { readonly map: RunningMap | undefined } | undefined
  readonly waits: { readonly level: WaitsFor } | undefined
  readonly subApps: ReadonlyMap<string, LiveApp> | undefined
}

/** A map at which a step stands, as its application, path lookup and descriptions use it. */
export interface RunningMap {
  readonly step: { readonly node: Pick<PlanNode, 'name' | 'parts'> }
  readonly policy: SettlePolicy
  /** Its branches, and the state of its decisions. */
  readonly table: {
    /** In the order in which they began. */
    readonly live: ReadonlyMap<string, BranchHandle>
    /** Results; of a folded one its status alone. */
    readonly settled: ReadonlyMap<string, Pick<AnyResult, 'status'> | AnyResult>
    readonly state: MapState
  }
  /** The keys of queued branches of a source of known length. */
  queued(): Iterable<string>
  /** 1 at the first visit of the map action, 2 when a loop comes back to it … */
  readonly visit: number
  /** What all its live branches wait for. */
  readonly waitsFor: WaitsFor
  /** Whether a branch with this key lives, has settled, or is queued in a source of known length. */
  knows(key: string): boolean
  /** Looks up the rest of a path in a branch. */
  find(key: string, rest: readonly string[]): Found
  /** Cancels everything that has not settled, because its run is cancelled. */
  cancelAll(): void
  /** Cancels everything that has not settled, and makes no more branches; the policy decides how the map ends. */
  cancelMap(cancellation: Cancellation): CancelAnswer | Promise<CancelAnswer>
  /** Resolves when it has ended. */
  over(): Promise<void>
  /** Abandons everything that ignores its cancel. */
  abandon(): void
  /** Ends at once, with a fault where the map's own code threw. */
  stop(fault?: { readonly error: unknown }): void
}

/** The target of a cancel: that of a path, or a map. */
export interface CancelTarget {
  /** Whether it is this application. */
  is(app: object): boolean
  cancel(reason: unknown, cause: CancelCause, by: string): CancelAnswer | Promise<CancelAnswer>
  /** Resolves when it has ended: of an application, its current run. */
  over(): Promise<void>
}

/** The target of a path: a live application, or a queued branch. */
export interface PathTarget extends CancelTarget {
  /** The map at which it stands, if it is this one. @param name as paths print it: `fan`, `fan#2` */
  mapOf(name: string): CancelTarget | undefined
  /** Delivers a message from outside, and emits its event. */
  deliver(message: Received): Delivery
  /** Stores a message for it. @returns the id of the message; undefined where it is not stored */
  post(message: Pick<Received, 'kind' | 'body'>): Promise<number | undefined> | undefined
  /** A message is stored. @param deliver called unless the message was taken from the store meanwhile */
  posted(message: Pick<Received, 'kind' | 'body'> & { readonly id: number }, deliver: () => Delivery): Delivery
}

/** The answer for a branch that has settled, while its map runs. */
export const SETTLED = 'settled'

export type Found = PathTarget | typeof SETTLED | undefined
