import type { Executor } from '../../action/executor.js'
import type { Inputs } from '../../action/inputs.js'
import type { Plan } from '../../graph/plan.js'
import type { CancelCause } from '../../lifecycle/events.js'
import type { Interceptor } from '../../lifecycle/interceptor.js'
import type { Permits } from '../../parallel/limit.js'
import type { BranchTask } from '../../parallel/task.js'
import type { MapJournal } from '../../persistence/app-journal.js'
import type { StoredRecord } from '../../persistence/replay.js'
import type { State } from '../../state/freeze.js'
import type { AnyActorRef } from '../actor/create-actor.js'
import type { EventSystem } from '../event-source.js'
import type { Parent } from '../parent.js'
import type { Backpressure } from '../run/request.js'
import type { BranchHandle, BranchHost, BranchProgress } from './branch-handle.js'

/** What all branches of a tree of applications share, wherever they run. */
export interface BranchSystem extends EventSystem {
  readonly interceptors: readonly Interceptor[]
  readonly graceMs: number
  /** Its `changed` is called when other types of events are observed. */
  readonly listeners: { changed: (() => void) | undefined }
  readonly random: () => number
  /** The root of the tree: a lost store cancels it. */
  readonly root: { cancel(reason: unknown, cause: CancelCause, by: string): unknown } | undefined
  /** Milliseconds on the monotonic clock. */
  passed(): number
}

/** The facts that a branch which runs elsewhere is made of. */
export interface BranchSetup {
  readonly task: BranchTask
  readonly plan: Plan
  /** Inputs bound over its graph. */
  readonly bound: Inputs
  readonly inputs: Inputs
  /** Its first state. */
  readonly state: State
  /** The progress of an earlier run. */
  readonly progress: BranchProgress | undefined
  /** Its durability; undefined where it is not stored. */
  readonly journal: MapJournal | undefined
  /** The record at which it continues, if there is one. */
  readonly stored: StoredRecord | undefined
  /** The limit that it shares. */
  readonly semaphore: Permits | undefined
  readonly backpressure: Backpressure
  readonly parent: Parent & { readonly map: BranchHost }
  /** The actor of its map. */
  readonly mapActor: AnyActorRef
  readonly system: BranchSystem
}

/** Makes a branch that runs elsewhere. @throws {TypeError} for a runnable that is not there */
export type BranchMaker = (setup: BranchSetup) => BranchHandle

/** The function by which an executor makes branches; undefined for this process. */
export const makerOf = (executor: Executor): BranchMaker | undefined =>
  executor['~branches'].make as BranchMaker | undefined // its type is of this room

/** Where branches run that nothing chooses a place for. Suites replace it before they make applications. */
export const defaultPlace: { executor: Executor | undefined } = { executor: undefined }
