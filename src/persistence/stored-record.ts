import type { State } from '../state/freeze.js'
import type {
  CancelledNote,
  FailedNote,
  ForkedFrom,
  ManifestEntry,
  ParentRef,
  StatusRow,
  StepEndMark,
  WaitingNote,
} from './record.js'

/** How far an application is. */
export type StoredStatus = 'running' | 'waiting' | 'halted' | 'finished' | 'failed' | 'cancelled'

/** A fan-out that had begun and was not committed. */
export interface StoredMap {
  readonly map: string
  readonly visit: number
  readonly version: number
  /** The entries by index, as far as they are recorded. */
  readonly entries: ReadonlyMap<number, ManifestEntry>
  /** How many there are; undefined while the generator had not ended. */
  readonly total: number | undefined
  /** `watch` had said that there are enough. */
  readonly settled: boolean
}

/** What is stored of an application, put together. */
export interface StoredRecord {
  readonly appId: string
  readonly state: State
  /** Whether a whole state is stored: not where there are only notes to its first step. */
  readonly hasState: boolean
  /** The last committed action. */
  readonly position: string | undefined
  /** The action that was chosen to run next. */
  readonly next: string | undefined
  /** The number of the last committed step, -1 before the first. */
  readonly sequenceId: number
  readonly epoch: number
  /** The user's own version of the records, see `version`. */
  readonly version: number
  readonly status: StoredStatus
  /** When the first row that is read was written, and the last one; epoch milliseconds × 1024. */
  readonly order: number
  readonly visits: Readonly<Record<string, number>>
  readonly waiting: WaitingNote | undefined
  readonly failed: FailedNote | undefined
  /** The order of the row that says so. */
  readonly failedAt: number
  readonly cancelled: CancelledNote | undefined
  /** How the run of a branch ended. */
  readonly end: StepEndMark | undefined
  readonly startedAt: number | undefined
  /** Which attempt of the branch it is at. */
  readonly attempts: number
  /** How many attempts at the next step had failed when the branch was last tried again. */
  readonly tries: number
  /** A fallback made a success of a failure. */
  readonly recovered: boolean
  /** After this order, branches that failed are to run again. */
  readonly retryFailuresBefore: number
  /** The row of how it stands. @internal */
  readonly statusRow: StatusRow | undefined
  readonly parentRef: ParentRef | undefined
  readonly from: ForkedFrom | undefined
  /** Keys whose schema refuses what it gave itself: it is not asked about them again. */
  readonly oneWay: readonly string[]
  /** Keys that a patch or `migrate` gave, and that no schema was asked about yet. */
  readonly given: readonly string[]
  /** The state was patched: what runs next is chosen anew when it goes on. */
  readonly chooses?: boolean
  /** The fan-out that the next step had begun. */
  readonly map: StoredMap | undefined
  /** Side effects that the next step had done, by key. */
  readonly once: ReadonlyMap<string, unknown>
  /** Messages that no committed step has taken, in order. */
  readonly inbox: readonly StoredMessage[]
  /** How many rows there are: the place of the next one. */
  readonly rows: number
}

/** A message of an inbox. */
export interface StoredMessage {
  readonly id: number
  readonly kind: string
  readonly body: unknown
}
