import type { Inputs } from '../../action/inputs.js'
import type { CancelAnswer, Delivery, Received } from '../../action/message.js'
import type { RetryPolicy } from '../../action/retry.js'
import type { AnyEvent, CancelCause } from '../../lifecycle/events.js'
import type { BranchResult } from '../../parallel/results.js'
import type { BranchTask } from '../../parallel/task.js'
import type { Journal } from '../../persistence/journal.js'
import type { State } from '../../state/freeze.js'
import type { Tracker } from '../../tracking/tracker.js'
import type { Alarm } from '../cancel/alarm.js'
import type { Cancellation } from '../cancel/cancellation.js'
import type { Checkpoint } from '../checkpoint.js'
import type { EventSource } from '../event-source.js'
import type { Mailbox } from '../message/mailbox.js'
import type { PendingMessage } from '../message/pending.js'
import type { Leak } from '../run/request.js'

// Owns: the seam between a map and its branches, in both directions: what a map, messages, paths, grace, events and the
// store have of a branch, wherever it runs.
// B1  Nothing above a branch reaches its application but through its handle, so that it can run elsewhere.
// B2  The result is there, as data, before the map hears that the branch has ended.

/** What all that is left of an application waits for. `outside`: at least one part of it for a person. */
export type WaitsFor = 'nothing' | 'siblings' | 'outside'

/** What a map has of one of its branches. */
export interface BranchHandle {
  readonly task: BranchTask
  /** Where events about it come from. */
  readonly origin: EventSource
  /** What it runs with. */
  readonly inputs: Inputs
  /** `made` until its first step may begin, `ended` from when its result is certain, though maybe not stored yet. */
  readonly status: 'made' | 'running' | 'ended'
  /** How often it began, or went on at a failed step. */
  readonly attempts: number
  /** What it has committed, or begins with. */
  readonly state: State
  /** Code below that was given up. */
  readonly leaked: readonly Leak[]
  /** When it was cancelled, on the clock that never goes back; undefined where it was not. */
  readonly cancelledAt: number | undefined
  readonly cancelCause: CancelCause | undefined
  readonly waitsFor: WaitsFor
  /** Whether it may stop waiting by itself, without a message. */
  readonly mayWithdraw: boolean
  /** Whether it waits for its next attempt. */
  readonly isRetrying: boolean
  /** Where it is stored, if it is. */
  readonly journal: Journal | undefined
  /** How it ended; undefined while it has not. */
  readonly result: BranchResult | undefined
  /** Kept by the map: when its first step began, epoch milliseconds. */
  startedAt: number | undefined
  /** The same on the clock that never goes back; counted from the store where it began before a resume. */
  begun: number
  /** Rings when its time is over. */
  alarm: Alarm | undefined
  /** Where it stands, for a run that tries the step of its map again. */
  place(): BranchProgress
  /** Which of its actions wait for a message from outside. */
  pending(): Iterable<PendingMessage>
  /** What stands below it, at the rest of a path. */
  find(parts: readonly string[]): Found
  /** Takes the messages that came before it was made. */
  adopt(mailbox: Mailbox): void
  /** Asks interceptors, then runs. Ends by the done event of its actor, or by {@link BranchHost.refused}. */
  start(): void
  /** Fires its signals in this tick. False where it has not begun: the map settles it. */
  cancel(cancellation: Cancellation): boolean
  /** Gives up what ignores its cancel. */
  abandon(): void
  /** Ends it at once, waiting for nothing. */
  stop(cancellation: Cancellation): void
  send(message: Received): Delivery
  /** No message of a sibling comes any more. */
  releaseSiblings(error: { readonly reason: unknown } | undefined): void
  /** It has settled: lets go of all that it holds. */
  release(): void
}

/** A side effect of a step that is done once. */
export interface LiveEffect {
  /** What it gave, once that is written down. */
  give(): Promise<unknown>
}

/** Where a branch stands that has not settled for good. */
export interface BranchProgress {
  readonly checkpoint: Checkpoint
  readonly visits: readonly number[]
  /** What its next step has done once. */
  readonly onces: Map<string, LiveEffect> | undefined
  /** What is held of the map that its next step stands at. */
  readonly held: HeldMap | undefined
  /** When its first step began; undefined where it begins afresh. */
  readonly startedAt: number | undefined
  readonly attempts: number
  /** How many attempts at its next step had failed when it was last tried again. */
  readonly tries: number
  /** A fallback made a success of a failure. */
  readonly recovered: boolean
  /** Its last step has committed: only its run was cut off. */
  readonly ended: boolean
}

/** What is held in memory of the branches of a map, until its step commits. */
export interface HeldMap {
  /** Where a branch goes on; undefined of one that starts. */
  placeOf(key: string): BranchProgress | undefined
}

/** What a branch has of the map that it is a branch of. */
export interface BranchHost {
  /** True when the map has a `watch`. */
  readonly watches: boolean
  /** Records its branches. */
  readonly tracker: Tracker | undefined
  /** When a branch that lives began, and how it is retried. */
  timing(key: string): BranchTiming | undefined
  /** Its id, where it is stored under another than that of its place. */
  idOf(key: string): string | undefined
  /** Its first step runs. */
  branchStarted(key: string): void
  /** An interceptor refused it, or it was cancelled while interceptors were asked. */
  refused(key: string, ending: BranchResult): void
  /** An event of the branch or of something below it, for `watch`. */
  tell(event: AnyEvent, key: string, own: boolean): void
  /** It waits for something else. */
  waitsChanged(key: string, before: WaitsFor, after: WaitsFor): void
  /** Undefined where a branch whose wait has ended may go on, else a promise of that. */
  turnOf(key: string): Promise<void> | undefined
  /** Cancels one branch, also a queued one. Does nothing when it has settled. */
  cancelBranch(key: string, cancellation: Cancellation): CancelAnswer
  /** @param to the receiver as events name it; default: its key */
  deliver(key: string, message: Received, to?: string): Delivery
  broadcast(message: Received, from: string): void
}

/** When a branch began, and how it is retried. */
export interface BranchTiming {
  readonly task: { readonly retry: RetryPolicy | undefined }
  readonly startedAt: number | undefined
  readonly begun: number
}

/** What stands at a path: an application that lives, or a branch that still waits for its turn. */
export interface PathTarget {
  /** Whether it is that application. */
  is(app: object): boolean
  /** Hands it a message from outside, and emits what became of it. */
  deliver(message: Received): Delivery
  /** Cancels it. */
  cancel(reason: unknown, cause: CancelCause, by: string): CancelAnswer | Promise<CancelAnswer>
  /** Resolves when what runs there now has ended. */
  over(): Promise<void>
  /** Stores a message for it. @returns its id; undefined where nothing of it is stored */
  post(message: Pick<Received, 'kind' | 'body'>): Promise<number> | undefined
  /** A message is stored. @param deliver called where it has not been taken from the store meanwhile */
  posted(message: Pick<Received, 'kind' | 'body'> & { readonly id: number }, deliver: () => Delivery): Delivery
}

/** What stood at a path: a branch that has settled, of a map that goes on. */
export const SETTLED = 'settled'

export type Found = PathTarget | typeof SETTLED | undefined
