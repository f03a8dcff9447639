import type { Inputs } from '../action/inputs.js'
import type { CancelAnswer, Delivery, Received } from '../action/message.js'
import { toError } from '../internal/guards.js'
import type { AnyEvent, CancelCause } from '../lifecycle/events.js'
import type { Fatal } from '../lifecycle/interceptor.js'
import type { FanOut } from '../parallel/fan-out.js'
import type { Feed } from '../parallel/restored-feed.js'
import type { Ending } from '../parallel/results.js'
import { judge, policyName } from '../parallel/settle.js'
import type { BranchTask } from '../parallel/task.js'
import { type AnyActorRef, makeActor } from './actor/create-actor.js'
import { announce } from './announce.js'
import type { BranchHandle, WaitsFor } from './branch-handle.js'
import { BranchStarter } from './branch-starter.js'
import { type Cancellation, createCancellation } from './cancellation.js'
import { Carrier } from './carrier.js'
import type { Folding } from './folding.js'
import { Grace } from './grace.js'
import type { HeldBranches } from './held-branches.js'
import { MapBooks } from './map-books.js'
import { MapFinale } from './map-finale.js'
import { type Closing, closingCancellation, faultOf, lostBy, type Why } from './map-outcome.js'
import { openFeed } from './open-feed.js'
import { abandonOverdue, recordRest, stopAll } from './overdue.js'
import { OwnTurn } from './own-turn.js'
import { Recorder } from './recorder.js'
import { reducerLogic, reducerSetup } from './reducer-logic.js'
import { Siblings } from './siblings.js'
import { trackerBelow } from './tracking.js'
import type { LiveApp, LiveMap, LiveRun, LiveStep } from './tree.js'
import { Watcher } from './watcher.js'

// Owns: the branches of one visit of a map action: which run, how they settled, when there are enough.
// Does not own: the loop of a branch (run.ts), the fold (reducer-logic.ts), the snapshot (map-logic.ts).
// M1  At most `window` branches live at once, those not counted that wait for a person, and as many as there is work for;
//     nothing is pulled ahead.
// M2  Every branch settles exactly once; what comes later for its key is ignored.
// M3  The map ends only when no branch lives and the source is closed, or when they were given up.
// M4  Once it closes, nothing more is started. Entries of a source of known length still get a result.

export class MapRunner implements LiveMap {
  readonly app: LiveApp
  readonly run: LiveRun
  readonly step: LiveStep
  readonly visit: number
  readonly watches: boolean
  readonly policy: FanOut['policy']
  readonly table: MapBooks
  readonly #siblings: Siblings
  kept: LiveMap['kept']
  held: HeldBranches | undefined
  tracker: LiveMap['tracker']
  readonly #fanOut: FanOut
  readonly #raw: Inputs
  readonly #watcher: Watcher | undefined
  readonly #grace: Grace
  #sourceSignal: AbortController | undefined
  #starter!: BranchStarter
  #recorder!: Recorder
  #finale!: MapFinale
  #folding!: Folding
  #feed: Feed | undefined
  #closing: Closing | undefined
  #pumping = false
  /** What waits until it is certain which branches had settled before. */
  readonly #afterwards: (() => void)[] = []
  readonly #turn = new OwnTurn(() => this.#pump())

  constructor(run: LiveRun, step: LiveStep, fanOut: FanOut, raw: Inputs) {
    const { app } = run
    this.run = run
    this.app = app
    this.step = step
    this.#fanOut = fanOut
    this.policy = fanOut.policy
    this.table = new MapBooks(fanOut.fold.kind === 'all', fanOut.policy !== 'collect')
    this.#raw = raw
    this.visit = (app.visits[step.node.index] ?? 0) + 1
    this.watches = fanOut.watch !== undefined
    this.#siblings = new Siblings(this, fanOut.window)
    this.#watcher = fanOut.watch && new Watcher(fanOut.watch, this)
    this.#grace = new Grace(app.hub.clock, fanOut.graceMs ?? app.hub.graceMs, () =>
      abandonOverdue(this, this.#closing !== undefined, this.#grace, this.#finale),
    )
  }

  get reducing(): boolean {
    return this.#finale.begun
  }

