import { type ActionArgs, defineMessage, defineState, type Interceptor, type } from 'teasel'
import { type Inputs, NO_INPUTS } from '../../src/action/inputs.js'
import { type FailurePolicy, NO_POLICY } from '../../src/action/retry.js'
import type { BranchResult } from '../../src/parallel/results.js'
import { planOfTask } from '../../src/parallel/task.js'
import { makeActor } from '../../src/runtime/actor/create-actor.js'
import { endOfChild } from '../../src/runtime/actor/xstate-events.js'
import { createCancellation } from '../../src/runtime/cancel/cancellation.js'
import type { BranchHandle, BranchProgress, WaitsFor } from '../../src/runtime/map/branch-handle.js'
import type { BranchMaker } from '../../src/runtime/map/branch-maker.js'
import type { ParentApp } from '../../src/runtime/parent.js'
import { AppSystem } from '../../src/runtime/system.js'
import { defer } from './deferred.js'
import { ManualClock } from './manual-clock.js'
import { quiet } from './quiet-logger.js'

// Owns: one branch, made as a map makes it, and a map that records its calls.

interface S {
  readonly n: number
}
const kit = defineState<{ n: number }>()
export const note = defineMessage('note', type<number>())
export const cancellation = () => createCancellation('context', 'b', 0, new RangeError('enough'))

/** The rest of what a branch is made of. */
interface Surroundings {
  /** Options of its task. */
  readonly policy?: Partial<FailurePolicy>
  readonly inputs?: Inputs
  readonly bound?: Inputs
  readonly progress?: BranchProgress
  readonly interceptors?: readonly Interceptor[]
}

/** A branch of one action, and the calls of its map, in order. */
export function branchOf(
  make: BranchMaker,
  run: (args: ActionArgs<S, Record<never, never>>) => unknown,
  { policy, inputs = NO_INPUTS, bound, progress, interceptors = [] }: Surroundings = {},
) {
  const calls: string[] = []
  const levels: (readonly [WaitsFor, WaitsFor])[] = []
  const done = defer<string>()
  const waiting = defer()
  const started = defer()
  const refused = defer<BranchResult>()
  const clock = new ManualClock()
  const action = kit.action({ reads: ['n'], writes: ['n'], run: run as () => { n: number } })
  const entry = { key: 'a', index: 0, branch: action, named: 'a', state: { n: 1 }, inputs: NO_INPUTS }
  const task = { ...entry, executor: undefined, policy: { ...NO_POLICY, ...policy } }
  const system = new AppSystem({ logger: quiet, clock, interceptors })
  const root: ParentApp = {
    ...{ system, appId: 'root', path: [], tracker: undefined, watched: false, checkpoint: { sequenceId: -1 } },
    ...{ parent: undefined, run: { running: true }, journal: undefined },
    get root() {
      return this
    },
  }
  let handle: BranchHandle | undefined
  const logic = {
    getInitialSnapshot: () => ({ status: 'active' }),
    transition(snapshot: object, event: Parameters<typeof endOfChild>[0]) {
      if (endOfChild(event) !== undefined) done.resolve(handle?.result?.status ?? 'without a result')
      return snapshot
    },
    getPersistedSnapshot: (snapshot: object) => snapshot,
  }
  const mapActor = makeActor(logic, { id: 'map', input: undefined })
  mapActor.start()
  const host = {
    ...{ watches: false, tracker: undefined },
    timing: () => handle,
    idOf: () => undefined,
    branchStarted() {
      calls.push('started')
      started.resolve()
    },
    refused(_key: string, result: BranchResult) {
      calls.push('refused')
      refused.resolve(result)
    },
    notify() {},
    waitsChanged(_key: string, before: WaitsFor, after: WaitsFor) {
      levels.push([before, after])
      if (after !== 'nothing') waiting.resolve()
    },
    turnOf: () => undefined,
    cancelBranch: () => 'cancelled' as const,
    deliver: () => 'dropped' as const,
    broadcast() {},
  }
  const declared = planOfTask(task, 'map')
  handle = make({
    ...{ task, plan: declared.plan, bound: bound ?? declared.bound, inputs, state: task.state, progress },
    ...{ semaphore: undefined, journal: undefined, stored: undefined },
    ...{ backpressure: {}, mapActor, system },
    parent: { app: root, map: host, name: 'map', visit: 1, key: 'a' },
  })
  const moments = { done: done.promise, waiting: waiting.promise, started: started.promise, refused: refused.promise }
  return { handle, calls, levels, clock, ...moments }
}
