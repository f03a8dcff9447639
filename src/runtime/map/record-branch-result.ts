import type { Inputs } from '../../action/inputs.js'
import { msSince } from '../../internal/clock.js'
import type { Fatal } from '../../lifecycle/interceptor.js'
import { type AnyResult, type BranchIds, type BranchResult, createResult } from '../../parallel/results.js'
import { type BranchTask, planOfTask } from '../../parallel/task.js'
import type { StoredRecord } from '../../persistence/replay.js'
import type { State } from '../../state/freeze.js'
import { Carrier } from '../actor/carrier.js'
import type { AnyActorRef } from '../actor/create-actor.js'
import { emit } from '../emit.js'
import { InterceptorCall } from '../step/interceptor-call.js'
import type { BranchHandle } from './branch-handle.js'
import { branchId, pathAt } from './branch-identity.js'
import { unstartedState } from './branch-inputs.js'
import { type MapVisit, parentOf } from './map-visit.js'
import { isBranchObserved, queuedBranchSource } from './queued-branch.js'

/** The stored facts of a branch that had settled before. */
export interface Past {
  readonly inputs: Inputs
  readonly attempts: number
  readonly endedAt: number
  /** The last committed state; undefined where nothing was committed. */
  readonly state: State | undefined
}

/** A branch that settles. */
export interface Settling {
  readonly task: BranchTask
  /** Undefined for a branch that was never made, or that settled before the application was resumed. */
  readonly branch?: BranchHandle | undefined
  readonly startedAt?: number | undefined
  readonly result: BranchResult
  readonly past?: Past
}

/** A map, as it records results. */
export interface RecordingMap extends MapVisit {
  readonly store: { recordOf(key: string): StoredRecord | undefined } | undefined
  readonly ids: BranchIds
  readonly reducer: AnyActorRef
  /** The after-interceptors of a branch have answered. */
  concluded(fatal: Fatal | undefined): void
}

/** The ids of the branches of one map. */
export const branchIdsOf = (map: MapVisit): BranchIds => ({ of: (key) => branchId(parentOf(map, key)) })

/** Records the result of a branch: in the table, with the reducer, as an event, with interceptors. */
export function recordBranchResult(map: RecordingMap, settling: Settling): AnyResult {
  const { task, branch, startedAt, result: ending, past } = settling
  const { system, checkpoint } = map.app
  const { name } = map.step.node
  const { key, index } = task
  const inputs = past?.inputs ?? branch?.inputs ?? task.inputs
  // It may have begun in a former run, and be queued since.
  const stored = branch === undefined ? map.store?.recordOf(key) : branch.journal?.stored
  const began = startedAt ?? stored?.startedAt
  const before = stored?.startedAt === undefined ? 0 : stored.attempts
  const attempts = past?.attempts ?? (startedAt === undefined ? before : (branch?.attempts ?? 1))
  // A wall clock that was set back ends nothing before it began.
  const endedAt = past?.endedAt ?? Math.max(began ?? 0, system.clock.now())
  const begun = startedAt === undefined ? undefined : branch?.begun
  const state =
    past?.state ??
    branch?.state ??
    (stored?.hasState === true ? stored.state : unstartedState(map, task, planOfTask(task, name).plan))
  const result = createResult({ key, index, inputs, attempts, startedAt: began, state, ids: map.ids }, endedAt, ending)
  map.table.settle(result)
  map.reducer.send(new Carrier('teasel.settled', result))
  if (isBranchObserved(map, 'branch.settled')) {
    const durationMs = begun === undefined ? Math.max(0, endedAt - (began ?? endedAt)) : msSince(system.clock, begun)
    const fields = { source: name, key, index, status: ending.status, result, durationMs } as const
    emit(
      branch?.origin ?? queuedBranchSource(map, key),
      { type: 'branch.settled', ...fields },
      checkpoint.sequenceId + 1,
    )
  } else system.skip()
  if (system.interceptors.length > 0) callAfterBranch(map, task, ending)
  return result
}

function callAfterBranch(map: RecordingMap, { key, index }: BranchTask, result: BranchResult): void {
  const parent = parentOf(map, key)
  const info = { map: parent.name, key, index, path: pathAt(parent) }
  map.table.apply({ type: 'called' })
  void Promise.resolve(new InterceptorCall(map.run).after('Branch', info, result)).then((fatal) => {
    map.table.apply({ type: 'returned' })
    map.concluded(fatal)
  })
}
