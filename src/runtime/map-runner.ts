import { type AnyActorRef, createActor } from 'xstate'
import { printPath } from '../action/context.js'
import { type Inputs, NO_INPUTS, refuseUnknownInputs } from '../action/inputs.js'
import type { Delivery, Received } from '../action/message.js'
import { NoSenderError, ParallelError, TimeoutError } from '../errors.js'
import { createDeferred } from '../internal/deferred.js'
import { toError } from '../internal/guards.js'
import { list } from '../internal/nearest.js'
import type { AnyEvent } from '../lifecycle/events.js'
import { conclude, intercept } from '../lifecycle/interceptor.js'
import type { FanOut } from '../parallel/fan-out.js'
import { gateOf } from '../parallel/limit.js'
import { type AnyResult, createResult, type Ending } from '../parallel/results.js'
import { judge, policyName } from '../parallel/settle.js'
import type { BranchTask } from '../parallel/task.js'
import { announce } from './announce.js'
import { appLogicOf } from './application-logic.js'
import { BranchInputs } from './branch-inputs.js'
import { type Cancellation, createCancellation } from './cancellation.js'
import { MapTable } from './map-table.js'
import { createOrder, type Leak } from './order.js'
import { reducerLogic } from './reducer-logic.js'
import { branchIdentity, initialStanding, type Parent, Runner } from './runner.js'
import type { Step } from './step.js'
import { reportFault } from './take-step.js'
import { TaskFeed } from './task-feed.js'
import { Watcher } from './watcher.js'

// Owns: the branches of one visit of a map action: which run, how they settled, when there are enough.
// Does not own: the loop of a branch (runner.ts), the fold (reducer-logic.ts), the snapshot (map-logic.ts).
// M1  At most `window` branches live at once, and as many as there is work for; nothing is pulled ahead.
// M2  Every branch settles exactly once; what comes later for its key is ignored.
// M3  The map ends only when no branch lives and the source is closed.
// M4  Once it closes, nothing more is started. Entries of a source of known length still get a result.

/** Why a map starts nothing more. */
type Closing = 'satisfied' | 'hopeless' | 'fault' | 'cancelled' | 'stopped'

/** The live side of one map actor. */
export class MapRunner {
  readonly visit: number
  readonly watches: boolean
  reducing = false
  readonly #runner: Runner
  readonly #step: Step
  readonly #fanOut: FanOut
  readonly #inputs: BranchInputs
  readonly #table = new MapTable()
  readonly #answer = createDeferred<unknown>()
  readonly #watcher: Watcher | undefined
  #self!: AnyActorRef
  #reducer!: AnyActorRef
  #feed: TaskFeed | undefined
  #closing: Closing | undefined
  #fault: { readonly error: unknown } | undefined
  #sourceSignal: AbortController | undefined
  #grace: unknown
  #starting = 0
  #waiting = new Set<Runner>()

  constructor(runner: Runner, step: Step, fanOut: FanOut, raw: Inputs) {
    this.#runner = runner
    this.#step = step
    this.#fanOut = fanOut
    this.#inputs = new BranchInputs(raw)
    this.visit = (runner.visits[step.node.index] ?? 0) + 1
    this.#watcher = fanOut.watch === undefined ? undefined : new Watcher(fanOut.watch, this)
    this.watches = fanOut.watch !== undefined
  }

  attach(self: AnyActorRef): void {
    this.#self = self
  }

  get policy(): FanOut['policy'] {
    return this.#fanOut.policy
  }
  get table(): MapTable {
    return this.#table
  }

  count(): { live: number; done: number; failed: number; cancelled: number } {
    const { live, done, failed, cancelled } = this.#table
    return { live: live.size, done, failed, cancelled }
  }

