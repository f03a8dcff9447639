import { type Path, printPath } from '../action/context.js'
import { type Inputs, NO_INPUTS } from '../action/inputs.js'
import type { Received } from '../action/message.js'
import { MaxStepsError, type Where } from '../errors.js'
import type { Plan, PlanNode } from '../graph/plan.js'
import { createDeferred } from '../internal/deferred.js'
import { isThenable, toError } from '../internal/guards.js'
import { createId } from '../internal/ids.js'
import { sliceOver, TURN } from '../internal/slice.js'
import type { EventType } from '../lifecycle/events.js'
import type { InterceptedStep } from '../lifecycle/interceptor.js'
import type { Semaphore } from '../parallel/limit.js'
import type { Journal } from '../persistence/journal.js'
import { announce } from './announce.js'
import type { Attempts } from './attempts.js'
import { belowCancellation, type Cancellation } from './cancellation.js'
import { abandonSubApps } from './child-app.js'
import type { AnyActorRef } from './create-actor.js'
import type { Hub } from './hub.js'
import { branchId, pathAt } from './identity.js'
import { openJournal } from './keeping.js'
import { leakCode } from './leak.js'
import { Mailbox } from './mailbox.js'
import { createOrder, endsAt, type Leak, type RunEnd, type RunOrder } from './order.js'
import type { Permit } from './permit.js'
import { retryBranch } from './retrying.js'
import { cancelledRun, endedRun, failedRun } from './run-end.js'
import type { Standing } from './standing.js'
import { lateStep } from './step-border.js'
import { commitStep, failStep, performStep } from './take-step.js'
import type { AppSetup, ChildSetup, LiveApp, LiveAsking, LiveStep, LiveWaits, Parent } from './tree.js'

// Owns: the loop of one application: which step is next, when a run ends, what a cancel reaches.
// Does not own: how one step is taken (take-step.ts), branches (map-runner.ts), the actor's snapshot (application-logic.ts).
// R1  One loop at a time; it belongs to an epoch, and does nothing more once the epoch is over.
// R2  A run ends exactly once: by its loop, or from outside when its code is given up.
// R3  The standing is replaced as a whole by a commit, and by nothing else.
// R4  A cancel fires every signal below in the same tick; the first one counts.
// R5  A run ends only when what it started has ended, or was given up as leaked.
// R6  A loop that throws where nothing may has failed its run with that.

const NO_LEAKS: readonly Leak[] = Object.freeze([])

export class Runner implements LiveApp {
  readonly plan: Plan
  readonly hub: Hub
  readonly parent: Parent | undefined
  readonly bound: Inputs
  readonly inputs: Inputs
  readonly semaphore: Semaphore | undefined
  journal: Journal | undefined
  readonly watched: boolean
  readonly tracker: LiveApp['tracker']
  readonly visits: number[] = []
  standing: Standing
  epoch = 0
  order: RunOrder | undefined
  cancellation: Cancellation | undefined
  step: LiveStep | undefined
  at: PlanNode | undefined
  startedAt = 0
  told: InterceptedStep | undefined
  permit: Permit | undefined
  release: (() => void) | undefined
  attempts: Attempts | undefined
  onces: LiveApp['onces']
  taken: Received[] | undefined
  waits: LiveWaits | undefined
  subApps: Map<string, LiveApp> | undefined
  asked: Set<LiveAsking> | undefined
  leaked: readonly Leak[] = NO_LEAKS
  #mailbox: Mailbox | undefined
  #self: AnyActorRef | undefined
  #appId: string | undefined
  #path: Path | undefined
  #begun = false
  #end: ((end: RunEnd) => void) | undefined
  #ending: (() => void)[] | undefined

  constructor(setup: AppSetup, hub: Hub) {
    this.plan = setup.plan
    this.hub = hub
    this.standing = setup.standing
    this.parent = setup.parent
    this.bound = setup.bound ?? NO_INPUTS
    this.inputs = setup.inputs ?? NO_INPUTS
    this.semaphore = setup.semaphore
    this.journal = setup.journal
    this.#appId = setup.appId
    const above = setup.parent
    this.watched = above !== undefined && (above.map?.watches === true || above.app.watched)
    this.tracker = above === undefined ? setup.tracker : (above.map ?? above.app).tracker
  }

  attach(self: AnyActorRef): void {
    this.#self = self
  }

  child(setup: ChildSetup): LiveApp {
    return new Runner(setup, this.hub)
  }

