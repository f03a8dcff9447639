import type { Path } from '../action/context.js'
import type { LogLevel } from '../action/report.js'
import { type AnyEvent, type CancelCause, type EventType, OBSERVABLE_TYPES } from '../lifecycle/events.js'
import type { InterceptedStep, Outcome } from '../lifecycle/interceptor.js'
import type { LogLine } from '../lifecycle/logger.js'
import type { WorkerPlace } from '../lifecycle/map-events.js'
import type { Due, Pending } from '../lifecycle/pending.js'
import type { StoredMessage } from '../persistence/replay.js'
import type { WaitsFor } from '../runtime/map/branch-handle.js'
import type { CommittedStep } from '../runtime/run/request.js'
import type { Leak } from '../runtime/run/result.js'
import type { State } from '../state/freeze.js'
import type { JournalNotice, JournalQuestion, StoreData } from './journal-ops.js'

// Owns: the frames between a branch that lives behind a channel and its owner. Both ends check each one (frame-rules.ts).
// F1  A frame is data: it crosses as text of the codec. Code crosses by its name, trackers and limits do not cross.

/** Where an application stands, as data. */
export interface CheckpointData {
  readonly state: State
  readonly position: string | undefined
  readonly next: string | undefined
  readonly sequenceId: number
}

/** The keys of the state that a step set to other values, and those that it removed. */
export interface StateChange {
  readonly set: State
  readonly removed: readonly string[]
}

/** A commit, without its state. */
export interface CommitData {
  readonly position?: string | undefined
  readonly next?: string | undefined
  readonly sequenceId: number
}

/** The attempts of a branch that continues. */
export interface PastData {
  readonly attempts: number
  readonly tries: number
  readonly recovered: boolean
}

export interface MessageData {
  readonly kind: string
  readonly body: unknown
  /** Null for a message from outside. */
  readonly from: string | null
  /** Its id in the store: the commit that takes it removes it there. */
  readonly id?: number
}

/** The interceptors of the owner: which functions each of them has. */
export interface HookData {
  readonly name: string
  readonly onFault: 'report' | 'fail'
  readonly hooks: readonly string[]
}

/** A branch, as its worker makes it. */
export interface StartFrame {
  readonly type: 'start'
  /** Absent where nothing stored depends on it: it is a hash of its place then, which the worker makes if it is asked for. */
  readonly appId?: string | undefined
  /** The id of the application above, where `appId` is absent. */
  readonly parentId?: string | undefined
  readonly parentPath: Path
  readonly map: string
  readonly visit: number
  readonly key: string
  readonly state: State
  readonly inputs: State
  readonly bound: State
  readonly runId: string
  /** What the tracker of the owner gave along: {@link Tracker.carry}. */
  readonly carried?: Readonly<Record<string, string>> | undefined
  /** Whether the tracker has texts of steps: {@link Tracker.carryStep}. */
  readonly carriesSteps: boolean
  readonly watched: boolean
  /** Whether a tracker of the owner records its events. */
  readonly tracked: boolean
  readonly hears: readonly EventType[]
  /** The most attempts by the `retry` of the branch; 0 without one. */
  readonly attempts: number
  readonly limited: boolean
  readonly paced: boolean
  readonly deep: boolean
  /** A time limit begins when it starts: its owner has to hear of that before its code runs. */
  readonly timed: boolean
  /** Chunks that may be ahead of the owner. */
  readonly credit: number
  readonly hooks: readonly HookData[]
  readonly graceMs: number
  readonly resume?:
    | (PastData & {
        readonly checkpoint: CheckpointData
        readonly visits: readonly number[]
        readonly kept?: number | undefined
      })
    | undefined
  /** Messages that no commit has taken. `n` of the first is 1. */
  readonly messages: readonly MessageData[]
  /** Absent where the branch is not stored. */
  readonly store?: StoreData | undefined
}

/** Cancels something below a branch, or a map of that, or of the branch itself. */
export interface CancelBelow {
  readonly type: 'cancelBelow'
  readonly id: number
  readonly rest: readonly string[]
  /** As paths print it. */
  readonly map?: string | undefined
  readonly reason: unknown
  readonly by: string
  readonly cause: CancelCause
}

export type DownFrame =
  | StartFrame
  | {
      readonly type: 'cancel'
      readonly reason: unknown
      readonly by: string
      readonly cause: CancelCause
    }
  | { readonly type: 'abandon' }
  | { readonly type: 'stop' }
  | { readonly type: 'message'; readonly n: number; readonly message: MessageData }
  | { readonly type: 'noSender'; readonly n: number; readonly error: { readonly reason: unknown } | undefined }
  | { readonly type: 'credit'; readonly n: number }
  | { readonly type: 'hears'; readonly types: readonly EventType[] }
  | { readonly type: 'permit'; readonly id: number }
  | { readonly type: 'answer'; readonly id: number; readonly value?: unknown; readonly error?: unknown }
  | { readonly type: 'below'; readonly n: number; readonly rest: readonly string[]; readonly message: MessageData }
  | CancelBelow
  /** A message from the store, for an application of the branch. */
  | { readonly type: 'posted'; readonly app: number; readonly message: StoredMessage }
  /** Asks to store a message for something below the branch. */
  | {
      readonly type: 'postBelow'
      readonly id: number
      readonly rest: readonly string[]
      readonly message: Pick<StoredMessage, 'kind' | 'body'>
    }