  /** Runs the branches and the reducer. Rejects once every branch has ended. */
  run(): Promise<unknown> {
    const { state, inputs } = this.#step
    const { node } = this.#step
    const signal = () => this.#step.signal
    const setup = { fanOut: this.#fanOut, state, inputs, signal }
    this.#reducer = createActor(reducerLogic, { id: 'reduce', parent: this.#self, input: setup } as never) as unknown as AnyActorRef
    this.#reducer.start()
    try {
      const source = this.#fanOut.open(this.#openArgs())
      this.#feed = new TaskFeed(node.subject, source, () => this.#pump())
    } catch (error) {
      this.#close('fault', error)
    }
    const total = this.#feed?.length
    this.#table.total = total
    if (this.#runner.heard) {
      this.#runner.emit({ type: 'map.start', source: node.name, total, policy: policyName(this.policy) })
    }
    if (total === 0) this.#judge()
    this.#pump()
    return this.#answer.promise
  }

  #openArgs(): Parameters<FanOut['open']>[0] {
    const { node, state, inputs } = this.#step
    const own = (): AbortSignal => {
      this.#sourceSignal ??= new AbortController()
      return this.#sourceSignal.signal
    }
    return {
      subject: node.subject,
      state,
      inputs,
      get signal() {
        return own()
      },
    }
  }

