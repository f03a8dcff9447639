import type { Inputs } from '../../action/inputs.js'
import type { CancelAnswer, Delivery, Received } from '../../action/message.js'
import { assertNever, toError } from '../../internal/guards.js'
import type { AnyEvent, CancelCause } from '../../lifecycle/events.js'
import type { FanOut } from '../../parallel/fan-out.js'
import type { Feed } from '../../parallel/restored-feed.js'
import type { BranchResult } from '../../parallel/results.js'
import { policyName } from '../../parallel/settle.js'
import type { BranchTask } from '../../parallel/task.js'
import { Carrier } from '../actor/carrier.js'
import { type AnyActorRef, makeActor } from '../actor/create-actor.js'
import { type Cancellation, createCancellation } from '../cancel/cancellation.js'
import { Grace } from '../cancel/grace.js'
import { announce } from '../emit.js'
import { BranchMessages } from '../message/branch-messages.js'
import type { LiveApp, LiveAttempt, LiveMap, LiveRun } from '../tree.js'
import type { BranchHandle, WaitsFor } from './branch-handle.js'
import { Recorder } from './branch-result.js'
import { BranchStarter } from './branch-starter.js'
import { BranchTable } from './branch-table.js'
import { Completion } from './completion.js'
import type { Folding } from './folding.js'
import type { HeldBranches } from './held-branches.js'
import { closedBy, hasDrained, type MapEffect, type MapEvent, type Why } from './map-state.js'
import { openFeed } from './open-feed.js'
import { closingCancellation, faultOf, lostBy } from './outcome.js'
import { abandonOverdue, recordRest, stopAll } from './overdue.js'
import { OwnTurn } from './own-turn.js'
import { reducerLogic, reducerSetup } from './reducer-actor.js'
import { trackerBelow } from './tracker-below.js'
import { Watcher } from './watch.js'

// Owns: the branches of one visit of a map action: which run, how they settled, what follows from a decision.
// Does not own: the decisions (map-state.ts), the loop of a branch (run.ts), the fold (reducer-actor.ts), the snapshot
// (map-actor.ts).
// M1  At most `window` branches live at once, those not counted that wait for a person, and as many as there is work for;
//     nothing is pulled ahead.
// M2  Every branch settles exactly once; what comes later for its key is ignored.
// M3  The map ends only when no branch lives and the source is closed, or when they were given up.
// M4  Once it closes, nothing more is started. Entries of a source of known length still get a result.

const REDUCER = 'reduce'

export class MapRunner implements LiveMap {
  readonly app: LiveApp
  readonly run: LiveRun
  readonly step: LiveAttempt
  readonly visit: number
  readonly watches: boolean
  readonly policy: FanOut['policy']
  readonly table: BranchTable
  readonly #siblings: BranchMessages
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
  #finale!: Completion
  #folding!: Folding
  #feed: Feed | undefined
  /** Since when it starts nothing more: milliseconds on the clock that never goes back. */
  #closedAt = 0
  /** What waits until it is certain which branches had settled before. */
  readonly #afterwards: (() => void)[] = []
  readonly #turn = new OwnTurn(() => this.refill())

  constructor(run: LiveRun, step: LiveAttempt, fanOut: FanOut, raw: Inputs) {
    const { app } = run
    this.run = run
    this.app = app
    this.step = step
    this.#fanOut = fanOut
    this.policy = fanOut.policy
    this.table = new BranchTable(fanOut.policy, fanOut.fold.kind === 'all', fanOut.policy !== 'collect')
    this.#raw = raw
    this.visit = (app.visits[step.node.index] ?? 0) + 1
    this.watches = fanOut.watch !== undefined
    this.#siblings = new BranchMessages(this, fanOut.window)
    this.#watcher = fanOut.watch && new Watcher(fanOut.watch, this)
    this.#grace = new Grace(app.system.clock, fanOut.graceMs ?? app.system.graceMs, () =>
      abandonOverdue(this, this.#grace, this.#finale.dueSince, () => this.#abandonRest()),
    )
  }

