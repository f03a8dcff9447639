import type { MapTraits } from '../parallel/fan-out.js'
import type { Feed } from '../parallel/restored-feed.js'
import type { BranchResult } from '../parallel/results.js'
import type { SettlePolicy } from '../parallel/settle.js'
import type { BranchTask } from '../parallel/task.js'
import type { State } from '../state/freeze.js'
import type { StoredTiming } from './committing.js'
import type { Awaitable, PersisterDriver } from './driver.js'
import type { Notes, ParentRef } from './record.js'
import type { StoredMessage, StoredRecord } from './replay.js'
import type { Scope } from './scope.js'

/** One visit of a map, as its branch store uses it. */
export interface StoredMapVisit {
  readonly subject: string
  readonly name: string
  readonly visit: number
  readonly policy: SettlePolicy
  readonly traits: MapTraits
  /** The state that the map reads. */
  readonly base: State
  readonly feed: Feed
  /** The task at an index, for a source of known length. */
  readonly taskAt: ((index: number) => BranchTask) | undefined
  /** Called when the feed has more tasks. */
  readonly wake: () => void
  /** Settles a branch with its stored result. */
  readonly settle: (task: BranchTask, stored: StoredRecord, result: BranchResult, endedAt: number) => void
  /** Called when `watch` had closed the map before. */
  readonly satisfied: () => void
  /** Called when the map had been cancelled before. */
  readonly cancelled: (cancel: CancelledMap) => void
  /** Called when restoring is complete, before the first task is handed out. */
  readonly restored: () => void
  /** True when the map starts no more branches. */
  readonly closed: () => boolean
  /** True when the map was cancelled as a whole: its source gives no more. */
  readonly isCancelled: () => boolean
  /** Called when a write fails. */
  readonly fault: (error: unknown) => void
}

/** The cancel of a map as a whole. */
export type CancelledMap = NonNullable<Notes['settled']['cancelled']>

type Cancelled = Pick<Notes['cancelled'], 'cause' | 'by' | 'reason'>

/** The journal of a branch that is cancelled. */
export interface CancelledJournal {
  readonly stored: StoredRecord | undefined
  cancelled(cancellation: Cancelled, timing: StoredTiming): Awaitable<void>
}

/** A live branch, as the branch store uses it. */
export interface RunningBranch {
  readonly startedAt: number | undefined
  readonly journal: CancelledJournal | undefined
  readonly attempts: number
}

/** The stored branches of one visit of a map. `J`: the journal of an application. */
export interface BranchStore<J> extends Feed {
  /** The journal of a new branch, and its stored record. */
  branch(task: BranchTask): { readonly journal: J; readonly stored: StoredRecord | undefined }
  /** The stored record of a queued branch that would continue. */
  recordOf(key: string): StoredRecord | undefined
  /** Stores the final cancel of a live or queued branch. */
  cancelled(task: BranchTask, cancellation: Cancelled, live?: RunningBranch): void
  /** Stores that `watch` closed the map. */
  satisfied(): void
  /** Stores that the map was cancelled, so that a resume makes no more branches. */
  mapCancelled(cancel: CancelledMap): void
  /** The id of a branch. */
  idOf(key: string): string
  /** Stores a message for a queued branch. @returns its id */
  post(key: string, message: Pick<StoredMessage, 'kind' | 'body'>): Promise<number>
}

/** Opens the stored branches of a map. */
export type OpenBranchStore<J> = (journal: J, map: StoredMapVisit, scope: Scope) => BranchStore<J>

/** The start of a journal. */
export interface JournalSetup {
  readonly appId: string
  readonly parentRef?: ParentRef | undefined
  /** Its index in its map. Default -1: it is in no map. */
  readonly index?: number | undefined
  /** The stored record to continue from. */
  readonly stored?: StoredRecord | undefined
  /**
   * The stored record of another start. The application starts again when it opens; the record stays readable under its
   * epoch.
   */
  readonly replaced?: StoredRecord | undefined
  /** Written with the first row: the last step of the parent, and the entry of a generator. */
  readonly parentNote?: ParentNote | undefined
  /** Whether opening looks for a stored record: an application made by an action may be stored already. */
  readonly mayBeStored?: boolean
}

/** The journal of a parent, as the first row of an application below needs it. */
export interface NotedParent {
  readonly scope: Scope
  /** Stores its last step, and an entry of a generator. */
  enter(note: Notes['entry'] | undefined): Awaitable<void>
}

/** Written to the parent's journal with the first row of an application. */
export interface ParentNote {
  readonly parent: NotedParent
  readonly note?: Notes['entry'] | undefined
  /** Called when the rows could not be stored. */
  readonly lost?: () => void
}

/** Whether a map has a persister of its own. */
export const isOwn = (own: unknown): own is { readonly driver: PersisterDriver } =>
  typeof own === 'object' && own !== null && 'driver' in own
