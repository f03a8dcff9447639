import type { Path } from '../action/context.js'
import type { Plan } from '../graph/plan.js'
import { type BranchTask, planOfTask } from '../parallel/task.js'
import type { PersisterDriver } from '../persistence/driver.js'
import { migrateRecord } from '../persistence/migrate.js'
import type { StoredRecord } from '../persistence/replay.js'
import { fitBranch, withNewReads } from '../persistence/settled.js'
import { withTransient } from '../runtime/durability.js'
import { BranchInputs, firstState } from '../runtime/map/branch-inputs.js'
import { type CheckStep, isMigrated, type MapAt, type RunCheck, reportUnfit, whereIn } from './checked-app.js'
import type { Findings, Place } from './problem.js'

// Owns: one branch of a map: whether its record fits, and whether it would start or go on.
// Does not own: which branches there are (check-map.ts), the step at which a branch stands (check-step.ts).

/** The branches of one visit of a map. */
interface BranchesAt extends MapAt {
  readonly visit: number
  /** Their store; undefined if they are not stored. */
  readonly driver: PersisterDriver | undefined
  readonly idOf: (key: string) => string
}

/** Checks the branches of one visit of a map, one by one. */
export class BranchCheck {
  /** The branches that settle again with their stored results. */
  readonly tally = { done: 0, failed: 0, cancelled: 0 }
  /** The number of branches that would start or go on. */
  started = 0
  readonly #check: RunCheck
  readonly #at: BranchesAt
  readonly #step: CheckStep
  readonly #inputs: BranchInputs

  constructor(check: RunCheck, at: BranchesAt, step: CheckStep) {
    this.#check = check
    this.#at = at
    this.#step = step
    this.#inputs = new BranchInputs(at.raw, at.node.name)
  }

  #pathOf(key: string): Path {
    const { app, node, visit } = this.#at
    return [...app.path, { map: node.name, visit, key }]
  }

  placeOf(key: string): Place {
    return { path: this.#pathOf(key), action: undefined }
  }

  /**
   * Checks a stored branch.
   * @param starts takes the findings that only count if the map does not close before
   */
  async restore(task: BranchTask, found: StoredRecord, findings: Findings, starts: Findings): Promise<void> {
    const { app, fanOut, node } = this.#at
    const { settings, plans } = this.#check
    const plan = plans.of(planOfTask(task, node.name).plan)
    const journal = { settings, retryFailuresBefore: app.retryFailuresBefore }
    try {
      const { stored, result } = fitBranch(found, task, fanOut.policy, journal, () => plan)
      findings.migrated ||= isMigrated(found, settings)
      if (result === undefined) return await this.start(task, stored, starts)
      this.tally[result.status] += 1
      this.#inputsOf(task, findings)
    } catch (error) {
      await this.#unfit(task, found, plan, error, findings)
    }
  }

  async #unfit(task: BranchTask, found: StoredRecord, plan: Plan, thrown: unknown, findings: Findings): Promise<void> {
    const { settings } = this.#check
    const at = this.placeOf(task.key)
    let migrated: StoredRecord
    try {
      migrated = withNewReads(migrateRecord(found, settings), task.state)
    } catch (error) {
      return findings.add(found.version > settings.version ? 'version' : 'migrate', 'step', at, error)
    }
    const rest = reportUnfit(findings, 'step', at.path, migrated, plan, found.next, thrown)
    if (rest !== undefined) await this.start(task, rest, findings, false)
  }

  #inputsOf(task: BranchTask, findings: Findings): ReturnType<BranchInputs['of']> | undefined {
    const { app, node } = this.#at
    const at = this.placeOf(task.key)
    return findings.attempt('inputs', at, () => this.#inputs.of(node.subject, task, () => whereIn(app, node)))?.value
  }

  /**
   * Checks a branch that starts, or goes on from its record.
   * @param fits false if its record does not fit
   */
  async start(task: BranchTask, stored: StoredRecord | undefined, findings: Findings, fits = true): Promise<void> {
    this.started += 1
    const { app, node, driver, idOf } = this.#at
    const { plans, settings } = this.#check
    const prepared = this.#inputsOf(task, findings)
    if (prepared === undefined) return
    const { bound, inputs } = prepared
    const plan = plans.of(prepared.plan)
    const path = this.#pathOf(task.key)
    const entry = plan.entrypoint.name
    const above = { app: { plan: app.plan, checkpoint: app }, step: { node } }
    const first = findings.attempt('branch', { path, action: entry }, () => firstState(above, task, plan))?.value
    if (first === undefined) return
    const goesOn = stored?.hasState === true
    await this.#step(
      this.#check,
      {
        appId: idOf(task.key),
        path,
        plan,
        state: goesOn ? withTransient(stored.state, first, settings.transient) : first,
        fits,
        next: goesOn ? stored.next : entry,
        sequenceId: goesOn ? stored.sequenceId : -1,
        epoch: stored?.epoch ?? 0,
        visits: stored?.visits ?? {},
        map: stored?.map,
        retryFailuresBefore: stored?.retryFailuresBefore ?? 0,
        bound,
        inputs,
        driver,
      },
      findings,
    )
  }
}
