import type { CancelData, ErrorData } from './error-data.js'
import type { Json, Payload } from './payload.js'
import type { RunRef, RunSummary, WorkerInfo } from './run-summary.js'
import type { BranchCounts, BranchStatus, RunStatus, StepStatus } from './status.js'
import type { WirePath } from './wire-path.js'

// All of it is JSON. What has no value, or cannot be told by its source, is absent. Times are epoch milliseconds.

/** An application of a run: the root, or one below it. */
export interface Place {
  readonly appId: string
  /** Its address below the root; empty for the root. */
  readonly path: WirePath
}

/** A step of an application. */
export interface StepPlace extends Place {
  /** The action by its name in its own graph. */
  readonly action: string
  /** The number of the step, in its own application. */
  readonly sequenceId: number
}

/**
 * An open question: an action waits for a message from outside. Answer it with `send` of a host or `sendStored`, to its
 * `runId` and `path`. Times are epoch milliseconds.
 */
export interface Pending extends RunRef, StepPlace {
  /** `<appId>.<sequenceId>.<number of the wait in its step>`: the same after a resume. */
  readonly id: string
  /** The kinds of message that it takes. */
  readonly kinds: readonly string[]
  /** The question, as the action asked it. */
  readonly ask?: Payload
  /** JSON Schema by kind, where its schema gives one. */
  readonly schemas?: { readonly [kind: string]: Json }
  /** Since when; the first time, also after a resume. */
  readonly since: number
  /** When it stops waiting without a message. */
  readonly until?: number
  /** Whether a fitting message is stored, and not taken yet. */
  readonly answered: boolean
  /** The title of the run. */
  readonly title?: string
  /** The labels of the run. */
  readonly labels?: { readonly [name: string]: string }
}

/** A time that an application waits for. */
export interface Due extends Place {
  /**
   * `sleep`: a `context.sleep` ends. `wait`: a wait for a message ends without one. `retry`: the next attempt starts.
   * `timeout`: the time limit of a branch ends.
   */
  readonly kind: 'sleep' | 'wait' | 'retry' | 'timeout'
  /** Epoch milliseconds. */
  readonly at: number
  /** The action that waits or is tried again; absent for a `timeout`. */
  readonly action?: string
  /** The number of the step under way, in its own application. */
  readonly sequenceId: number
}

/** Code that ignored its cancel, and was abandoned. Times are epoch milliseconds. */
export interface Leak extends StepPlace {
  readonly cancelledAt: number
  /** When it was abandoned. */
  readonly at: number
  /** The pending interceptor, when the action had ended or not started. */
  readonly interceptor?: string
}

/** A change of a state, as a store keeps it. */
export type Patch =
  /** A new value. */
  | readonly ['=', Payload]
  /** Text appended. */
  | readonly ['~', string]
  /** Items changed, the list cut to a length, items appended. */
  | readonly ['[', { readonly [index: string]: Patch }, number, readonly Payload[]]
  /** The ranges of a list that stay, and inserted items. */
  | readonly [
      '<',
      readonly (readonly [from: number, to: number])[],
      readonly (readonly [place: number, items: readonly Payload[]])[],
    ]
  /** Keys changed or added, keys removed, and keys that moved. */
  | readonly [
      '{',
      { readonly [key: string]: Patch },
      readonly string[],
      (readonly (readonly [key: string, place: number])[])?,
    ]

/** The progress of a step, as its action reports it. */
export interface Progress {
  /** 0 to 1. */
  readonly fraction?: number
  readonly done?: number
  readonly total?: number
  readonly message?: string
  /** When it was reported, epoch milliseconds. */
  readonly at: number
}

/** One step of an application, or a whole state that no step made. Times are epoch milliseconds. */
export interface StepRecord extends StepPlace {
  /** Grows with each rewind. */
  readonly epoch: number
  readonly status: StepStatus
  /** The number of the attempt; the first is 1. */
  readonly attempt?: number
  /** Whether a fallback replaced a failure. */
  readonly recovered?: boolean
  /** Set where no step made the state: a start, a rewind, a fork, the result of a fallback. `action` is empty then. */
  readonly placed?: 'start' | 'rewind' | 'fork' | 'saved'
  readonly startedAt?: number
  readonly endedAt?: number
  readonly durationMs?: number
  readonly inputs?: Payload
  /** The update that it committed. */
  readonly update?: Payload
  /** The change of the state; absent where the whole state is stored. */
  readonly patch?: Patch
  readonly error?: ErrorData
  /** The edge that was taken. `condition` and `onError` are absent where they are not stored. */
  readonly took?: { readonly to: string; readonly condition?: string; readonly onError?: boolean }
  /** The chunks that it yielded; `bytes` of their JSON, absent where they are not recorded. */
  readonly chunks?: {
    readonly count: number
    readonly bytes?: number
    readonly firstAt: number
    readonly lastAt: number
  }
  readonly progress?: Progress
  /** The keys of the effects that it has done once. */
  readonly once?: readonly string[]
  /** The map that it ran. */
  readonly map?: { readonly map: string; readonly visit: number }
}

