import { printPath } from '../action/context.js'
import type { Inputs } from '../action/inputs.js'
import { TimeoutError } from '../errors.js'
import type { FanOut } from '../parallel/fan-out.js'
import { semaphoreOf } from '../parallel/limit.js'
import type { BranchTask } from '../parallel/task.js'
import { Alarm } from './alarm.js'
import { announce } from './announce.js'
import { appLogicOf } from './application-logic.js'
import { Asking } from './asking.js'
import { Branch } from './branch.js'
import { enterBranch } from './branch-entering.js'
import { endByFallback } from './branch-fallback.js'
import { BranchInputs } from './branch-inputs.js'
import { createCancellation, TIMEOUT } from './cancellation.js'
import { Carrier } from './carrier.js'
import { type AnyActorRef, makeActor } from './create-actor.js'
import { parentOf } from './identity.js'
import { keepEnd, restore } from './keeping.js'
import { createOrder, pacedBelow, type RunOrder } from './order.js'
import { initialStanding } from './standing.js'
import type { LiveBranch, LiveMap } from './tree.js'

// Owns: how a task becomes a child application with an actor, and when its time is over.

/** Makes and launches the branches of one map. */
export class BranchStarter {
  readonly #map: LiveMap
  readonly #fanOut: FanOut
  readonly #self: AnyActorRef
  readonly #inputs: BranchInputs
  #order: RunOrder | undefined

  constructor(map: LiveMap, fanOut: FanOut, self: AnyActorRef, raw: Inputs) {
    this.#map = map
    this.#fanOut = fanOut
    this.#self = self
    this.#inputs = new BranchInputs(raw, map.step.node.name)
  }

  /** What a branch is given: by the map, by its entry, by `bind`. */
  inputsOf(task: BranchTask): Inputs {
    const { app, step } = this.#map
    const { bound, inputs } = this.#inputs.of(step.node.subject, task, () => app.where(step.node))
    return Object.freeze({ ...inputs, ...bound })
  }

  /** @throws {InputError} when the entry gives an input that its branch does not take */
  make(task: BranchTask): LiveBranch {
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
      standing: initialStanding(plan, state),
      parent: parentOf(this.#map, task.key),
    })
    if (kept?.stored?.based === true) restore(child, kept.stored)
    const actor = makeActor(appLogicOf(plan), { id: task.key, parent: this.#self, input: { owned: child } })
    return new Branch(task, child, actor)
  }

  /** Starts a branch once the interceptors let it; one that refuses fails it. */
  launch(branch: LiveBranch): void {
    if (this.#map.app.hub.interceptors.length === 0) this.#begin(branch)
    else void this.#ask(branch)
  }

  async #ask(branch: LiveBranch): Promise<void> {
    const { app, task } = branch
    const { name } = this.#map.step.node
    try {
      await new Asking(app).before('Branch', { map: name, key: task.key, index: task.index, path: app.path })
    } catch (error) {
      if (app.cancellation === undefined) return this.#map.childFailed(task.key, error)
    }
    if (this.#map.table.live.get(task.key) !== branch) return // stopped
    if (app.cancellation === undefined) this.#begin(branch)
    else this.#map.childDone(task.key, undefined)
  }

  #begin({ app, actor, task: { fallback } }: LiveBranch): void {
    actor.start()
    app.start(this.#orderOf(app.inputs), (ended) => {
      const end = fallback === undefined ? ended : endByFallback(app, fallback, ended)
      const kept = keepEnd(app, end)
      if (kept instanceof Promise) void kept.then(() => actor.send(new Carrier('teasel.end', end)))
      else actor.send(new Carrier('teasel.end', end))
    })
  }

  /** Most branches run with the same inputs, and so with the same order. */
  #orderOf(inputs: Inputs): RunOrder {
    if (this.#order?.inputs !== inputs) this.#order = createOrder(inputs, pacedBelow(this.#map.app.order))
    return this.#order
  }

  tell(type: 'branch.queued' | 'branch.start', { app, task: { key, index } }: LiveBranch): void {
    const { step, app: above } = this.#map
    if (app.hears(type)) announce(app, { type, source: step.node.name, key, index }, above.standing.sequenceId + 1)
  }

  /** The branch runs its first step: its time begins. */
  begin(branch: LiveBranch): void {
    const { hub } = this.#map.app
    const { timeoutMs = Infinity, retry } = branch.task
    const ms = Math.min(timeoutMs, retry?.maxMs ?? Infinity)
    const now = hub.clock.now()
    branch.startedAt = branch.app.journal?.stored?.startedAt ?? now
    branch.begun = hub.passed() - Math.max(0, now - branch.startedAt)
    if (ms === Infinity) return
    branch.alarm = new Alarm(hub.clock, branch.begun + ms, () => this.#timeOut(branch, ms), hub.attendance)
  }

  /** A branch that was given a time of its own to end after its cancel is given up after it. */
  limitGrace(branch: LiveBranch, since: number): void {
    const { graceMs } = branch.task
    if (graceMs === undefined) return
    branch.alarm?.clear()
    branch.alarm = new Alarm(this.#map.app.hub.clock, since + graceMs, () => branch.app.abandon())
  }

  #timeOut({ app, task }: LiveBranch, ms: number): void {
    app.hub.lookAtWall()
    const error = new TimeoutError(`Branch "${printPath(app.path)}"`, ms)
    this.#map.cancelBranch(task.key, createCancellation('parent', TIMEOUT, app.hub.passed(), error))
  }
}