/** Questions of a branch to its owner. */
export type Question =
  | { readonly method: 'turn' }
  | { readonly method: 'journal'; readonly app: number; readonly question: JournalQuestion }
  | { readonly method: 'retry'; readonly error: unknown; readonly attempt: number }
  /** The texts of an attempt. `appId` is absent where it is that of the branch. */
  | {
      readonly method: 'carry'
      readonly appId?: string
      readonly path: Path
      readonly sequenceId: number
      readonly attempt: number
    }
  | { readonly method: 'step'; readonly step: CommittedStep; readonly path: Path }
  | {
      readonly method: 'hook'
      readonly index: number
      readonly hook: string
      readonly args: object | InterceptedStep
      readonly outcome: Outcome | undefined
    }

/**
 * An event without what its owner gives: numbers, times and ids of its run; and without what it has of the branch itself,
 * where the branch is its source.
 */
export interface EventData {
  readonly type: AnyEvent['type']
  readonly appId?: string
  readonly path?: Path
  readonly [field: string]: unknown
}

/** What a branch waits for. */
export interface WaitsData {
  readonly level: WaitsFor
  readonly mayWithdraw: boolean
  /** Its own open waits. */
  readonly open: readonly { readonly kinds: readonly string[]; readonly from: 'outside' | 'siblings' | 'time' }[]
  readonly pending: readonly Pending[]
  readonly due: readonly Due[]
  /** Messages in its mailbox. */
  readonly unread: number
}

/** How a cancel of something below the branch ended; or the id of a message that was stored, null where it was not. */
export type BelowAnswer = 'cancelled' | 'settled' | 'unknown' | number | null | { readonly error: unknown }

export type UpFrame =
  | { readonly type: 'started'; readonly worker: WorkerPlace }
  /** The worker has other code under its name. */
  | { readonly type: 'mismatch'; readonly outline: readonly string[] }
  | { readonly type: 'facts'; readonly attempts: number; readonly retrying: boolean }
  | {
      readonly type: 'event'
      readonly event: EventData
      /** Whether the tracker of the owner records it. */
      readonly tracked: boolean
      /** Events before it that nobody observes. */
      readonly skipped: number
    }
  /** Chunks of the branch itself, in order. `skipped` are before the first. */
  | {
      readonly type: 'chunk'
      readonly source: string
      readonly sequenceId: number
      readonly chunks: readonly unknown[]
      readonly tracked: boolean
      readonly skipped: number
    }
  | {
      readonly type: 'step'
      readonly change: StateChange
      readonly at: CommitData
      /** The number of the last message that it has seen, and the numbers of those that no commit has taken. */
      readonly n: number
      readonly left: readonly number[]
    }
  /** `n`: the last message or `noSender` that it has seen. */
  | { readonly type: 'waits'; readonly n: number; readonly waits: WaitsData }
  | {
      readonly type: 'cancel'
      readonly key: string
      readonly reason: unknown
      readonly by: string
      readonly cause: CancelCause
    }
  | {
      readonly type: 'send'
      readonly key: string | null
      readonly message: MessageData
      readonly to: string | undefined
    }
  | { readonly type: 'ask'; readonly id: number; readonly question: Question }
  /** A warning or an error for the logger. */
  | {
      readonly type: 'log'
      readonly level: LogLevel
      readonly text: string
      readonly data: unknown
      /** The place of a line of an action. */
      readonly at?: Omit<LogLine, 'level' | 'text' | 'data'>
    }
  /** A step border. A chunk that crosses counts as well. */
  | { readonly type: 'pace' }
  | { readonly type: 'acquire'; readonly id: number }
  | { readonly type: 'withdraw'; readonly id: number }
  | { readonly type: 'release'; readonly id: number }
  | { readonly type: 'below'; readonly id: number; readonly answer: BelowAnswer }
  | { readonly type: 'journal'; readonly app: number; readonly notice: JournalNotice }
  /** A store that a map in the worker opened is lost. */
  | { readonly type: 'storeLost'; readonly error: unknown }
  | {
      readonly type: 'ended'
      readonly status: 'finished' | 'halted' | 'failed' | 'cancelled'
      readonly error?: unknown
      readonly past: PastData
      readonly attempts: number
      readonly recovered: boolean
      /** Its last step has committed. */
      readonly complete: boolean
      readonly leaked: readonly Leak[]
      readonly skipped: number
      /** The number under which the worker keeps what its next step has done. */
      readonly kept?: number | undefined
    }

export type Ended = Extract<UpFrame, { readonly type: 'ended' }>

/** All types of events that cross. */
export const EVENT_TYPES = Object.keys(OBSERVABLE_TYPES) as EventType[]
