import type { Plan } from '../graph/plan.js'
import type { State } from '../state/freeze.js'

/** The position of an application in its graph, with its state. Replaced as a whole by each commit. */
export interface Checkpoint {
  readonly state: State
  /** The last committed action. */
  readonly position: string | undefined
  /** The action that was chosen to run next. */
  readonly next: string | undefined
  /** The number of the last committed step, -1 before the first. */
  readonly sequenceId: number
}

/** The checkpoint at the entrypoint of a plan. */
export function initialCheckpoint(plan: Plan, state: State): Checkpoint {
  return { state, position: undefined, next: plan.entrypoint.name, sequenceId: -1 }
}
