import type { Inputs } from '../../action/inputs.js'
import type { CancelAnswer, Delivery, Received } from '../../action/message.js'
import { assertNever, toError } from '../../internal/guards.js'
import { LazyController } from '../../internal/lazy-controller.js'
import type { AnyEvent, CancelCause } from '../../lifecycle/events.js'
import type { Fatal } from '../../lifecycle/interceptor.js'
import type { FanOut } from '../../parallel/fan-out.js'
import type { Feed } from '../../parallel/restored-feed.js'
import type { BranchIds, BranchResult } from '../../parallel/results.js'
import type { BranchTask } from '../../parallel/task.js'
import type { MapJournal } from '../../persistence/app-journal.js'
import type { BranchStore } from '../../persistence/branch-store.js'
import type { Tracker } from '../../tracking/tracker.js'
import type { AnyActorRef } from '../actor/create-actor.js'
import type { Application, Run } from '../application.js'
import { type Cancellation, createCancellation } from '../cancel/cancellation.js'
import { BranchMessages } from '../message/branch-messages.js'
import { findBranch } from '../message/path-lookup.js'
import type { QueueingMap } from '../message/target.js'
import { beginBelow } from '../run/tracked-run.js'
import type { BranchHandle, Found, RunningMap, WaitsFor } from './branch-handle.js'
import { BranchStarter } from './branch-starter.js'
import { BranchTable } from './branch-table.js'
import { Completion, loseRest } from './completion.js'
import type { Folding } from './folding.js'
import type { KeptBranches } from './kept-branches.js'
import { closedBy, hasDrained, hasSettled, type MapEffect, type MapEvent, type Why } from './map-state.js'
import { emitStart, type MapAttempt, trackerBelow } from './map-visit.js'
import { openFeed } from './open-feed.js'
import { cancelledBy, closingCancellation, errorOfMap } from './outcome.js'
import { branchIdsOf, type RecordingMap, recordBranchResult, type Settling } from './record-branch-result.js'
import { REDUCER, startReducer } from './reducer-actor.js'
import { Watcher } from './watch.js'

// Owns: the branches of one visit of a map action: settling them, and the effects of the map's decisions.
// Does not own: the decisions (map-state.ts), starting branches (branch-starter.ts), the loop of a branch (run/loop.ts),
// the fold (folding.ts), the actor (map-actor.ts).
// M1  Every branch settles exactly once; a later event for its key is ignored.
// M2  The map ends only when no branch lives and the source is closed, or when they were abandoned or stopped.
// M3  Once the map closes, no branch starts. Unless it is stopped, the rest of a source of known length gets results.

export class MapRunner implements RunningMap, RecordingMap, QueueingMap {
  readonly app: Application
  readonly run: Run
  readonly step: MapAttempt
  readonly visit: number
  readonly watches: boolean
  readonly policy: FanOut['policy']
  readonly table: BranchTable
  readonly ids: BranchIds = branchIdsOf(this)
  readonly #messages: BranchMessages
  store: BranchStore<MapJournal> | undefined
  kept: KeptBranches | undefined
  tracker: Tracker | undefined
  readonly #fanOut: FanOut
  readonly #raw: Inputs
  readonly #watcher: Watcher | undefined
  readonly #source = new LazyController()
  #starter!: BranchStarter
  #completion!: Completion
  #folding!: Folding
  reducer!: AnyActorRef
  #feed: Feed | undefined
  /** When the map closed: milliseconds on the monotonic clock. */
  #closedAt = 0
  /** Whether the map was cancelled as a whole: it makes no more branches. */
  isCancelled = false
  /** Calls that wait until it is known which branches had settled before. */
  readonly #afterRestore: (() => void)[] = []

  constructor(run: Run, step: MapAttempt, fanOut: FanOut, raw: Inputs) {
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
    this.#messages = new BranchMessages(this, fanOut.window)
    this.#watcher = fanOut.watch && new Watcher(fanOut.watch, this)
  }

