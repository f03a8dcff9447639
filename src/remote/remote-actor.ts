import type { Plan } from '../graph/plan.js'
import type { CancelCause } from '../lifecycle/events.js'
import type { BranchResult } from '../parallel/results.js'
import { Carrier } from '../runtime/actor/carrier.js'
import type { LooseLogic } from '../runtime/actor/logic.js'
import { machineConfigOf } from '../runtime/actor/machine-config.js'
import { isStop } from '../runtime/actor/xstate-events.js'
import { createCancellation } from '../runtime/cancel/cancellation.js'
import type { BranchHandle, WaitsFor } from '../runtime/map/branch-handle.js'
import type { CheckpointData } from './frames.js'

// Owns: the actor of a branch that lives elsewhere: it shows where the branch stands, and hands on what it is sent.

export interface RemoteEnd {
  readonly result: BranchResult
}

/** A branch, as its actor shows it. */
interface ActorBranch extends Pick<BranchHandle, 'stop' | 'find' | 'origin'> {
  readonly checkpoint: CheckpointData
  readonly waitsFor: WaitsFor
}

class RemoteSnapshot {
  readonly status: 'active' | 'done' | 'error' | 'stopped'
  readonly output: unknown
  readonly error: unknown
  readonly value: string | undefined
  readonly context: object
  readonly next: string | undefined
  readonly sequenceId: number
  readonly waiting: boolean
  readonly #branch: ActorBranch

  constructor(branch: ActorBranch, status: RemoteSnapshot['status'] = 'active', output?: unknown, error?: unknown) {
    const { state, position, next, sequenceId } = branch.checkpoint
    this.status = status
    this.output = output
    this.error = error
    this.value = position
    this.context = state
    this.next = next
    this.sequenceId = sequenceId
    this.waiting = branch.waitsFor !== 'nothing'
    this.#branch = branch
  }

  static branchOf(snapshot: RemoteSnapshot): ActorBranch {
    return snapshot.#branch
  }

  get position(): string | undefined {
    return this.value
  }

  get state(): object {
    return this.context
  }
}

const logics = new WeakMap<Plan, LooseLogic<RemoteSnapshot>>()

/** The actor logic of a plan for branches that live elsewhere. */
export function remoteLogicOf(plan: Plan): LooseLogic<RemoteSnapshot> {
  const logic = logics.get(plan) ?? createLogic(plan)
  logics.set(plan, logic)
  return logic
}

const createLogic = (plan: Plan): LooseLogic<RemoteSnapshot> => ({
  config: machineConfigOf(plan),
  getInitialSnapshot(_scope, input) {
    const branch = Carrier.read<ActorBranch>(input as object)
    if (branch === undefined) throw new TypeError('The actor of a branch is made by the engine.')
    return new RemoteSnapshot(branch)
  },
  transition(snapshot, event, scope) {
    const branch = RemoteSnapshot.branchOf(snapshot)
    if (snapshot.status !== 'active') return snapshot
    if (event.type === 'teasel.step') return new RemoteSnapshot(branch)
    if (event.type === 'teasel.end') {
      const end = Carrier.read<RemoteEnd>(event)
      if (end === undefined) return snapshot
      const { result } = end
      if (result.status === 'failed') return new RemoteSnapshot(branch, 'error', undefined, result.error)
      const { state, next, sequenceId } = snapshot
      return new RemoteSnapshot(branch, 'done', { ...result, state, next, sequenceId })
    }
    const target = branch.find([])
    if (event.type === 'cancel' && typeof target === 'object')
      scope.defer(() => void target.cancel(event['reason'], 'app' satisfies CancelCause, 'app'))
    if (!isStop(event)) return snapshot
    scope.defer(() => branch.stop(createCancellation('stop', 'stop', 0)))
    return new RemoteSnapshot(branch, 'stopped')
  },
  getPersistedSnapshot(snapshot) {
    const { status, value, context, next, sequenceId } = snapshot
    const { appId } = RemoteSnapshot.branchOf(snapshot).origin
    return { version: 1, status, appId, value, context, next, sequenceId }
  },
})
