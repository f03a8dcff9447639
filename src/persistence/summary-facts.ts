import type { CancelData, ErrorData } from '../read/error-data.js'
import type { Json, Payload } from '../read/payload.js'
import type { WorkerInfo } from '../read/run-summary.js'
import type { BranchCounts, BranchStatus } from '../read/status.js'
import type { WirePath } from '../read/wire-path.js'

// The content of the `facts` of summaries and waits, and of heartbeats: JSON, opaque to drivers. What has no value is
// absent. Times are epoch milliseconds.

/** `facts` of the summary of an application. */
export interface SummaryFacts {
  readonly epoch: number
  /** The last committed step when it was written; a later step outdates `next`, `position` and `map`. */
  readonly sequenceId?: number
  /** When a branch was queued before it started; absent where it has started in an earlier process. */
  readonly queuedAt?: number
  readonly startedAt?: number
  readonly endedAt?: number
  /** Number of the attempt of a branch; 0 if it never started. */
  readonly attempt?: number
  readonly next?: string
  readonly position?: string
  /** The hash of its graph. */
  readonly graph?: string
  readonly error?: ErrorData
  readonly cancelled?: CancelData
  readonly forkedFrom?: { readonly appId: string; readonly sequenceId: number }
  /** Number of branches of the map of a branch, where it is known; some of them may have no row. */
  readonly of?: number
  /** The map of a branch, as it began; only in its first branch, for the time when it is over. */
  readonly visit?: VisitFacts
  /** Whether a fallback replaced a failure. */
  readonly recovered?: true
  /** The inputs that a host gives to every run, encoded. */
  readonly inputs?: string
  /** The priority of the jobs of a run. */
  readonly priority?: number
  /** What its tracker gave along where it was started. */
  readonly carried?: Readonly<Record<string, string>>
  /** How often in a row its process died in the same step, when the run last began. */
  readonly crashes?: { readonly count: number; readonly sequenceId: number }
  /** Number of the delivery to a worker. */
  readonly delivery?: number
  /** The times that this application waits for, and none below. */
  readonly due?: readonly DueFacts[]
  /** The map at which it stands. */
  readonly map?: MapFacts
  /** The branches of that map, by status. */
  readonly counts?: Partial<BranchCounts>
}

/** A time that an application waits for. */
export interface DueFacts {
  readonly kind: 'sleep' | 'wait' | 'retry' | 'timeout'
  readonly at: number
  readonly action?: string
  readonly sequenceId: number
}

/** The map at which an application stands. */
export interface MapFacts {
  readonly map: string
  readonly visit: number
  /** The step of the map. */
  readonly sequenceId: number
  readonly kind?: 'states' | 'actions' | 'product' | 'tasks' | 'subgraph'
  /** Its settle policy: `all`, `{ atLeast: 2 }`. */
  readonly policy?: string
  readonly concurrency?: number
  /** The limit that it shares with other maps. */
  readonly limit?: number
  /** Number of branches; absent for a generator that has not ended. */
  readonly total?: number
  /** Whether `watch` has closed it: it starts no more branches. */
  readonly closed?: true
  readonly startedAt?: number
}

/** How a visit of a map began. */
export type VisitFacts = Pick<MapFacts, 'kind' | 'policy' | 'concurrency' | 'limit' | 'startedAt'>

/** `facts` of an open question. */
export interface WaitFacts {
  readonly action: string
  readonly path: WirePath
  readonly ask?: Payload
  /** JSON Schema by kind. */
  readonly schemas?: { readonly [kind: string]: Json }
}

/** The data of a heartbeat: how another process sees branches that have no row yet. */
export interface BeatFacts {
  readonly counts: Partial<BranchCounts>
  /** The first 50 open branches. */
  readonly branches: readonly BeatBranch[]
}

/** An open branch in a heartbeat. */
export interface BeatBranch {
  readonly appId: string
  readonly path: WirePath
  readonly status: BranchStatus
  readonly attempt: number
  readonly queuedAt?: number
  readonly startedAt?: number
  /** Where it runs, if it runs elsewhere. */
  readonly worker?: WorkerInfo
  /** The action that runs, or is tried again. */
  readonly action?: string
  readonly sequenceId: number
  readonly progress?: {
    readonly fraction?: number
    readonly done?: number
    readonly total?: number
    readonly message?: string
    readonly at: number
  }
}
