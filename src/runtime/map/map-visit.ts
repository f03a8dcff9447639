import type { Inputs } from '../../action/inputs.js'
import { assertTrackerChoice, type TrackedMap } from '../../parallel/branch-tracker.js'
import { type FanOut, traitsOf } from '../../parallel/fan-out.js'
import { policyName, type SettlePolicy } from '../../parallel/settle.js'
import type { State } from '../../state/freeze.js'
import type { Tracker } from '../../tracking/tracker.js'
import type { Application, CurrentAttempt, Run } from '../application.js'
import { emit } from '../emit.js'
import type { Parent } from '../parent.js'
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

/** The parent of a branch of a map. All but the key is read from the map: many branches may live. */
class BranchPlace implements Parent {
  readonly map: MapVisit
  readonly key: string

  constructor(map: MapVisit, key: string) {
    this.map = map
    this.key = key
  }

  get app(): Application {
    return this.map.app
  }
  get name(): string {
    return this.map.step.node.name
  }
  get visit(): number {
    return this.map.visit
  }
}

export const parentOf = (map: MapVisit, key: string): BranchPlace => new BranchPlace(map, key)

/** A map has begun. */
export function emitStart({ app, step, visit, policy, table }: MapVisit, fanOut: FanOut): void {
  const { total } = table.state
  const traits = { ...traitsOf(fanOut, policy, app.semaphore), policy: policyName(policy) }
  emit(app, { ...traits, type: 'map.start', source: step.node.name, visit, total })
}

/** The tracker of the branches of a map. @throws the error of its function; {TypeError} for a value that is no tracker */
export function trackerBelow(app: Application, { node }: CurrentAttempt, { tracker }: FanOut): Tracker | undefined {
  if (app.tracker === undefined) return undefined
  let chosen = tracker
  if (typeof tracker === 'function') {
    const map: TrackedMap = { appId: app.appId, ...app.where(node) }
    chosen = tracker(map)
    assertTrackerChoice(chosen)
  }
  if (chosen === null) return undefined
  return chosen === undefined || chosen === 'cascade' ? app.tracker : (chosen as Tracker) // other values were refused above
}