/** An application of a run, and what is below it. Times are epoch milliseconds. */
export interface AppNode extends Place {
  /** Its key in its map. */
  readonly key?: string
  /** Its index in its map, in declaration order. */
  readonly index?: number
  readonly title?: string
  readonly status: RunStatus | BranchStatus
  /** When the status began. */
  readonly since?: number
  /** Since when a branch waited for its start: for interceptors, a permit, a worker. Absent before its map made it. */
  readonly queuedAt?: number
  readonly startedAt?: number
  readonly endedAt?: number
  /** Grows with each rewind. */
  readonly epoch?: number
  /** The number of the last committed step; -1 before the first. Absent for a settled branch of a live run. */
  readonly sequenceId?: number
  /** The last committed action. */
  readonly position?: string
  /** The action that runs next, or runs now. */
  readonly next?: string
  /** Number of the attempt of a branch; 0 if it never started. */
  readonly attempt: number
  /** Number of the delivery to a worker. */
  readonly delivery?: number
  /** Whether a fallback replaced a failure. */
  readonly recovered?: boolean
  /** The step that is under way, or failed, or is tried again. */
  readonly step?: StepRecord
  /** Why it failed. */
  readonly error?: ErrorData
  /** Why it was cancelled, or interrupted. */
  readonly cancelled?: CancelData
  /** Its own open questions, and none of those below. */
  readonly pending: readonly Pending[]
  /** The times that it waits for itself. */
  readonly due: readonly Due[]
  /** Its own abandoned code. */
  readonly leaked: readonly Leak[]
  /** The map at which it stands, then earlier ones, newest first; those have no pages of branches. */
  readonly maps: readonly MapNode[]
  /** The applications that the action of its present step made. */
  readonly children: readonly AppNode[]
  /** The worker that runs it, if it runs elsewhere. */
  readonly worker?: WorkerInfo
}

/** One visit of a map. Times are epoch milliseconds. */
export interface MapNode {
  /** The name of the map action. */
  readonly map: string
  /** How often its application has come to this map, from 1. */
  readonly visit: number
  /** The epoch of its application in which it ran. */
  readonly epoch: number
  /** The step of its application. */
  readonly sequenceId: number
  /** The call that made it: `mapStates`, `mapActions`, `mapActionsAndStates`, `parallel`, `subgraph`. */
  readonly kind?: 'states' | 'actions' | 'product' | 'tasks' | 'subgraph'
  /** Its settle policy: `all`, `{ atLeast: 2 }`. */
  readonly policy?: string
  /** How many branches run at once. */
  readonly concurrency?: number
  /** How many actions run at once in all maps and applications that share its limit. Absent where it shares none. */
  readonly limit?: number
  /** Number of branches; absent for a generator that has not ended. */
  readonly total?: number
  readonly status: 'running' | 'reducing' | 'interrupted' | 'done' | 'failed' | 'cancelled'
  readonly startedAt?: number
  readonly endedAt?: number
  /** Numbers of branches by status. */
  readonly counts: BranchCounts
  /** The first branches of each status that has any. */
  readonly branches: readonly BranchPage[]
}

/** The first branches of one status. */
export interface BranchPage {
  readonly status: BranchStatus
  readonly items: readonly AppNode[]
  /** How many follow. */
  readonly more: number
  /** Gives the next ones: `after` of {@link Reader.branches}. */
  readonly after?: string
}

/** A live run: a tree without the times that only a store or a log has. */
export interface LiveTree extends Omit<RunTree, 'run'> {
  readonly run: Omit<RunSummary, 'createdAt' | 'since' | 'updatedAt'>
}

/** A run, or an application of it, and what is below it. */
export interface RunTree {
  readonly run: RunSummary
  /** The root application, or the one at the requested path. */
  readonly root: AppNode
  /** The program that has recorded it, if that is not Teasel: `Burr`. */
  readonly recordedBy?: string
  /** What its source cannot tell, by name: `chunks`, `inputs` … Those parts are absent. */
  readonly lacks: readonly string[]
  /** The moment of reading, epoch milliseconds, and where it was read. `seq`: the last event of a live run or a log. */
  readonly asOf: {
    readonly source: 'live' | 'log' | 'store'
    readonly at: number
    readonly incarnation: number
    readonly seq?: number
  }
}
