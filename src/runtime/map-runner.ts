import type { Inputs } from '../action/inputs.js'
import type { Delivery, Received } from '../action/message.js'
import { TimeoutError } from '../errors.js'
import { createDeferred } from '../internal/deferred.js'
import { toError } from '../internal/guards.js'
import type { AnyEvent } from '../lifecycle/events.js'
import { type Fatal, intercept } from '../lifecycle/interceptor.js'
import type { FanOut } from '../parallel/fan-out.js'
import type { Ending } from '../parallel/results.js'
import { judge, policyName } from '../parallel/settle.js'
import type { BranchTask } from '../parallel/task.js'
import { announce, reportFault } from './announce.js'
import { BranchStarter, TIMEOUT } from './branch-starter.js'
import { type Cancellation, createCancellation } from './cancellation.js'
import { type AnyActorRef, makeActor, stopActor } from './create-actor.js'
import { Grace } from './grace.js'
import { MapBooks } from './map-books.js'
import { closingCancellation, hopelessMap, mapSource, type Why } from './map-outcome.js'
import { Recorder } from './recorder.js'
import { reducerLogic } from './reducer-logic.js'
import { Siblings } from './siblings.js'
import { TaskFeed } from './task-feed.js'
import type { LiveApp, LiveBranch, LiveMap, LiveStep } from './tree.js'
import { Watcher } from './watcher.js'

// Owns: the branches of one visit of a map action: which run, how they settled, when there are enough.
// Does not own: the loop of a branch (runner.ts), the fold (reducer-logic.ts), the snapshot (map-logic.ts).
// M1  At most `window` branches live at once, and as many as there is work for; nothing is pulled ahead.
// M2  Every branch settles exactly once; what comes later for its key is ignored.
// M3  The map ends only when no branch lives and the source is closed, or when they were given up.
// M4  Once it closes, nothing more is started. Entries of a source of known length still get a result.

type Closing = Why & { readonly at: number }

export class MapRunner implements LiveMap {
  readonly app: LiveApp
  readonly step: LiveStep
  readonly visit: number
  readonly watches: boolean
  readonly table = new MapBooks()
  readonly #fanOut: FanOut
  readonly #raw: Inputs
  readonly #siblings: Siblings
  readonly #answer = createDeferred<unknown>()
  readonly #watcher: Watcher | undefined
  readonly #grace: Grace
  #sourceSignal: AbortController | undefined
  #self!: AnyActorRef
  #reducer!: AnyActorRef
  #starter!: BranchStarter
  #recorder!: Recorder
  #feed: TaskFeed | undefined
  #closing: Closing | undefined
  #pumping = false
  #phase: 'branches' | 'source' | 'reducer' | 'ended' = 'branches'
  readonly #gaveUp = createDeferred<void>()

  constructor(app: LiveApp, step: LiveStep, fanOut: FanOut, raw: Inputs) {
    this.app = app
    this.step = step
    this.#fanOut = fanOut
    this.#raw = raw
    this.visit = (app.visits[step.node.index] ?? 0) + 1
    this.watches = fanOut.watch !== undefined
    this.#siblings = new Siblings(this)
    this.#watcher = fanOut.watch === undefined ? undefined : new Watcher(fanOut.watch, this)
    this.#grace = new Grace(app.hub.clock, fanOut.graceMs ?? app.hub.graceMs, () => this.#overdue())
  }

  get reducing(): boolean {
    return this.#phase !== 'branches'
  }

  get policy(): FanOut['policy'] {
    return this.#fanOut.policy
  }