  /** Changes the state by an event, and does what follows from it. */
  #send(event: MapEvent): void {
    for (const effect of this.table.apply(event)) this.#do(effect)
  }

  #do(effect: MapEffect): void {
    switch (effect.type) {
      case 'close':
        return this.#cancelRest(effect.why)
      case 'drain':
        return void this.#drain(effect.why)
      case 'reduce':
        return this.#finale.reduce()
      case 'fail':
        return this.#send({ type: 'end', end: { error: faultOf(this, this.#fanOut, effect.why) } })
      case 'finish':
        return this.#finale.finish(effect.end)
      default:
        return assertNever(effect)
    }
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
    const reducer = makeActor(reducerLogic, { id: REDUCER, parent: self, input: new Carrier('teasel.reducer', setup) })
    reducer.start()
    this.#finale = new Completion(this, self, reducer, this.#folding, this.#grace)
    this.#recorder = new Recorder(this, this.table, reducer, (fatal) => {
      if (fatal !== undefined) fault(fatal.error)
      this.#look()
    })
    try {
      this.#watcher?.open()
      this.tracker = trackerBelow(this.app, this.step, this.#fanOut)
      const opened = openFeed(this, this.#fanOut, () => this.#openSignal(), this.#starter, {
        wake: () => this.refill(),
        record: (...settled) => this.#record(settled, 'settled'),
        enough: () => this.settleNow(),
        restored: () => this.#restored(),
        closed: () => closedBy(this.table.state) !== undefined,
        fault,
      })
      this.#feed = opened.feed
      this.kept = opened.kept
      this.held = opened.held
      this.#send({ type: 'counted', total: opened.feed.length })
    } catch (error) {
      fault(error)
    }
    const { total } = this.table.state
    const fields = { source: this.step.node.name, total, policy: policyName(this.policy) }
    if (this.app.hears('map.start')) announce(this.app, { type: 'map.start', ...fields })
    if (total !== undefined) this.#send({ type: 'judge' })
    this.refill()
    return this.#finale.answer
  }

  /** What a source is given: fires when the map wants no more of it. */
  #openSignal(): AbortSignal {
    this.#sourceSignal ??= new AbortController()
    return this.#sourceSignal.signal
  }

  /** Starts branches while there is room (M1), in turns of its own. */
  refill(): void {
    if (this.table.state.held > 0 || this.#turn.awaited) return
    this.#send({ type: 'hold' })
    const hasRoom = (): boolean =>
      this.table.state.phase.kind === 'running' && this.table.live.size - this.#siblings.outside < this.#fanOut.window
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
    this.#send({ type: 'free' })
    this.#look()
  }

  /** The source has ended, so the number of branches is known now, if it was not. */
  #exhausted(): void {
    if (this.table.state.total !== undefined) return
    this.#send({ type: 'counted', total: this.#feed?.length })
    this.#send({ type: 'judge' })
  }

  #start(task: BranchTask): void {
    if (this.table.has(task.key)) {
      throw new TypeError(`its source gave the key "${task.key}" a second time. Give each branch a key of its own.`)
    }
    const branch = this.#starter.make(task)
    this.#siblings.made(task.key, branch)
    this.table.add(branch)
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
    if (key === REDUCER && this.table.state.phase.kind === 'reducing')
      return this.#send({ type: 'end', end: { update: output } })
    const result = this.table.live.get(key)?.result
    if (result !== undefined) this.#settle(key, result) // M2
    this.refill()
  }

  refused(key: string, ending: BranchResult): void {
    this.#settle(key, ending)
    this.refill()
  }

  childFailed(key: string, error: unknown): void {
    if (key === REDUCER && this.table.state.phase.kind === 'reducing')
      return this.#send({ type: 'end', end: { error } })
    this.refused(key, { status: 'failed', error: toError(error) })
  }

  #settle(key: string, ending: BranchResult, cause?: CancelCause): void {
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
    this.#send({ type: 'hold' }) // a watch that is told of it may cancel: nothing starts or ends before the policy is asked
    const result = this.#recorder.record(...settled)
    this.held?.settled(settled[0], result, settled[1], cause)
    this.#send({ type: 'free' })
    this.#send({ type: 'judge' })
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

  #close(why: Why): void {
    this.#send({ type: 'close', why })
  }

  /** Starts nothing more and cancels the rest (M4). */
  #cancelRest(why: Why): void {
    const cancellation = closingCancellation(this.run, why)
    this.#closedAt = cancellation.at
    this.#sourceSignal?.abort(cancellation.reason)
    if (why.kind !== 'satisfied') void this.#folding.cancel(cancellation.reason)
    for (const branch of this.table.each()) this.#cancelLive(branch, cancellation)
    if (why.kind !== 'stopped') recordRest(this, this.#feed, (task) => this.#neverStarted(task, cancellation))
    this.#restored()
    this.#grace.start()
    if (this.table.state.held === 0) this.#look()
  }

  readonly #neverStarted = (task: BranchTask, cancellation: Cancellation): void =>
    this.#record([task, undefined, undefined, lostBy(cancellation)], cancellation.cause)

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
    this.refill()
    return 'cancelled'
  }

  get restoring(): boolean {
    return closedBy(this.table.state) === undefined && this.#feed?.restoring === true
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
    if (this.table.live.size === 0) this.#abandonRest()
    for (const branch of this.table.each()) branch.abandon()
    this.#grace.cut() // also for what follows
  }

  /** The source that does not close, or the reducer. */
  #abandonRest(): void {
    const end = this.#finale.abandon()
    if (end !== undefined) this.#send({ type: 'end', end })
  }

  get busy(): boolean {
    const { state } = this.table
    if (state.held > 0 || state.asking > 0 || hasDrained(state)) return true
    return this.#feed?.pulling === true || this.#turn.awaited || this.#folding.busy
  }

  queued(): Iterable<string> {
    return this.#feed?.queued() ?? []
  }

  #look(): void {
    this.#siblings.check()
    this.#send({ type: 'look' })
  }

  async #drain(why: Why | undefined): Promise<void> {
    try {
      await this.#finale.drain(this.#feed, why && { ...why, at: this.#closedAt })
      this.#send({ type: 'drained', cancelled: this.run.cancellation !== undefined })
    } catch (error) {
      this.#send({ type: 'end', end: { error } })
    }
  }

  /** The map actor was stopped, or its own code has failed: stops every branch, and waits for nothing. */
  stop(fault?: { readonly error: unknown }): void {
    if (this.table.state.phase.kind === 'ended') return
    this.#close({ kind: 'stopped' })
    const cancellation = createCancellation('stop', 'parent', this.app.system.passed())
    stopAll(this, cancellation)
    this.table.live.clear()
    this.#send({ type: 'end', end: fault ?? { error: cancellation.reason } })
  }
}