  /** Runs the branches and the reducer. Rejects once every branch has ended. */
  begin(self: AnyActorRef): Promise<unknown> {
    this.#starter = new BranchStarter(this, this.#fanOut, self, this.#raw)
    const fault = (error: unknown): void => this.#close({ kind: 'fault', error })
    const setup = reducerSetup(this, this.#fanOut, {
      failed: fault,
      enough: () => this.settleNow(),
      idle: () => this.#siblings.check(),
    })
    this.#folding = setup.folding
    const reducer = makeActor(reducerLogic, { id: 'reduce', parent: self, input: new Carrier('teasel.reducer', setup) })
    reducer.start()
    this.#finale = new MapFinale(this, self, reducer, this.#folding, this.#grace)
    this.#recorder = new Recorder(this, this.table, reducer, (fatal) => this.#concluded(fatal))
    try {
      this.#watcher?.open()
      this.tracker = trackerBelow(this.app, this.step, this.#fanOut)
      const opened = openFeed(this, this.#fanOut, () => this.#openSignal(), this.#starter, {
        wake: () => this.#pump(),
        record: (...settled) => this.#record(settled, 'settled'),
        enough: () => this.settleNow(),
        restored: () => this.#restored(),
        closed: () => this.#closing !== undefined,
        fault,
      })
      this.#feed = opened.feed
      this.kept = opened.kept
      this.held = opened.held
      this.table.total = opened.feed.length
    } catch (error) {
      fault(error)
    }
    const { total } = this.table
    const fields = { source: this.step.node.name, total, policy: policyName(this.policy) }
    if (this.app.hears('map.start')) announce(this.app, { type: 'map.start', ...fields })
    if (total !== undefined) this.#judge()
    this.#pump()
    return this.#finale.answer
  }

  /** What a source is given: fires when the map wants no more of it. */
  #openSignal(): AbortSignal {
    this.#sourceSignal ??= new AbortController()
    return this.#sourceSignal.signal
  }

  /** Starts branches while there is room (M1), in turns of its own. */
  #pump(): void {
    if (this.#pumping || this.#turn.awaited) return
    this.#pumping = true
    const hasRoom = (): boolean =>
      this.#closing === undefined && this.table.live.size - this.#siblings.outside < this.#fanOut.window
    try {
      while (hasRoom() && !this.#turn.over) {
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

  refill(): void {
    this.#pump()
  }

  /** The source has ended, so the number of branches is known now, if it was not. */
  #exhausted(): void {
    if (this.table.total !== undefined) return
    this.table.total = this.#feed?.length
    this.#judge()
  }

  #start(task: BranchTask): void {
    if (this.table.has(task.key)) {
      throw new TypeError(`its source gave the key "${task.key}" a second time. Give each branch a key of its own.`)
    }
    const branch = this.#starter.make(task)
    this.#siblings.made(task.key, branch)
    this.table.live.set(task.key, branch)
    this.#starter.tell('branch.queued', branch)
    if (this.table.live.get(task.key) === branch) branch.start() // else whoever was told cancelled it
  }

  branchStarted(key: string): void {
    const branch = this.table.live.get(key)
    if (branch === undefined) return
    this.#starter.begin(branch)
    this.#starter.tell('branch.start', branch)
  }

  childDone(key: string, output: unknown): void {
    if (key === 'reduce' && this.#finale.reducing) return this.#finale.finish({ update: output })
    const result = this.table.live.get(key)?.result
    if (result !== undefined) this.#settle(key, result) // M2
    this.#pump()
  }

  refused(key: string, ending: Ending): void {
    this.#settle(key, ending)
    this.#pump()
  }

  childFailed(key: string, error: unknown): void {
    if (key === 'reduce' && this.#finale.reducing) return this.#finale.finish({ error })
    this.#settle(key, { status: 'failed', error: toError(error) })
    this.#pump()
  }

  #settle(key: string, ending: Ending, cause?: CancelCause): void {
    const live = this.table.live.get(key)
    if (live === undefined) return
    const { waitsFor } = live
    live.alarm?.clear()
    this.run.takeLeaks(live.leaked)
    this.#record([live.task, live, live.startedAt, ending], cause ?? live.cancelCause)
    this.#siblings.settled(key, waitsFor)
    live.release()
  }

  #record(settled: Parameters<Recorder['record']>, cause: CancelCause | undefined): void {
    const pumping = this.#pumping
    this.#pumping = true // a watch that is told of it may cancel: nothing starts or ends before the policy is asked
    const result = this.#recorder.record(...settled)
    this.held?.settled(settled[0], result, settled[1], cause)
    this.#pumping = pumping
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
    this.kept?.enough()
    this.held?.enough()
    this.#close({ kind: 'satisfied' })
  }

  cancelAll(): void {
    this.#close({ kind: 'cancelled' })
    void this.#folding.cancel(this.run.cancellation?.reason)
    this.#grace.start() // also for a reducer that runs by now
  }

  /** Starts nothing more and cancels the rest (M4). */
  #close(why: Why): void {
    if (this.#closing !== undefined || this.#finale.begun) return
    const cancellation = closingCancellation(this.run, why)
    this.#closing = { ...why, at: cancellation.at }
    this.#sourceSignal?.abort(cancellation.reason)
    if (why.kind !== 'satisfied') void this.#folding.cancel(cancellation.reason)
    for (const branch of this.table.each()) this.#cancelLive(branch, cancellation)
    if (why.kind !== 'stopped') recordRest(this, this.#feed, (task) => this.#neverStarted(task, cancellation))
    this.#restored()
    this.#grace.start()
    if (!this.#pumping) this.#endIfDone()
  }

  #neverStarted(task: BranchTask, cancellation: Cancellation): void {
    this.#record([task, undefined, undefined, lostBy(cancellation)], cancellation.cause)
  }

  #cancelLive(branch: BranchHandle, cancellation: Cancellation): void {
    if (branch.status === 'ended') return // that is being stored
    const { key } = branch.task
    if (branch.cancelledAt === undefined) this.#starter.limitGrace(branch, cancellation.at)
    if (!branch.cancel(cancellation)) this.#settle(key, lostBy(cancellation), cancellation.cause) // it has not begun
  }

  cancelBranch(key: string, cancellation: Cancellation): CancelAnswer {
    const live = this.table.live.get(key)
    if (this.table.settled.has(key) || live?.status === 'ended') return 'settled'
    if (live === undefined && this.restoring) {
      void this.whenRestored(() => this.cancelBranch(key, cancellation))
      return 'cancelled'
    }
    const task = live?.task ?? this.#feed?.take(key)
    if (task === undefined) return 'unknown'
    if (live?.cancelledAt === undefined) this.kept?.cancelled(task, cancellation, live)
    if (live === undefined) this.#neverStarted(task, cancellation)
    else {
      this.table.ending.add(key)
      this.#cancelLive(live, cancellation)
      this.#grace.start()
    }
    this.#pump()
    return 'cancelled'
  }

  get restoring(): boolean {
    return this.#closing === undefined && this.#feed?.restoring === true
  }

  whenRestored<T>(work: () => T): Promise<T> {
    return new Promise((resolve) => void this.#afterwards.push(() => resolve(work())))
  }

  #restored(): void {
    for (const work of this.#afterwards.splice(0)) work()
  }

  timing(key: string): BranchHandle | undefined {
    return this.table.live.get(key)
  }

  idOf(key: string): string | undefined {
    return this.kept?.idOf(key)
  }

  get waitsFor(): WaitsFor {
    return this.#siblings.waitsFor
  }

  waitsChanged(key: string, before: WaitsFor, after: WaitsFor): void {
    this.#siblings.changed(key, before, after)
  }

  turnOf(key: string): Promise<void> | undefined {
    return this.#siblings.turnOf(key)
  }

  deliver(key: string, message: Received, to?: string): Delivery {
    return this.#siblings.deliver(key, message, to)
  }

  broadcast(message: Received, from: string): void {
    this.#siblings.broadcast(message, from)
  }

  knows(key: string): boolean {
    return this.table.has(key) || this.#feed?.holds(key) === true
  }

  tell(event: AnyEvent, key: string, own: boolean): void {
    this.#watcher?.tell(event, key, own)
  }

  /** Gives up whatever ignores its cancel: branches, and with none left the source or the reducer. */
  abandon(): void {
    if (this.table.live.size === 0) this.#finale.abandon()
    for (const branch of this.table.each()) branch.abandon()
    this.#grace.cut() // also for what follows
  }

  get busy(): boolean {
    const pulls = this.#feed?.pulling === true
    return (
      pulls || this.#pumping || this.#turn.awaited || this.#folding.busy || this.#finale.begun || this.#recorder.asking
    )
  }

  queued(): Iterable<string> {
    return this.#feed?.queued() ?? []
  }

  #endIfDone(): void {
    this.#siblings.check()
    if (this.#finale.begun || this.#pumping || this.table.live.size > 0 || this.#recorder.asking) return
    if (this.#closing === undefined && !this.table.complete) return
    this.#finale.begin(this.#feed, this.#closing, () => faultOf(this, this.#fanOut, this.#closing))
  }

  /** The map actor was stopped, or its own code has failed: stops every branch, and waits for nothing. */
  stop(fault?: { readonly error: unknown }): void {
    if (this.#finale.ended) return
    this.#close({ kind: 'stopped' })
    const cancellation = createCancellation('stop', 'parent', this.app.hub.passed())
    stopAll(this, cancellation)
    this.table.live.clear()
    this.#finale.finish(fault ?? { error: cancellation.reason })
  }
}
