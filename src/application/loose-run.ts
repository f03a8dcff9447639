import type { Inputs } from '../action/inputs.js'
import type { Halts } from '../graph/runnable.js'
import type { WhenWaiting } from './active-run.js'
import type { LooseFilter } from './filter.js'

/** Options of a run, without their types. */
export interface LooseRun {
  readonly inputs?: Inputs
  readonly haltAfter?: Halts
  readonly haltBefore?: Halts
  readonly signal?: AbortSignal
  readonly maxSteps?: number
  readonly whenWaiting?: WhenWaiting
}
/** Options of `stream`, without their types. */
export interface LooseStream extends LooseRun, LooseFilter {
  readonly detach?: boolean
}