  get self(): AnyActorRef {
    if (this.#self === undefined) throw new TypeError('The application has no actor yet.')
    return this.#self
  }

  get running(): boolean {
    return this.#end !== undefined
  }

  get mailbox(): Mailbox {
    this.#mailbox ??= new Mailbox(!this.running && (this.epoch > 0 || this.parent?.map === undefined))
    return this.#mailbox
  }

  set mailbox(mailbox: Mailbox) {
    this.#mailbox = mailbox
  }

  /** Of a branch: a stable hash of where it hangs (made when asked for). Else given, or random. */
  get appId(): string {
    if (this.#appId !== undefined) return this.#appId
    const { parent } = this
    this.#appId = parent === undefined ? createId() : branchId(parent)
    return this.#appId
  }

  get path(): Path {
    this.#path ??= this.parent === undefined ? [] : pathAt(this.parent)
    return this.#path
  }

  where(node: PlanNode): Where {
    return { action: node.name, sequenceId: this.standing.sequenceId + 1, path: printPath(this.path) }
  }

  hears(type: EventType): boolean {
    if (this.watched || this.tracker !== undefined || this.hub.hears(type)) return true
    this.hub.skip()
    return false
  }

  begun(): void {
    if (this.#begun) return
    this.#begun = true
    this.parent?.map?.branchStarted(this.parent.key)
  }

  run(order: RunOrder = createOrder(this.inputs)): Promise<RunEnd> {
    const { promise, resolve } = createDeferred<RunEnd>()
    this.start(order, resolve)
    return promise
  }

  start(order: RunOrder, ended: (end: RunEnd) => void): void {
    this.epoch += 1
    this.order = order
    this.cancellation = undefined
    this.leaked = NO_LEAKS
    this.attempts = this.taken = undefined
    this.#mailbox?.reopen()
    this.#end = ended
    const { epoch } = this
    this.#loop(order, epoch).then(undefined, (fault: unknown) => this.#die(fault, epoch)) // R6
  }

  async #loop(order: RunOrder, epoch: number): Promise<void> {
    order.begun?.()
    const above = this.parent?.app.cancellation
    if (above !== undefined) this.cancel(belowCancellation(above))
    const refusal = order.before && (await order.before())
    if (refusal && this.epoch === epoch && !this.cancellation) return this.#finish(failedRun(this, refusal))
    if (this.journal !== undefined && this.epoch === epoch) {
      const ended = await openJournal(this, this.journal, order)
      if (ended !== undefined && this.epoch === epoch) return this.#finish(ended)
    }
    for (let steps = 0; ; steps++) {
      const turn = sliceOver()
      if (turn !== undefined) await turn
      if (this.epoch !== epoch) return // R1
      if (this.cancellation !== undefined) return this.#finish(cancelledRun(this, this.cancellation))
      const node = this.#next()
      if (node === undefined) return this.#finish(endedRun(this, 'finished'))
      if (steps >= order.maxSteps) return this.#finish(failedRun(this, new MaxStepsError(order.maxSteps, node.name)))
      let lost: Error | undefined
      try {
        const work = performStep(this, node, order)
        const update = isThenable(work) ? await work : work
        if (update === work) await TURN
        if (this.epoch !== epoch) return lateStep(this, node, update)
        const committed = commitStep(this, node, order, update)
        lost = isThenable(committed) ? await committed : committed
      } catch (thrown) {
        if (this.epoch !== epoch) return lateStep(this, node, thrown)
        lost = await failStep(this, node, order, thrown)
      }
      if (this.epoch !== epoch) return
      if (this.cancellation !== undefined) return this.#finish(cancelledRun(this, this.cancellation))
      if (lost !== undefined) {
        const again = retryBranch(this, node, lost)
        if (again instanceof Error) return this.#finish(failedRun(this, again))
        await again
        continue
      }
      const status = endsAt(this.plan, order, node, this.standing.next)
      if (status !== undefined) return this.#finish(endedRun(this, status))
    }
  }

  #die(fault: unknown, epoch: number): void {
    if (this.epoch !== epoch) return this.hub.logger.error('A run that was given up has failed.', fault)
    this.step?.close()
    this.permit?.retire()
    this.permit = this.step = this.at = undefined
    this.#finish(failedRun(this, toError(fault)))
  }

  #next(): PlanNode | undefined {
    const { next } = this.standing
    return next === undefined ? undefined : this.plan.graph.nodes.get(next)
  }

  /** Ends the run, once (R2). */
  #finish(end: RunEnd): void {
    const resolve = this.#end
    if (resolve === undefined) return
    this.#end = undefined
    this.epoch += 1
    this.#mailbox?.close()
    if (this.#ending !== undefined) for (const tell of this.#ending.splice(0)) tell()
    resolve(end)
  }

  cancel(cancellation: Cancellation): void {
    if (this.cancellation !== undefined || (!this.running && !this.asked?.size)) return
    this.cancellation = cancellation
    for (const one of this.asked ?? []) one.cancelled()
    if (!this.running) return // they alone are left of it
    if (cancellation.cause !== 'store' && this.hears('cancel'))
      announce(this, { type: 'cancel', reason: cancellation.reason, by: cancellation.by, cause: cancellation.cause })
    this.permit?.cancel()
    this.release?.()
    this.attempts?.release()
    this.step?.cancel(cancellation)
    for (const app of this.subApps?.values() ?? []) app.cancel(belowCancellation(cancellation))
    this.step?.map?.cancelAll()
  }

  abandon(): void {
    const { step, cancellation } = this
    for (const one of this.asked ?? []) one.giveUp()
    if (!this.running || cancellation === undefined) return
    if (step?.map !== undefined) return step.map.abandon()
    if (this.asked?.size) return // what follows ends by itself
    if (this.subApps === undefined) return this.#giveUp(cancellation)
    const { epoch } = this
    void abandonSubApps(this).then(() => {
      if (this.epoch === epoch) this.#giveUp(cancellation)
    })
  }

  #giveUp(cancellation: Cancellation): void {
    this.step?.close()
    // Between its action and its commit no code runs: its store is waited for.
    if (this.at !== undefined && (this.step !== undefined || this.hub.outage?.waiting !== true)) leakCode(this, this.at)
    this.permit?.retire()
    this.permit = this.step = undefined
    this.#finish(cancelledRun(this, cancellation))
  }

  takeLeaks(leaks: readonly Leak[]): void {
    if (leaks.length > 0) this.leaked = [...this.leaked, ...leaks]
  }

  ended(): Promise<void> {
    if (!this.running) return Promise.resolve()
    const ending: (() => void)[] = this.#ending ?? []
    this.#ending = ending
    return new Promise((resolve) => void ending.push(resolve))
  }

  stop(cancellation: Cancellation): void {
    if (!this.running) return
    this.cancel(cancellation)
    this.step?.map?.stop()
    for (const app of this.subApps?.values() ?? []) app.stop(cancellation)
    this.step?.close()
    this.permit?.retire()
    this.#finish(cancelledRun(this, this.cancellation ?? cancellation))
  }
}