  /** Runs the branches and the reducer. Rejects once every branch has ended. */
  run(self: AnyActorRef): Promise<unknown> {
    const { node, state, inputs } = this.step
    this.#self = self
    this.#starter = new BranchStarter(this, this.#fanOut, self, this.#raw)
    const setup = { fanOut: this.#fanOut, state, inputs, signal: () => this.step.signal }
    this.#reducer = makeActor(reducerLogic, { id: 'reduce', parent: self, input: setup })
    this.#reducer.start()
    this.#recorder = new Recorder(this, this.table, this.#reducer, (fatal) => this.#concluded(fatal))
    try {
      const source = mapSource(this.#fanOut, this.step, () => this.#openSignal())
      this.#feed = new TaskFeed(node.subject, source, () => this.#pump())
      this.table.total = this.#feed.length
    } catch (error) {
      this.#close({ kind: 'fault', error })
    }
    const { total } = this.table
    if (this.app.hears('map.start'))
      announce(this.app, { type: 'map.start', source: node.name, total, policy: policyName(this.policy) })
    if (total === 0) this.#judge()
    this.#pump()
    return this.#answer.promise
  }

  /** What a source is given: fires when the map wants no more of it. */
  #openSignal(): AbortSignal {
    this.#sourceSignal ??= new AbortController()
    return this.#sourceSignal.signal
  }

  /** Starts branches while there is room (M1). */
  #pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    try {
      while (this.#closing === undefined && this.table.live.size < this.#fanOut.window) {
        const task = this.#feed?.next() ?? 'end'
        if (task === 'later') break
        if (task === 'end') {
          this.#exhausted()
          break
        }
        this.#start(task)
      }
    } catch (error) {
      this.#close({ kind: 'fault', error })
    }
    this.#pumping = false
    this.#endIfDone()
  }

  /** The source has ended, so the number of branches is known now, if it was not. */
  #exhausted(): void {
    if (this.table.total !== undefined) return
    this.table.total = this.#feed?.length
    this.#judge()
    this.#siblings.check()
  }

  #start(task: BranchTask): void {
    if (this.table.has(task.key)) {
      throw new TypeError(`its source gave the key "${task.key}" a second time. Give each branch a key of its own.`)
    }
    const branch = this.#starter.make(task)
    this.table.live.set(task.key, branch)
    this.#tellBranch('branch.queued', branch)
    if (this.app.hub.interceptors.length === 0) this.#starter.launch(branch)
    else void this.#launchIntercepted(branch)
  }

  async #launchIntercepted(branch: LiveBranch): Promise<void> {
    const { app, task } = branch
    try {
      await intercept('Branch', app.hub.interceptors, {
        map: this.step.node.name,
        key: task.key,
        index: task.index,
        path: app.path,
      })
    } catch (error) {
      this.#settle(task.key, { status: 'failed', error: toError(error) })
      return this.#pump()
    }
    if (this.table.live.get(task.key) === branch) this.#starter.launch(branch)
  }

  branchStarted(key: string): void {
    const branch = this.table.live.get(key)
    if (branch === undefined) return
    this.#starter.begin(branch)
    this.#tellBranch('branch.start', branch)
  }

  childDone(key: string, output: unknown): void {
    if (key === 'reduce' && this.#phase === 'reducer') return this.#finish({ update: output })
    const live = this.table.live.get(key)
    if (live === undefined) return // M2
    const { cancellation, standing, leaked } = live.app
    if (cancellation === undefined) this.#settle(key, { status: 'done', state: standing.state })
    else if (cancellation.by === TIMEOUT && cancellation.reason instanceof TimeoutError) {
      this.#settle(key, { status: 'failed', error: cancellation.reason })
    } else this.#settle(key, { status: 'cancelled', reason: cancellation.reason, by: cancellation.by })
    this.app.takeLeaks(leaked)
    this.#pump()
  }

  childFailed(key: string, error: unknown): void {
    if (key === 'reduce' && this.#phase === 'reducer') return this.#finish({ error })
    if (!this.table.live.has(key)) return
    this.#settle(key, { status: 'failed', error: toError(error) })
    this.#pump()
  }

  #settle(key: string, ending: Ending): void {
    const live = this.table.live.get(key)
    if (live === undefined) return
    if (live.timer !== undefined) this.app.hub.clock.clearTimeout(live.timer)
    this.#record(live.task, live.app, live.startedAt, ending)
    this.#siblings.settled(live.app)
  }

  #record(task: BranchTask, app: LiveApp | undefined, startedAt: number | undefined, ending: Ending): void {
    this.#recorder.record(task, app, startedAt, ending)
    this.#judge()
  }

  #concluded(fatal: Fatal | undefined): void {
    if (fatal !== undefined) this.#close({ kind: 'fault', error: fatal.error })
    this.#endIfDone()
  }

  /** Asks the policy whether there are enough. */
  #judge(): void {
    if (this.#closing !== undefined) return
    const verdict = judge(this.policy, this.table)
    if (verdict !== 'go') this.#close({ kind: verdict })
  }

  settleNow(): void {
    this.#close({ kind: 'satisfied' })
  }

  cancelAll(): void {
    this.#close({ kind: 'cancelled' })
    this.#grace.start() // also for a reducer that runs by now
  }

  /** Starts nothing more and cancels the rest (M4). */
  #close(why: Why): void {
    if (this.#closing !== undefined || this.#phase !== 'branches') return
    const cancellation = closingCancellation(this.app, why)
    this.#closing = { ...why, at: cancellation.at }
    this.#sourceSignal?.abort(cancellation.reason)
    for (const branch of [...this.table.live.values()]) this.#cancelLive(branch, cancellation)
    if (why.kind !== 'stopped') this.#recordRest(cancellation)
    this.#grace.start()
    if (!this.#pumping) this.#endIfDone()
  }

  #recordRest({ reason, by }: Cancellation): void {
    try {
      for (const task of this.#feed?.rest() ?? [])
        this.#record(task, undefined, undefined, { status: 'cancelled', reason, by })
    } catch (error) {
      this.app.hub.logger.warn(`The rest of the source of "${this.step.node.name}" could not be read.`, error)
    }
  }

  #cancelLive({ app, task }: LiveBranch, cancellation: Cancellation): void {
    if (app.running) app.cancel(cancellation)
    // Not launched yet: its interceptors are still asked.
    else this.#settle(task.key, { status: 'cancelled', reason: cancellation.reason, by: cancellation.by })
  }

  cancelBranch(key: string, cancellation: Cancellation): void {
    const live = this.table.live.get(key)
    if (live !== undefined) {
      this.#cancelLive(live, cancellation)
      this.#grace.start()
    } else if (!this.table.settled.has(key)) {
      const task = this.#feed?.take(key)
      if (task === undefined) return
      const { reason, by } = cancellation
      this.#record(task, undefined, undefined, { status: 'cancelled', reason, by })
    }
    this.#pump()
  }

  knows(key: string): boolean {
    return this.table.has(key) || this.#feed?.holds(key) === true
  }

  deliver(key: string, message: Received): Delivery {
    return this.#siblings.deliver(key, message)
  }

  broadcast(message: Received): void {
    this.#siblings.broadcast(message)
  }

  waits(app: LiveApp): void {
    if (this.#closing === undefined) this.#siblings.waits(app)
  }

  #tellBranch(type: 'branch.queued' | 'branch.start', { app, task }: LiveBranch): void {
    if (app.hears(type)) this.#tell(app, { type, source: this.step.node.name, key: task.key, index: task.index })
  }

  #tell(teller: LiveApp, fields: Parameters<typeof announce>[1]): void {
    announce(teller, fields, this.app.standing.sequenceId + 1)
  }

  tell(event: AnyEvent, key: string, own: boolean): void {
    try {
      this.#watcher?.tell(event, key, own)
    } catch (error) {
      reportFault(this.app, `watch of "${this.step.node.name}"`, error)
    }
  }

  /** Gives up whatever ignores its cancel: branches, and with none left the source or the reducer. */
  abandon(): void {
    for (const { app } of [...this.table.live.values()]) app.abandon()
    if (this.table.live.size === 0) this.#abandonOwn()
    else this.#grace.start(0)
  }

  #abandonOwn(): void {
    const { cancellation } = this.app
    if (this.#phase === 'source') {
      this.app.leak(this.step)
      this.#gaveUp.resolve()
    } else if (this.#phase === 'reducer' && cancellation !== undefined) {
      this.app.leak(this.step)
      this.#finish({ error: cancellation.reason })
    }
  }

  /** The time of some branch is up. */
  #overdue(): void {
    if (this.table.live.size === 0) return this.#abandonOwn()
    let next: number | undefined
    for (const { app } of [...this.table.live.values()]) {
      if (app.cancellation === undefined) continue
      const left = this.#grace.left(app.cancellation.at)
      if (left <= 0) app.abandon()
      else next = Math.min(next ?? left, left)
    }
    if (next !== undefined) this.#grace.start(next)
  }

  #endIfDone(): void {
    if (this.#phase !== 'branches' || this.#pumping || this.table.live.size > 0 || this.#recorder.asking) return
    if (this.#closing === undefined && !this.table.complete) return
    this.#phase = 'source'
    void this.#conclude()
  }

  async #conclude(): Promise<void> {
    const { name } = this.step.node
    await this.#closeSource()
    if (this.#phase !== 'source') return // stopped
    const { done, failed, cancelled, settled } = this.table
    if (this.app.hears('map.end')) announce(this.app, { type: 'map.end', source: name, done, failed, cancelled })
    if (this.#closing !== undefined && this.#closing.kind !== 'satisfied') return this.#finish({ error: this.#fault() })
    if (this.app.cancellation !== undefined) return this.#finish({ error: this.app.cancellation.reason })
    this.#phase = 'reducer'
    if (this.app.hears('reduce')) announce(this.app, { type: 'reduce', source: name, results: settled.size })
    this.#reducer.send({ type: 'teasel.reduce' })
  }

  async #closeSource(): Promise<void> {
    try {
      const closed = this.#feed?.close()
      if (closed === undefined) return
      if (this.#closing !== undefined) this.#grace.start(this.#grace.left(this.#closing.at))
      await Promise.race([closed, this.#gaveUp.promise])
    } catch (error) {
      reportFault(this.app, `The source of "${this.step.node.name}", while it was closed,`, error)
    }
  }

  #fault(): unknown {
    if (this.#closing?.kind === 'fault') return this.#closing.error
    return this.#closing?.kind === 'hopeless'
      ? hopelessMap(this.step.node.name, this.#fanOut, this.table)
      : this.app.cancellation?.reason
  }

  #finish(end: { readonly update: unknown } | { readonly error: unknown }): void {
    if (this.#phase === 'ended') return
    this.#phase = 'ended'
    this.#grace.end()
    stopActor(this.#reducer, this.#self)
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
    if (this.#phase === 'ended') return
    this.#close({ kind: 'stopped' })
    const cancellation = createCancellation('stop', 'parent', this.app.hub.clock.now())
    for (const { app, timer } of this.table.live.values()) {
      this.app.hub.clock.clearTimeout(timer)
      app.stop(cancellation)
    }
    this.table.live.clear()
    this.#finish({ error: cancellation.reason })
  }
}