  /** Starts branches while there is room (M1). */
  #pump(): void {
    try {
      while (this.#closing === undefined && this.#table.live.size + this.#starting < this.#fanOut.window) {
        const task = this.#feed?.next() ?? 'end'
        if (task === 'later') break
        if (task === 'end') {
          if (this.#table.total === undefined) {
            this.#table.total = this.#feed?.length
            this.#judge()
          }
          break
        }
        this.#start(task)
      }
    } catch (error) {
      this.#close('fault', error)
    }
    this.#endIfDone()
  }

  #parent(key: string): Parent {
    return { runner: this.#runner, map: this, name: this.#step.node.name, visit: this.visit, key }
  }

  #start(task: BranchTask): void {
    const { hub } = this.#runner
    if (this.#table.has(task.key)) {
      throw new Error(`its source gave the key "${task.key}" a second time. Give each branch a key of its own.`)
    }
    const { plan, bound, inputs } = this.#inputs.of(this.#step.node.subject, task, () => this.#runner.where(this.#step.node))
    const { defaults } = plan.graph.rules
    const state = defaults === undefined ? task.state : Object.freeze({ ...defaults, ...task.state })
    const gate = this.#fanOut.limit === undefined ? this.#runner.gate : gateOf(this.#fanOut.limit)
    const runner = new Runner({ plan, hub, bound, inputs, gate, standing: initialStanding(plan, state), parent: this.#parent(task.key) })
    const input = { owned: runner }
    const actor = createActor(appLogicOf(plan), { id: task.key, parent: this.#self, input } as never) as unknown as AnyActorRef
    const timer = task.timeoutMs === undefined ? undefined : this.#timeOut(task, task.timeoutMs)
    this.#table.live.set(task.key, { task, runner, actor, startedAt: hub.clock.now(), timer })
    this.#tellBranch('branch.queued', runner, task)
    if (hub.interceptors.length === 0) this.#launch(task, runner, actor)
    else void this.#launchIntercepted(task, runner, actor)
  }

  #launch(task: BranchTask, runner: Runner, actor: AnyActorRef): void {
    this.#tellBranch('branch.start', runner, task)
    actor.start()
    const { order } = this.#runner
    void runner.run(createOrder(runner.inputs, { room: order?.room })).then((end) => actor.send({ type: 'teasel.end', end }))
  }

  async #launchIntercepted(task: BranchTask, runner: Runner, actor: AnyActorRef): Promise<void> {
    const told = { map: this.#step.node.name, key: task.key, index: task.index, path: runner.path }
    try {
      await intercept('Branch', this.#runner.hub.interceptors, told)
    } catch (error) {
      this.#settle(task.key, { status: 'failed', error: toError(error) })
      return this.#pump()
    }
    if (this.#table.live.has(task.key)) this.#launch(task, runner, actor)
  }

  #timeOut(task: BranchTask, ms: number): unknown {
    return this.#runner.hub.clock.setTimeout(() => {
      const error = new TimeoutError(`Branch "${printPath([...this.#runner.path, { map: this.#step.node.name, visit: this.visit, key: task.key }])}"`, ms)
      const live = this.#table.live.get(task.key)
      live?.runner.cancel(createCancellation('parent', 'timeout', this.#runner.hub.clock.now(), error))
      this.#startGrace()
    }, ms)
  }

  /** A branch actor is done: at its end, or cancelled. */
  childDone(key: string, output: unknown): void {
    if (key === 'reduce' && this.reducing && !this.#table.live.has(key)) return this.#finish({ update: output })
    const live = this.#table.live.get(key)
    if (live === undefined) return // M2
    const { cancellation, standing } = live.runner
    if (cancellation === undefined) this.#settle(key, { status: 'done', state: standing.state })
    else if (cancellation.reason instanceof TimeoutError && cancellation.by === 'timeout') {
      this.#settle(key, { status: 'failed', error: cancellation.reason })
    } else this.#settle(key, { status: 'cancelled', reason: cancellation.reason, by: cancellation.by })
    this.#runner.leaked.push(...live.runner.leaked)
    this.#pump()
  }

  /** A branch actor, or the reducer, is in error. */
  childFailed(key: string, error: unknown): void {
    if (key === 'reduce' && this.reducing && !this.#table.live.has(key)) return this.#finish({ error })
    if (!this.#table.live.has(key)) return
    this.#settle(key, { status: 'failed', error: toError(error) })
    this.#pump()
  }

  #settle(key: string, ending: Ending): void {
    const live = this.#table.live.get(key)
    if (live === undefined) return
    this.#runner.hub.clock.clearTimeout(live.timer)
    this.#record(live.task, live.runner, live.startedAt, ending)
  }

  #record(task: BranchTask, runner: Runner | undefined, startedAt: number | undefined, ending: Ending): void {
    const { hub } = this.#runner
    const now = hub.clock.now()
    const parent = this.#parent(task.key)
    const inputs = runner === undefined ? task.inputs : runner.bound === NO_INPUTS ? runner.inputs : { ...runner.inputs, ...runner.bound }
    const attempts = startedAt === undefined ? 0 : 1
    const result = createResult({ key: task.key, index: task.index, inputs, attempts, startedAt, identity: () => branchIdentity(parent) }, now, ending)
    this.#table.settle(result)
    this.#reducer.send({ type: 'teasel.settled', result })
    if (!hub.quiet || this.#runner.watched || this.watches) {
      const { key, index } = task
      const { status } = ending
      const teller = runner ?? new Runner({ plan: this.#runner.plan, hub, standing: this.#runner.standing, parent })
      announce(teller, { type: 'branch.settled', source: this.#step.node.name, key, index, status, result, durationMs: now - (startedAt ?? now) })
    } else hub.skip()
    if (hub.interceptors.length > 0) this.#afterBranch(task, parent, ending)
    if (runner !== undefined) this.#waiting.delete(runner)
    this.#checkSenders()
    this.#judge()
  }

  #afterBranch(task: BranchTask, parent: Parent, ending: Ending): void {
    const path = [...this.#runner.path, { map: parent.name, visit: parent.visit, key: parent.key }]
    const told = { map: parent.name, key: task.key, index: task.index, path }
    const outcome = ending.status === 'done' ? { status: 'done', state: ending.state } as const : ending
    this.#starting += 1
    void conclude('Branch', this.#runner.hub.interceptors, told, outcome, (where, error) => reportFault(this.#runner, where, error)).then((fatal) => {
      this.#starting -= 1
      if (fatal !== undefined) this.#close('fault', fatal.error)
      this.#pump()
    })
  }

  /** Asks the policy whether there are enough. */
  #judge(): void {
    if (this.#closing !== undefined) return
    const verdict = judge(this.policy, this.#table)
    if (verdict !== 'go') this.#close(verdict)
  }

  /** `watch` has enough. */
  settleNow(): void {
    this.#close('satisfied')
  }

  /** Starts nothing more and cancels the rest (M4). */
  #close(why: Closing, error?: unknown): void {
    if (this.#closing !== undefined) return
    this.#closing = why
    if (why === 'fault') this.#fault = { error }
    const cause = why === 'satisfied' ? 'settled' : why === 'cancelled' ? 'parent' : why === 'stopped' ? 'stop' : 'sibling-failed'
    const by = why === 'satisfied' ? 'settle' : why === 'cancelled' || why === 'stopped' ? 'parent' : 'sibling'
    const given = this.#runner.cancellation?.reason
    const cancellation = createCancellation(cause, by, this.#runner.hub.clock.now(), given)
    this.#sourceSignal?.abort(cancellation.reason)
    for (const { runner } of [...this.#table.live.values()]) this.#cancelLive(runner, cancellation)
    if (why !== 'stopped') this.#recordRest(cancellation)
    this.#startGrace()
    this.#endIfDone()
  }

  #recordRest({ reason, by }: Cancellation): void {
    try {
      for (const task of this.#feed?.rest() ?? []) {
        this.#record(task, undefined, undefined, { status: 'cancelled', reason, by })
      }
    } catch (error) {
      this.#runner.hub.logger.warn(`The rest of the source of "${this.#step.node.name}" could not be read.`, error)
    }
  }

  #cancelLive(runner: Runner, cancellation: Cancellation): void {
    if (runner.running) runner.cancel(cancellation)
    else {
      // Not started yet: its interceptors are still asked.
      const { parent } = runner
      if (parent !== undefined) this.#settle(parent.key, { status: 'cancelled', reason: cancellation.reason, by: cancellation.by })
    }
  }

  /** The parent's step is cancelled. */
  cancelAll(_cancellation: Cancellation): void {
    this.#close('cancelled')
  }

  /** Cancels one branch, also a queued one. Says nothing when it has settled. */
  cancelBranch(key: string, cancellation: Cancellation): void {
    if (this.#closing === 'stopped') return
    const live = this.#table.live.get(key)
    if (live !== undefined) {
      this.#cancelLive(live.runner, cancellation)
      this.#startGrace()
    } else if (!this.#table.settled.has(key)) {
      const task = this.#feed?.take(key)
      if (task === undefined) return
      const { reason, by } = cancellation
      this.#record(task, undefined, undefined, { status: 'cancelled', reason, by })
    }
    this.#pump()
  }

  /** Whether a branch of this key lives, has settled, or waits in a source of known length. */
  knows(key: string): boolean {
    return this.#table.has(key) || this.#feed?.holds(key) === true
  }

  /** A branch by its key, for addressing what is deeper. */
  branch(key: string): Runner | undefined {
    return this.#table.live.get(key)?.runner
  }

  deliver(key: string, message: Received): Delivery {
    const runner = this.#table.live.get(key)?.runner
    const delivery = runner === undefined ? 'dropped' : runner.mailbox.push(message)
    if (runner !== undefined && delivery === 'delivered') this.#waiting.delete(runner)
    if (this.#runner.heard || this.watches) {
      announce(runner ?? this.#runner, { type: 'message', source: this.#step.node.name, message, to: key, delivery })
    }
    return delivery
  }

  broadcast(message: Received): void {
    for (const key of [...this.#table.live.keys()]) if (key !== message.from) this.deliver(key, message)
  }

  /** A branch waits for a message of its siblings. */
  waits(runner: Runner): void {
    this.#waiting.add(runner)
    this.#checkSenders()
  }

  /** Nobody is left who could send: those that wait alone complete, those that wait for each other fail. */
  #checkSenders(): void {
    const { live } = this.#table
    if (this.#waiting.size === 0 || this.#waiting.size < live.size || this.#closing !== undefined) return
    if (this.#table.total === undefined || this.#table.settled.size + live.size < this.#table.total) return
    const keys = [...live.keys()]
    const error = live.size === 1 ? undefined : new NoSenderError(keys)
    for (const runner of this.#waiting) runner.mailbox.release(error)
    this.#waiting.clear()
  }

  #tellBranch(type: 'branch.queued' | 'branch.start', runner: Runner, { key, index }: BranchTask): void {
    if (runner.heard) announce(runner, { type, source: this.#step.node.name, key, index })
  }

  /** An event of a branch, for `watch`. */
  tell(event: AnyEvent, key: string, own: boolean): void {
    try {
      this.#watcher?.tell(event, key, own)
    } catch (error) {
      reportFault(this.#runner, `watch of "${this.#step.node.name}"`, error)
    }
  }

  cancelByWatch(key: string, reason: unknown): void {
    this.cancelBranch(key, createCancellation('watch', 'watch', this.#runner.hub.clock.now(), reason))
  }

  #startGrace(): void {
    const { hub } = this.#runner
    if (this.#grace !== undefined || this.#table.live.size === 0) return
    this.#grace = hub.clock.setTimeout(() => {
      this.#grace = undefined
      this.#runner.leaked.push(...this.#abandonCancelled())
    }, this.#fanOut.graceMs ?? hub.graceMs)
  }

  /** The grace period above is over. */
  abandon(): readonly Leak[] {
    return this.#abandonCancelled()
  }

  #abandonCancelled(): Leak[] {
    const leaks: Leak[] = []
    for (const { runner } of [...this.#table.live.values()]) if (runner.cancellation !== undefined) leaks.push(...runner.abandon())
    return leaks
  }

  #endIfDone(): void {
    if (this.#table.live.size > 0 || this.#starting > 0 || this.reducing) return
    const exhausted = this.#table.total !== undefined && this.#table.settled.size === this.#table.total
    if (this.#closing === undefined && !exhausted) return
    this.reducing = true
    void this.#conclude()
  }

  async #conclude(): Promise<void> {
    this.#runner.hub.clock.clearTimeout(this.#grace)
    try {
      await this.#feed?.close()
    } catch (error) {
      reportFault(this.#runner, `The source of "${this.#step.node.name}", while it was closed,`, error)
    }
    const { done, failed, cancelled } = this.#table
    const { node } = this.#step
    if (this.#runner.heard) this.#runner.emit({ type: 'map.end', source: node.name, done, failed, cancelled })
    if (this.#closing === 'fault') return this.#finish({ error: this.#fault?.error })
    if (this.#closing === 'cancelled' || this.#closing === 'stopped') return this.#finish({ error: this.#runner.cancellation?.reason })
    if (this.#closing === 'hopeless') return this.#finish({ error: this.#hopeless() })
    if (this.#runner.heard) this.#runner.emit({ type: 'reduce', source: node.name, results: this.#table.settled.size })
    this.#reducer.send({ type: 'teasel.reduce' })
  }

  #hopeless(): Error {
    const results = this.#table.results()
    const lost = results.filter((result) => result.status === 'failed')
    const first = lost[0]?.error
    if (this.#fanOut.single && first !== undefined) return first
    const told = lost.length > 0 ? lost : results.filter((result: AnyResult) => result.status === 'cancelled')
    const { policy } = this
    const counted = `${told.length} of ${this.#table.total ?? results.length} branches ${lost.length > 0 ? 'failed' : 'were cancelled'}`
    const named = told.length === 0 ? '' : `: ${list(told.slice(0, 3).map((result) => result.key))}${told.length > 3 ? ' …' : ''}`
    const said = first === undefined ? '' : ` First: ${first.message}`
    return new ParallelError(this.#step.node.name, `cannot settle as ${policyName(policy)}: ${counted}${named}.${said}`, results, first)
  }

  #finish(end: { readonly update: unknown } | { readonly error: unknown }): void {
    if ('error' in end) {
      this.#self.send({ type: 'teasel.map.failed', error: end.error })
      this.#answer.reject(end.error)
    } else {
      this.#self.send({ type: 'teasel.map.done', output: end.update })
      this.#answer.resolve(end.update)
    }
  }

  /** The map actor was stopped: stops every branch, and waits for nothing. */
  stop(): void {
    const { clock } = this.#runner.hub
    clock.clearTimeout(this.#grace)
    if (!this.reducing) this.#close('stopped')
    const cancellation = createCancellation('stop', 'parent', clock.now())
    for (const { runner, timer } of this.#table.live.values()) {
      clock.clearTimeout(timer)
      runner.stop(cancellation)
    }
    this.#table.live.clear()
  }
}
