import type { Executor } from '../action/executor.js'
import { type Inputs, NO_INPUTS } from '../action/inputs.js'
import type { Plan } from '../graph/plan.js'
import type { Permits } from '../parallel/limit.js'
import type { AppJournal } from '../persistence/app-journal.js'
import type { Tracker } from '../tracking/tracker.js'
import type { Checkpoint } from './checkpoint.js'
import type { Parent } from './parent.js'
import type { AppSystem } from './system.js'

/** The facts that an application is made of. @typeParam Maker the application whose action makes another one */
export interface AppSetup<Maker> {
  readonly plan: Plan
  readonly checkpoint: Checkpoint
  readonly appId?: string | undefined
  readonly bound?: Inputs | undefined
  readonly inputs?: Inputs | undefined
  readonly semaphore?: Permits | undefined
  readonly journal?: AppJournal | undefined
  readonly parent?: Parent | undefined
  /** Where the branches of its maps run, unless they choose; null or undefined for this process. */
  readonly executor?: Executor | null | undefined
  /** The application whose action makes this one. */
  readonly maker?: Maker | undefined
  /** Only of a root: applications below have the tracker of their map, or of the application above. */
  readonly tracker?: Tracker | undefined
}

/** The facts of an application that do not change. Most branches of a map share one object. */
export interface AppFacts<Maker> {
  readonly plan: Plan
  readonly system: AppSystem
  readonly maker: Maker | undefined
  /** Inputs bound over the whole graph. */
  readonly bound: Inputs
  /** The inputs of a run that is given none. */
  readonly inputs: Inputs
  /** The limit that it shares. */
  readonly semaphore: Permits | undefined
  /** Whether a map above has a `watch`. */
  readonly watched: boolean
  readonly tracker: Tracker | undefined
  /** Where the branches of its maps run, unless they choose; null or undefined for this process. */
  readonly executor: Executor | null | undefined
}

export const NO_VISITS: readonly number[] = Object.freeze([])

export function factsOf<Maker>(setup: AppSetup<Maker>, system: AppSystem): AppFacts<Maker> {
  const { plan, maker, bound = NO_INPUTS, inputs = NO_INPUTS, semaphore, parent, executor } = setup
  const watched = parent !== undefined && (parent.map?.watches === true || parent.app.watched)
  const tracker = parent === undefined ? setup.tracker : (parent.map ?? parent.app).tracker
  return { plan, system, maker, bound, inputs, semaphore, watched, tracker, executor }
}
