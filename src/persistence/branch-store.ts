import type { Feed } from '../parallel/restored-feed.js'
import type { BranchResult } from '../parallel/results.js'
import type { SettlePolicy } from '../parallel/settle.js'
import type { BranchTask } from '../parallel/task.js'
import type { State } from '../state/freeze.js'
import type { PersisterDriver } from './driver.js'
import type { Notes, ParentRef } from './record.js'
import type { StoredMessage, StoredRecord } from './replay.js'
import type { Scope } from './scope.js'

/** A map as its books see it. */
export interface StoredMapVisit {
  readonly subject: string
  readonly name: string
  readonly visit: number
  readonly policy: SettlePolicy
  /** What the map reads. */
  readonly base: State
  readonly feed: Feed
  /** The task at a place of a source of known length. */
  readonly taskAt: ((index: number) => BranchTask) | undefined
  /** Goes on: the feed has more. */
  readonly wake: () => void
  /** A stored outcome: the branch has settled. */
  readonly settle: (task: BranchTask, stored: StoredRecord, result: BranchResult, endedAt: number) => void
  /** `watch` had said that there are enough. */
  readonly enough: () => void
  /** It is certain which branches have settled before: called before the first task is handed out. */
  readonly restored: () => void
  /** Whether the map starts nothing more. */
  readonly closed: () => boolean
  /** What had to be stored could not be. */
  readonly fault: (error: unknown) => void
}

/** A branch that lives, as its books see it. */
export interface RunningBranch<J> {
  readonly startedAt: number | undefined
  readonly journal: J | undefined
  readonly attempts: number
}

/** What of the branches of a map is stored. `J`: the journal of an application. */
export interface BranchStore<J> extends Feed {
  /** The books of a branch that is made, and what is stored of it. */
  branch(task: BranchTask): { readonly journal: J; readonly stored: StoredRecord | undefined }
  /** What is stored of a branch that waits for its turn, and would go on. */
  past(key: string): StoredRecord | undefined
  /** A branch was cancelled for good, one that lives or one that waits for its turn. */
  cancelled(
    task: BranchTask,
    cancellation: Pick<Notes['cancelled'], 'cause' | 'by' | 'reason'>,
    live?: RunningBranch<J>,
  ): void
  /** `watch` says that there are enough. */
  enough(): void
  /** The id of a branch. */
  idOf(key: string): string
  /** Stores a message for a branch that is not made yet. @returns its id */
  post(key: string, message: Pick<StoredMessage, 'kind' | 'body'>): Promise<number>
}

/** Opens the books of a map. */
export type OpenBranchStore<J> = (journal: J, map: StoredMapVisit, scope: Scope) => BranchStore<J>

/** Where a journal begins. */
export interface JournalSetup<J> {
  readonly appId: string
  readonly parentRef?: ParentRef | undefined
  /** What is stored already. */
  readonly stored?: StoredRecord | undefined
  /** What is stored of another beginning: it begins anew when it is opened, and that stays readable under its epoch. */
  readonly replaced?: StoredRecord | undefined
  /** Written with the first row: where the application above stands, and an entry of a generator in its books. */
  readonly parentNote?: ParentNote<J> | undefined
  /** Looked for when it is opened: an application that an action makes by hand may have been there before. */
  readonly mayBeStored?: boolean
}

/** What the books above are cancellation with the first row of an application. */
export interface ParentNote<J> {
  readonly parent: J
  readonly note?: Notes['entry'] | undefined
  /** They were not stored. */
  readonly lost?: () => void
}

/** Whether a map has a persister of its own. */
export const isOwn = (own: unknown): own is { readonly driver: PersisterDriver } =>
  typeof own === 'object' && own !== null && 'driver' in own
