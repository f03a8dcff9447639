import { printPath } from '../../action/context.js'
import type { Inputs } from '../../action/inputs.js'
import { TimeoutError } from '../../errors.js'
import type { FanOut } from '../../parallel/fan-out.js'
import { semaphoreOf } from '../../parallel/limit.js'
import type { BranchTask } from '../../parallel/task.js'
import { appLogicOf } from '../actor/app-actor.js'
import { type AnyActorRef, makeActor } from '../actor/create-actor.js'
import { Alarm } from '../cancel/alarm.js'
import { createCancellation, TIMEOUT } from '../cancel/cancellation.js'
import { initialCheckpoint } from '../checkpoint.js'
import { restore } from '../durability.js'
import { announce } from '../emit.js'
import { createRequest, pacedBelow, type RunRequest } from '../run/request.js'
import type { LiveMap } from '../tree.js'
import { enterBranch } from './branch-entering.js'
import type { BranchHandle } from './branch-handle.js'
import { parentOf } from './branch-identity.js'
import { BranchInputs } from './branch-inputs.js'
import { standAt } from './held-branches.js'
import { type BranchSetup, InProcessBranch } from './in-process-branch.js'

// Owns: how a task becomes a child application with an actor, and when its time is over.

/** Makes and launches the branches of one map. */
export class BranchStarter {
  readonly #map: LiveMap
  readonly #fanOut: FanOut
  readonly #self: AnyActorRef
  readonly #inputs: BranchInputs
  readonly #setup: BranchSetup
  #request: RunRequest | undefined

  constructor(map: LiveMap, fanOut: FanOut, self: AnyActorRef, raw: Inputs) {
    this.#map = map
    this.#fanOut = fanOut
    this.#self = self
    const { name } = map.step.node
    this.#inputs = new BranchInputs(raw, name)
    const placeOf: BranchSetup['placeOf'] = (key) => map.held?.placeOf(key)
    this.#setup = { host: map, name, orderOf: (inputs) => this.#orderOf(inputs), placeOf }
  }

  /** What a branch is given: by the map, by its entry, by `bind`. */
  inputsOf(task: BranchTask): Inputs {
    const { app, step } = this.#map
    const { bound, inputs } = this.#inputs.of(step.node.subject, task, () => app.where(step.node))
    return Object.freeze({ ...inputs, ...bound })
  }

  /** @throws {InputError} when the entry gives an input that its branch does not take */
  make(task: BranchTask): BranchHandle {
    const { app, step } = this.#map
    const { plan, bound, inputs } = this.#inputs.of(step.node.subject, task, () => app.where(step.node))
    const state = enterBranch(this.#map, task, plan)
    const semaphore = this.#fanOut.limit === undefined ? app.semaphore : semaphoreOf(this.#fanOut.limit)
    const kept = this.#map.kept?.branch(task)
    const child = app.child({
      plan,
      bound,
      inputs,
      semaphore,
      journal: kept?.journal,
      checkpoint: initialCheckpoint(plan, state),
      parent: parentOf(this.#map, task.key),
    })
    if (kept?.stored?.based === true) restore(child, kept.stored)
    const place = this.#setup.placeOf(task.key)
    if (place !== undefined) standAt(child, place)
    const actor = makeActor(appLogicOf(plan), { id: task.key, parent: this.#self, input: { owned: child } })
    return new InProcessBranch(task, child, actor, this.#setup)
  }

  /** Most branches run with the same inputs, and so with the same order. */
  #orderOf(inputs: Inputs): RunRequest {
    if (this.#request?.inputs !== inputs) this.#request = createRequest(inputs, pacedBelow(this.#map.run.request))
    return this.#request
  }

  tell(type: 'branch.queued' | 'branch.start', { origin, task: { key, index } }: BranchHandle): void {
    const { step, app: above } = this.#map
    if (origin.hears(type))
      announce(origin, { type, source: step.node.name, key, index }, above.checkpoint.sequenceId + 1)
  }

  /** The branch runs its first step: its time begins. */
  begin(branch: BranchHandle): void {
    const { system } = this.#map.app
    const { timeoutMs = Infinity, retry } = branch.task
    const ms = Math.min(timeoutMs, retry?.maxMs ?? Infinity)
    const now = system.clock.now()
    branch.startedAt = branch.journal?.stored?.startedAt ?? this.#setup.placeOf(branch.task.key)?.startedAt ?? now
    branch.begun = system.passed() - Math.max(0, now - branch.startedAt)
    if (ms === Infinity) return
    branch.alarm = new Alarm(system.clock, branch.begun + ms, () => this.#timeOut(branch, ms), system.attendance)
  }

  /** A branch that was given a time of its own to end after its cancel is given up after it. */
  limitGrace(branch: BranchHandle, since: number): void {
    const { graceMs } = branch.task
    if (graceMs === undefined) return
    branch.alarm?.clear()
    branch.alarm = new Alarm(this.#map.app.system.clock, since + graceMs, () => branch.abandon())
  }

  #timeOut({ origin, task }: BranchHandle, ms: number): void {
    origin.system.lookAtWall()
    const error = new TimeoutError(`Branch "${printPath(origin.path)}"`, ms)
    this.#map.cancelBranch(task.key, createCancellation('parent', TIMEOUT, origin.system.passed(), error))
  }
}
