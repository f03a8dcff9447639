import type { Inputs } from '../../action/inputs.js'
import { msSince } from '../../internal/clock.js'
import type { Fatal } from '../../lifecycle/interceptor.js'
import { type AnyResult, type BranchIds, type BranchResult, createResult } from '../../parallel/results.js'
import { type BranchTask, planOfTask } from '../../parallel/task.js'
import type { State } from '../../state/freeze.js'
import { Carrier } from '../actor/carrier.js'
import type { AnyActorRef } from '../actor/create-actor.js'
import { beginsWith } from '../checkpoint.js'
import { announce } from '../emit.js'
import { InterceptorCall } from '../step/interceptor-call.js'
import type { LiveMap } from '../tree.js'
import type { BranchHandle } from './branch-handle.js'
import { branchId, parentOf, pathAt } from './branch-identity.js'
import type { BranchTable } from './branch-table.js'
import { isBranchObserved, queuedBranchSource } from './queued-branch.js'

// Owns: what is written down when a branch settles: its result, in the books, to the reducer, as an event, to interceptors.

/** What is stored of a branch that had settled. */
export interface Past {
  readonly inputs: Inputs
  readonly attempts: number
  readonly endedAt: number
  /** What it had committed last; undefined where it had committed nothing. */
  readonly state: State | undefined
}

export class Recorder implements BranchIds {
  readonly #map: LiveMap
  readonly #table: BranchTable
  readonly #reducer: AnyActorRef
  readonly #concluded: (fatal: Fatal | undefined) => void

  /** @param concluded called when the after-interceptors of a branch have answered */
  constructor(map: LiveMap, table: BranchTable, reducer: AnyActorRef, concluded: (fatal: Fatal | undefined) => void) {
    this.#map = map
    this.#table = table
    this.#reducer = reducer
    this.#concluded = concluded
  }

  of(key: string): string {
    return branchId(parentOf(this.#map, key))
  }

  /**
   * @param branch undefined for one that never was made, or settled before the application was resumed
   * @param past what is stored of one that did
   */
  record(
    task: BranchTask,
    branch: BranchHandle | undefined,
    startedAt: number | undefined,
    ending: BranchResult,
    past?: Past,
  ): AnyResult {
    const { system } = this.#map.app
    const { key, index } = task
    const inputs = past?.inputs ?? branch?.inputs ?? task.inputs
    // It may have begun in a former run, and wait for its turn since.
    const stored = branch === undefined ? this.#map.kept?.past(key) : branch.journal?.stored
    const began = startedAt ?? stored?.startedAt
    const before = stored?.startedAt === undefined ? 0 : stored.attempts
    const attempts = past?.attempts ?? (startedAt === undefined ? before : (branch?.attempts ?? 1))
    // A wall clock that was set back ends nothing before it began.
    const endedAt = past?.endedAt ?? Math.max(began ?? 0, system.clock.now())
    const begun = startedAt === undefined ? undefined : branch?.begun
    const state =
      past?.state ??
      branch?.state ??
      (stored?.based === true ? stored.state : beginsWith(planOfTask(task, this.#map.step.node.name).plan, task))
    const result = createResult({ key, index, inputs, attempts, startedAt: began, state, ids: this }, endedAt, ending)
    this.#table.settle(result)
    this.#reducer.send(new Carrier('teasel.settled', result))
    if (isBranchObserved(this.#map, 'branch.settled')) {
      const { name } = this.#map.step.node
      const durationMs = begun === undefined ? Math.max(0, endedAt - (began ?? endedAt)) : msSince(system.clock, begun)
      const fields = { source: name, key, index, status: ending.status, result, durationMs } as const
      announce(
        branch?.origin ?? queuedBranchSource(this.#map, key),
        { type: 'branch.settled', ...fields },
        this.#map.app.checkpoint.sequenceId + 1,
      )
    }
    if (system.interceptors.length > 0) this.#afterBranch(task, ending)
    return result
  }

  #afterBranch({ key, index }: BranchTask, ending: BranchResult): void {
    const parent = parentOf(this.#map, key)
    const told = { map: parent.name, key, index, path: pathAt(parent) }
    this.#table.apply({ type: 'asked' })
    void Promise.resolve(new InterceptorCall(this.#map.run).after('Branch', told, ending)).then((fatal) => {
      this.#table.apply({ type: 'answered' })
      this.#concluded(fatal)
    })
  }
}
