import type { State } from '../state/freeze.js'
import type {
  CancelledNote,
  FailedNote,
  ForkedFrom,
  ManifestEntry,
  ParentRef,
  StatusRow,
  StepEndMark,
} from './record.js'
import type { RetryNote, WaitingNote, WaitRange } from './wait-note.js'

/**
 * The status of a stored application, as its rows alone hold it. `interrupted`: it was cancelled, but not for good. Rows
 * hold no lease: `running` may stand for a run whose process has died, see the status of `persister.list`.
 */
export type StoredStatus = 'running' | 'waiting' | 'interrupted' | 'halted' | 'finished' | 'failed' | 'cancelled'

/** An unfinished map: its step has not committed. */
export interface StoredMap {
  /** The name of the map action. */
  readonly map: string
  /** How often its application has come to it, from 1. */
  readonly visit: number
  /** The version of the records when it started, see `version`. */
  readonly version: number
  /** The entries by index, as far as they are recorded. */
  readonly entries: ReadonlyMap<number, ManifestEntry>
  /** Number of entries; undefined if the generator has not ended. */
  readonly total: number | undefined
  /** Whether `watch` had closed the map. */
  readonly settled: boolean
  /** When its first entries were recorded, epoch milliseconds. */
  readonly startedAt: number
  /** By whom and why it was cancelled as a whole; undefined if it was not. */
  readonly cancelled?: { readonly by: string; readonly reason: unknown } | undefined
}

/**
 * The record of a stored application, read from its rows: where a resume continues. Orders are epoch milliseconds × 1024,
 * other times epoch milliseconds.
 */
export interface StoredRecord {
  readonly appId: string
  /** Its last stored state, without the keys that are never stored. */
  readonly state: State
  /** Whether a state is stored. False if there are only notes to the first step. */
  readonly hasState: boolean
  /** The last committed action. */
  readonly position: string | undefined
  /** The action chosen to run next. */
  readonly next: string | undefined
  /** The number of the last committed step, -1 before the first. */
  readonly sequenceId: number
  /** Grows with each rewind. */
  readonly epoch: number
  /** The user's own version of the records, see `version`. */
  readonly version: number
  readonly status: StoredStatus
  /** Order of the newest row: epoch milliseconds × 1024. */
  readonly order: number
  /** Number of commits of each action. */
  readonly visits: Readonly<Record<string, number>>
  /** Its open waits; undefined if there are none. */
  readonly waiting: WaitingNote | undefined
  /** Earlier waits of the attempt whose time is over. @internal */
  readonly passedWaits: readonly WaitRange[]
  /** The last retry of the next step; undefined if there was none. */
  readonly retry: RetryNote | undefined
  /** Why its last run failed; undefined once the step has committed. */
  readonly failed: FailedNote | undefined
  /** Order of the note of the failure. */
  readonly failedAt: number
  /** Why its last run was cancelled or interrupted; undefined once a step has committed. */
  readonly cancelled: CancelledNote | undefined
  /** How the run of a branch ended. */
  readonly end: StepEndMark | undefined
  /** When its last step began; for a branch, its first one. */
  readonly startedAt: number | undefined
  /** For a branch with a time limit: when that ends, epoch milliseconds. */
  readonly deadlineAt: number | undefined
  /** Number of the current attempt of the branch. */
  readonly attempts: number
  /** Number of failed attempts at the next step when it, or the branch, was last retried. */
  readonly tries: number
  /** Whether a fallback replaced a failure. */
  readonly recovered: boolean
  /** Failures of branches stored before this order are retried. */
  readonly retryFailuresBefore: number
  /** The row of its status notes. @internal */
  readonly statusRow: StatusRow | undefined
  /** Its place below another application; undefined for a root. */
  readonly parentRef: ParentRef | undefined
  /** The step that it was forked from. */
  readonly from: ForkedFrom | undefined
  /** Keys whose schema rejects its own output: they are not validated again. */
  readonly oneWay: readonly string[]
  /** Keys set by a patch or `migrate` that are not validated yet. */
  readonly given: readonly string[]
  /** Whether the state was patched: a resume then chooses the next action anew. */
  readonly chooses?: boolean
  /** The unfinished map of the next step. */
  readonly map: StoredMap | undefined
  /** Results of the side effects that the next step has done, by key. */
  readonly once: ReadonlyMap<string, unknown>
  /** Messages that no committed step has taken, oldest first. */
  readonly inbox: readonly StoredMessage[]
  /** Number of rows: the index of the next one. */
  readonly rows: number
}

/** A message of an inbox. */
export interface StoredMessage {
  /** Its id in the store. */
  readonly id: number
  readonly kind: string
  readonly body: unknown
}