  /** Changes the state by an event, and performs its effects. */
  #send(event: MapEvent): void {
    for (const effect of this.table.apply(event)) this.#perform(effect)
  }

  /** The map's own code, or that of its source, has failed. */
  readonly #fault = (error: unknown): void => this.#send({ type: 'close', why: { kind: 'fault', error } })

  #perform(effect: MapEffect): void {
    switch (effect.type) {
      case 'close':
        return this.#cancelRest(effect.why)
      case 'drain':
        return void this.#drain(effect.why)
      case 'reduce':
        return this.#completion.reduce()
      case 'fail':
        return this.#send({ type: 'end', end: { error: errorOfMap(this, this.#fanOut, effect.why) } })
      case 'finish':
        return this.#completion.finish(effect.end)
      default:
        return assertNever(effect)
    }
  }

  /** Runs the branches and the reducer. @returns a promise of the update; it rejects once every branch has ended */
  begin(self: AnyActorRef): Promise<unknown> {
    this.#starter = new BranchStarter(this, this.#fanOut, self, this.#raw, this.#messages)
    const { reducer, folding } = startReducer(this, this.#fanOut, self, {
      failed: this.#fault,
      satisfied: () => this.satisfy(),
      idle: () => this.#messages.check(),
    })
    this.reducer = reducer
    this.#folding = folding
    const graceMs = this.#fanOut.graceMs ?? this.app.system.graceMs
    this.#completion = new Completion(this, self, reducer, folding, graceMs, (end) => this.#send({ type: 'end', end }))
    try {
      this.#watcher?.open()
      this.tracker = trackerBelow(this.app, this.step, this.#fanOut)
      beginBelow(this.app, this.tracker)
      const opened = openFeed(this, this.#fanOut, () => this.#source.signal, this.#starter, {
        wake: () => this.refill(),
        record: (settling) => this.#record(settling, 'settled'),
        satisfied: () => this.satisfy(),
        cancelled: ({ by, reason }) =>
          void this.cancelMap(createCancellation('app', by, this.app.system.passed(), reason)),
        restored: () => this.#restored(),
        closed: () => closedBy(this.table.state) !== undefined,
        isCancelled: () => this.isCancelled,
        fault: this.#fault,
      })
      this.#feed = opened.feed
      this.store = opened.store
      this.kept = opened.kept
      this.#send({ type: 'counted', total: opened.feed.length })
      if (!this.restoring) this.#restored()
    } catch (error) {
      this.#fault(error)
    }
    emitStart(this, this.#fanOut)
    this.#send({ type: 'judge' })
    this.refill()
    return this.#completion.update
  }

  /** Starts branches while there is room. */
  refill(): void {
    if (this.table.state.held > 0 || this.#starter.yielded) return
    this.#send({ type: 'hold' })
    try {
      if (this.#starter.fill(this.#feed) === 'end') this.#exhausted()
    } catch (error) {
      this.#fault(error)
    }
    this.#send({ type: 'free' })
    this.#check()
  }

  /** The source has ended: the number of branches is known now. */
  #exhausted(): void {
    if (this.table.state.total !== undefined) return
    this.#send({ type: 'counted', total: this.#feed?.length })
    this.#send({ type: 'judge' })
  }

  branchStarted(key: string): void {
    const branch = this.table.live.get(key)
    if (branch !== undefined) this.#starter.started(branch)
  }

  /** A child actor, a branch or the reducer, is done. */
  childDone(key: string, output: unknown): void {
    if (key === REDUCER && this.table.state.phase.kind === 'reducing')
      return this.#send({ type: 'end', end: { update: output } })
    const result = this.table.live.get(key)?.result
    if (result !== undefined) this.#settle(key, result) // M1
    this.refill()
  }

  /** A child actor has failed. */
  childFailed(key: string, error: unknown): void {
    if (key === REDUCER && this.table.state.phase.kind === 'reducing')
      return this.#send({ type: 'end', end: { error } })
    this.refused(key, { status: 'failed', error: toError(error) })
  }

  refused(key: string, result: BranchResult): void {
    this.#settle(key, result)
    this.refill()
  }

  #settle(key: string, result: BranchResult, cause?: CancelCause): void {
    const branch = this.table.live.get(key)
    if (branch === undefined) return
    const { waitsFor, task, startedAt } = branch
    branch.deadline?.clear()
    this.run.takeLeaks(branch.leaked)
    this.#record({ task, branch, startedAt, result }, cause ?? branch.cancelCause)
    this.#messages.settled(key, waitsFor)
    branch.dispose()
  }

  #record(settling: Settling, cause: CancelCause | undefined): void {
    this.#send({ type: 'hold' }) // a `watch` may cancel: nothing starts or ends before the policy is asked
    const result = recordBranchResult(this, settling)
    this.kept?.settled(settling.task, result, settling.branch, cause)
    this.#send({ type: 'free' })
    if (!this.isCancelled || this.table.state.held === 0) this.#send({ type: 'judge' }) // a cancel of all of them is one event
  }

  concluded(fatal: Fatal | undefined): void {
    if (fatal !== undefined) this.#fault(fatal.error)
    this.#check()
  }

  /** The map has enough: cancels what has not settled, and reduces. */
  satisfy(): void {
    this.store?.satisfied()
    this.kept?.satisfied()
    this.#send({ type: 'close', why: { kind: 'satisfied' } })
  }

  cancelAll(): void {
    this.#send({ type: 'close', why: { kind: 'cancelled' } })
    void this.#folding.cancel(this.run.cancellation?.reason)
    this.#completion.grace.start() // also for a running reducer
  }

  /** Cancels live branches, and starts no more (M3). */
  #cancelRest(why: Why): void {
    const cancellation = closingCancellation(this.run, why)
    this.#closedAt = cancellation.at
    this.#source.abort(cancellation.reason)
    if (why.kind !== 'satisfied') void this.#folding.cancel(cancellation.reason)
    for (const branch of this.table.each()) this.#cancelLive(branch, cancellation)
    if (why.kind !== 'stopped') this.#loseRest(cancellation)
    this.#restored()
    this.#completion.grace.start()
    if (this.table.state.held === 0) this.#check()
  }

  /** Cancels the branches that were not made. */
  #loseRest(cancellation: Cancellation, before?: (task: BranchTask) => void): void {
    loseRest(this, this.#feed, (task) => {
      if (this.table.has(task.key)) return // a duplicate key that came too late to be refused
      before?.(task)
      this.#record({ task, result: cancelledBy(cancellation) }, cancellation.cause)
    })
  }

  #cancelLive(branch: BranchHandle, cancellation: Cancellation): void {
    if (branch.status === 'ended') return // its result is being stored
    const { key } = branch.task
    if (branch.cancelledAt === undefined) this.#starter.limitGrace(branch, cancellation.at)
    if (!branch.cancel(cancellation)) this.#settle(key, cancelledBy(cancellation), cancellation.cause)
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
    if (live?.cancelledAt === undefined) this.store?.cancelled(task, cancellation, live)
    if (live === undefined) this.#record({ task, result: cancelledBy(cancellation) }, cancellation.cause)
    else {
      this.table.ending.add(key)
      this.#cancelLive(live, cancellation)
      this.#completion.grace.start()
    }
    this.refill()
    return 'cancelled'
  }

  cancelMap(cancellation: Cancellation): CancelAnswer | Promise<CancelAnswer> {
    if (hasSettled(this.table.state)) return 'settled'
    if (this.restoring) return this.whenRestored(() => this.cancelMap(cancellation))
    if (this.isCancelled || closedBy(this.table.state) !== undefined) return 'cancelled'
    this.store?.mapCancelled(cancellation)
    this.kept?.mapCancelled(cancellation)
    this.isCancelled = true
    this.#send({ type: 'hold' })
    this.#source.abort(cancellation.reason)
    for (const key of [...this.table.live.keys()]) this.cancelBranch(key, cancellation)
    this.#loseRest(cancellation, (task) => this.store?.cancelled(task, cancellation))
    this.#send({ type: 'cancelled' })
    this.#send({ type: 'free' })
    this.#send({ type: 'judge' })
    this.#check()
    return 'cancelled'
  }

  async over(): Promise<void> {
    await this.#completion.update.catch(() => {})
  }

  get restoring(): boolean {
    return closedBy(this.table.state) === undefined && (this.#feed === undefined || this.#feed.restoring === true)
  }

  whenRestored<T>(work: () => T | Promise<T>): Promise<T> {
    return new Promise((resolve) => void this.#afterRestore.push(() => resolve(work())))
  }

  #restored(): void {
    for (const work of this.#afterRestore.splice(0)) work()
  }

  timing(key: string): BranchHandle | undefined {
    return this.table.live.get(key)
  }

  idOf(key: string): string | undefined {
    return this.store?.idOf(key)
  }

  get waitsFor(): WaitsFor {
    return this.#messages.waitsFor
  }

  waitsChanged(key: string, before: WaitsFor, after: WaitsFor): void {
    this.#messages.changed(key, before, after)
  }

  turnOf(key: string): Promise<void> | undefined {
    return this.#messages.turnOf(key)
  }

  deliver(key: string, message: Received, to?: string): Delivery {
    return this.#messages.deliver(key, message, to)
  }

  broadcast(message: Received, from: string): void {
    this.#messages.broadcast(message, from)
  }

  notify(event: AnyEvent, key: string, own: boolean): void {
    this.#watcher?.notify(event, key, own)
  }

  knows(key: string): boolean {
    return this.table.has(key) || this.#feed?.holds(key) === true
  }

  find(key: string, rest: readonly string[]): Found {
    return findBranch(this, key, rest)
  }

  queued(): Iterable<string> {
    return this.#feed?.queued() ?? []
  }

  get busy(): boolean {
    const { state } = this.table
    if (state.held > 0 || state.interceptorCalls > 0 || hasDrained(state)) return true
    return this.#feed?.pulling === true || this.#starter.yielded || this.#folding.busy
  }

  abandon(): void {
    if (this.table.live.size === 0) this.#completion.abandon()
    for (const branch of this.table.each()) branch.abandon()
    this.#completion.grace.cut() // also for everything that follows
  }

  #check(): void {
    this.#messages.check()
    this.#send({ type: 'check' })
  }

  async #drain(why: Why | undefined): Promise<void> {
    try {
      await this.#completion.drain(this.#feed, why && { ...why, at: this.#closedAt })
      this.#send({ type: 'drained', cancelled: this.run.cancellation !== undefined })
    } catch (error) {
      this.#send({ type: 'end', end: { error } })
    }
  }

  stop(fault?: { readonly error: unknown }): void {
    if (this.table.state.phase.kind === 'ended') return
    this.#send({ type: 'close', why: { kind: 'stopped' } })
    const cancellation = createCancellation('stop', 'parent', this.app.system.passed())
    this.table.stopAll(cancellation)
    this.#send({ type: 'end', end: fault ?? { error: cancellation.reason } })
  }
}
