import type { Inputs } from '../../action/inputs.js'
import type { SettlePolicy } from '../../parallel/settle.js'
import type { State } from '../../state/freeze.js'
import type { Application, CurrentAttempt, Run } from '../application.js'
import type { BranchHost } from './branch-handle.js'
import type { BranchTable } from './branch-table.js'

/** The attempt at the map action. */
export interface MapAttempt extends CurrentAttempt {
  readonly state: State
  readonly inputs: Inputs
  /** The state that the action reads, with private copies of mutable values. */
  fresh(): State
}

/** One visit of a map action: the facts that its parts share. */
export interface MapVisit extends BranchHost {
  readonly app: Application
  /** The run whose step stands at the map. */
  readonly run: Run
  readonly step: MapAttempt
  readonly visit: number
  readonly policy: SettlePolicy
  readonly table: BranchTable
}

/** The parent of a branch of a map. */
export const parentOf = (map: MapVisit, key: string) => ({
  app: map.app,
  map,
  name: map.step.node.name,
  visit: map.visit,
  key,
})
