import type { Plan } from '../../../src/graph/plan.js'
import type { CancelCause } from '../../../src/lifecycle/events.js'
import type { BranchResult } from '../../../src/parallel/results.js'
import { Carrier } from '../../../src/runtime/actor/carrier.js'
import type { LooseLogic } from '../../../src/runtime/actor/logic.js'
import { machineConfigOf } from '../../../src/runtime/actor/machine-config.js'
import { isStop } from '../../../src/runtime/actor/xstate-events.js'
import { createCancellation } from '../../../src/runtime/cancel/cancellation.js'
import type { BranchHandle, WaitsFor } from '../../../src/runtime/map/branch-handle.js'
import type { CheckpointData } from './frames.js'

// Owns: the actor of a branch that lives elsewhere: it shows where the branch stands, and hands on what it is sent.

export interface ChannelEnd {
  readonly result: BranchResult
}

/** A branch, as its actor shows it. */
interface Shown extends Pick<BranchHandle, 'stop' | 'find' | 'origin'> {
  readonly checkpoint: CheckpointData
  readonly waitsFor: WaitsFor
}

class ChannelSnapshot {
  readonly status: 'active' | 'done' | 'error' | 'stopped'
  readonly output: unknown
  readonly error: unknown
  readonly value: string | undefined
  readonly context: object
  readonly next: string | undefined
  readonly sequenceId: number
  readonly waiting: boolean
  readonly #branch: Shown

  constructor(branch: Shown, status: ChannelSnapshot['status'] = 'active', output?: unknown, error?: unknown) {
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

  static branchOf(snapshot: ChannelSnapshot): Shown {
    return snapshot.#branch
  }

  get position(): string | undefined {
    return this.value
  }

  get state(): object {
    return this.context
  }
}

const logics = new WeakMap<Plan, LooseLogic<ChannelSnapshot>>()

/** The actor logic of a plan for branches that live elsewhere. */
export function channelLogicOf(plan: Plan): LooseLogic<ChannelSnapshot> {
  const logic = logics.get(plan) ?? createLogic(plan)
  logics.set(plan, logic)
  return logic
}

const createLogic = (plan: Plan): LooseLogic<ChannelSnapshot> => ({
  config: machineConfigOf(plan),
  getInitialSnapshot(_scope, input) {
    const branch = Carrier.read<Shown>(input as object)
    if (branch === undefined) throw new TypeError('The actor of a branch is made by the engine.')
    return new ChannelSnapshot(branch)
  },
  transition(snapshot, event, scope) {
    const branch = ChannelSnapshot.branchOf(snapshot)
    if (snapshot.status !== 'active') return snapshot
    if (event.type === 'teasel.step') return new ChannelSnapshot(branch)
    if (event.type === 'teasel.end') {
      const end = Carrier.read<ChannelEnd>(event)
      if (end === undefined) return snapshot
      const { result } = end
      if (result.status === 'failed') return new ChannelSnapshot(branch, 'error', undefined, result.error)
      const { state, next, sequenceId } = snapshot
      return new ChannelSnapshot(branch, 'done', { ...result, state, next, sequenceId })
    }
    const target = branch.find([])
    if (event.type === 'cancel' && typeof target === 'object')
      scope.defer(() => void target.cancel(event['reason'], 'app' satisfies CancelCause, 'app'))
    if (!isStop(event)) return snapshot
    scope.defer(() => branch.stop(createCancellation('stop', 'stop', 0)))
    return new ChannelSnapshot(branch, 'stopped')
  },
  getPersistedSnapshot(snapshot) {
    const { status, value, context, next, sequenceId } = snapshot
    const { appId } = ChannelSnapshot.branchOf(snapshot).origin
    return { version: 1, status, appId, value, context, next, sequenceId }
  },
})
