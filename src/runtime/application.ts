import { type Path, printPath } from '../action/context.js'
import type { Inputs } from '../action/inputs.js'
import type { CancelAnswer, Delivery, Received } from '../action/message.js'
import type { Where } from '../errors.js'
import type { Plan, PlanNode } from '../graph/plan.js'
import { toError } from '../internal/guards.js'
import { createId } from '../internal/ids.js'
import type { CancelCause } from '../lifecycle/events.js'
import type { InterceptedStep } from '../lifecycle/interceptor.js'
import type { Permits } from '../parallel/limit.js'
import type { AppJournal } from '../persistence/app-journal.js'
import type { Tracker } from '../tracking/tracker.js'
import type { AnyActorRef } from './actor/create-actor.js'
import { type AppFacts, type AppSetup, factsOf, NO_VISITS } from './app-facts.js'
import { belowCancellation, type Cancellation, createCancellation, storedAfter } from './cancel/cancellation.js'
import { Deadline } from './cancel/deadline.js'
import { abandonStep } from './cancel/leak.js'
import { abandonSubApps, eachSubRun } from './cancel/sub-apps.js'
import type { Checkpoint } from './checkpoint.js'
import { emit } from './emit.js'
import type { EventSource } from './event-source.js'
import { isSuspended, type KeptMap, type LiveEffect, type RunningMap, type WaitsFor } from './map/branch-handle.js'
import { branchId, pathAt } from './map/branch-identity.js'
import { Mailbox } from './message/mailbox.js'
import { retriesBelow, WaitState } from './message/wait-state.js'
import type { Parent, ParentApp } from './parent.js'
import { ifStill } from './run/if-still.js'
import type { RunRequest } from './run/request.js'
import { cancelledRun, failedRun, type Leak, NO_LEAKS, type RunResult } from './run/result.js'
import type { Attempts } from './step/attempts.js'
import type { Permit } from './step/permit.js'
import type { ReportedAttempt, StepReport } from './step/report.js'
import type { AppSystem } from './system.js'

// Owns: an application and its run: the facts of each, what a cancel reaches, when a run has ended.
// Does not own: the loop over the steps (run/loop.ts), one attempt at a step (step/attempt.ts), branches (map/), the end of
// applications that a step made (cancel/sub-apps.ts).
// A1  One run at a time. The next one replaces the last: its cancel, its attempts and its leaks are gone with it.
// A2  A checkpoint is replaced as a whole, so its state, position and next action always belong to one step.
// R1  A run ends exactly once: by its loop, or from outside when its code is abandoned or its actor is stopped.
// R2  A cancel fires every signal below in the same tick; the first cancel counts.
// R3  A run ends only when everything that it started has ended, was abandoned as leaked, or was stopped with it.

/** An application: its identity, its place in the tree, its checkpoint, and its current run. */
export class Application implements ParentApp {
  readonly facts: AppFacts<Application>
  readonly parent: Parent | undefined
  /** Undefined without a persister. */
  journal: AppJournal | undefined
  checkpoint: Checkpoint
  /** Effects that the next step does once, by key: they outlive a run that failed there. */
  onces: Map<string, LiveEffect> | undefined
  /** The unstored progress of the map that the next step stands at. */
  kept: KeptMap | undefined
  /** The current run, or the last one; undefined before the first. */
  run: Run | undefined
  /** Messages that no wait has taken; undefined until {@link Application.mailbox} is first used. */
  mail: Mailbox | undefined
  /** The cancel that ended a root for good: its further runs end with it at once. Undefined for all others. */
  cancelled: Cancellation | undefined
  /** The result of the run of an application that an action made, once its events are emitted. */
  ended: Promise<RunResult> | undefined
  #self: AnyActorRef | undefined
  #appId: string | undefined
  #path: Path | undefined
  #visits: number[] | undefined
  #started = false

  /** @param facts shared with others that have the same plan, inputs and limit, and the same map above */
  constructor(setup: AppSetup<Application>, system: AppSystem, facts = factsOf(setup, system)) {
    this.facts = facts
    this.checkpoint = setup.checkpoint
    this.parent = setup.parent
    this.journal = setup.journal
    this.#appId = setup.appId
    system.root ??= this
  }

  get plan(): Plan {
    return this.facts.plan
  }
  get system(): AppSystem {
    return this.facts.system
  }
  get maker(): Application | undefined {
    return this.facts.maker
  }
  get bound(): Inputs {
    return this.facts.bound
  }
  get inputs(): Inputs {
    return this.facts.inputs
  }
  get semaphore(): Permits | undefined {
    return this.facts.semaphore
  }
  get watched(): boolean {
    return this.facts.watched
  }
  get tracker(): Tracker | undefined {
    return this.facts.tracker
  }

  attach(self: AnyActorRef): void {
    this.#self = self
  }

  get self(): AnyActorRef {
    if (this.#self === undefined) throw new TypeError('The application has no actor yet.')
    return this.#self
  }

  get root(): EventSource {
    return this.parent?.app.root ?? this
  }

  get running(): boolean {
    return this.run?.running === true
  }

  get mailbox(): Mailbox {
    this.mail ??= new Mailbox()
    return this.mail
  }

  /** Takes a message: from the start for a branch, and while it runs for any other application. */
  deliver(message: Received): Delivery {
    const phase = this.run?.phase ?? 'made'
    if (phase === 'ended' || (phase === 'made' && this.parent?.map === undefined)) return 'dropped'
    return this.run?.waits?.hand(message) === true ? 'delivered' : this.mailbox.push(message)
  }

  /** For a branch, a stable hash of its place, made on first use; otherwise given, or random. */
  get appId(): string {
    this.#appId ??= this.parent === undefined ? createId() : branchId(this.parent)
    return this.#appId
  }

  get path(): Path {
    this.#path ??= this.parent === undefined ? [] : pathAt(this.parent)
    return this.#path
  }

  /** How often each action has committed, by its index. */
  get visits(): readonly number[] {
    return this.#visits ?? NO_VISITS
  }

  /** An action has committed once more, or so often. */
  countVisits(index: number, count = (this.visits[index] ?? 0) + 1): void {
    this.#visits ??= []
    this.#visits[index] = count
  }

  where(node: PlanNode): Where {
    return { action: node.name, sequenceId: this.checkpoint.sequenceId + 1, path: printPath(this.path) }
  }

  /** Cancels it from outside, for good. Code that ignores its signal is abandoned after the grace period. */
  cancel(reason: unknown, cause: CancelCause = 'app', by = 'app'): CancelAnswer {
    const { system, parent, run } = this
    const cancellation = createCancellation(cause, by, system.passed(), reason)
    if (parent?.map !== undefined) return parent.map.cancelBranch(parent.key, cancellation)
    const answer = this.running || run?.interceptorCalls?.size ? 'cancelled' : 'settled'
    run?.cancel(cancellation)
    if (parent === undefined) system.outage?.cancelled(system.graceMs)
    if (run?.running !== true) return answer
    const grace = new Deadline(system.clock, cancellation.at + system.graceMs, () => run.abandon())
    void run.over().then(() => grace.clear())
    return answer
  }

  /** Its first step starts. */
  started(): void {
    if (this.#started) return
    this.#started = true
    this.parent?.map?.branchStarted(this.parent.key)
  }
}

/** What a run uses of the attempt that is under way. */
export interface CurrentAttempt extends ReportedAttempt {
  readonly signal: AbortSignal
  /** When it began, milliseconds on the monotonic clock. */
  readonly startedAt: number
  /** The map that the step stands at. */
  readonly map: RunningMap | undefined
  /** The number of waits that it has reached. */
  waitCount: number
  /** What its action has reported; undefined without reports. */
  report: StepReport | undefined
  cancel(cancellation: Cancellation): void
  close(): void
}

/** Pending interceptors of a run. */
export interface PendingCall {
  /** The run was cancelled: the grace period has begun. */
  cancelled(): void
  abandon(): void
}

/** Whoever starts a run. */
export interface RunOwner {
  /** Called once, with the result. */
  ended(run: Run, result: RunResult): void
}

/** Takes the steps of a run until it ends, and never rejects: `run/loop.ts`. Handed down from run to run, since a step may run branches. */
type Loop = (run: Run) => Promise<void>

/** One run of an application, from its making until its result is given. */
export class Run {
  readonly app: Application
  readonly request: RunRequest
  /** `made` while interceptors are asked whether it may begin. Nothing that comes after `ended` has an effect. */
  phase: 'made' | 'running' | 'ended' = 'made'
  /** The first cancel that reached it. */
  cancellation: Cancellation | undefined
  /** Code that was abandoned, here and below. */
  leaked: readonly Leak[] = NO_LEAKS
  /** The attempt under way, from its `step.start` to its `step.end`. */
  attempt: CurrentAttempt | undefined
  permit: Permit | undefined
  /** Lets the run go on, while it waits for its reader. */
  release: (() => void) | undefined
  /** Retries; undefined until something failed. */
  attempts: Attempts | undefined
  /** The present step as interceptors got it; undefined without interceptors. */
  stepInfo: InterceptedStep | undefined
  /** Messages that the present attempt took; those of a failed attempt, until the next one begins. */
  taken: Received[] | undefined
  /** Undefined until it first waits. */
  waits: WaitState | undefined
  /** Applications that the current step made, by key. */
  subApps: Map<string, Application> | undefined
  interceptorCalls: Set<PendingCall> | undefined
  readonly loop: Loop
  readonly #owner: RunOwner
  #over: (() => void)[] | undefined

  /** Makes the next run of an application (A1). */
  constructor(app: Application, request: RunRequest, loop: Loop, owner: RunOwner) {
    this.app = app
    this.request = request
    this.loop = loop
    this.#owner = owner
    app.run = this
  }

  /** Tested after every await: the run may have been abandoned meanwhile. */
  get running(): boolean {
    return this.phase === 'running'
  }

  /** The attempt whose code runs. */
  get step(): CurrentAttempt | undefined {
    return this.attempt?.open === true ? this.attempt : undefined
  }

  get waitState(): WaitState {
    this.waits ??= new WaitState(this)
    return this.waits
  }

  start(): void {
    this.phase = 'running'
    void this.loop(this)
  }

  /** An error of the loop itself fails the run. */
  fail(fault: unknown): void {
    if (!this.running) return this.app.system.logger.error('An abandoned run failed.', fault)
    this.#dropAttempt()
    this.finish(failedRun(this.app, toError(fault)))
  }

  /** Ends the run (R1). */
  finish(result: RunResult): void {
    if (!this.running) return
    this.phase = 'ended'
    this.app.mail = undefined
    this.waits?.endOf()
    for (const resolve of this.#over?.splice(0) ?? []) resolve()
    this.#owner.ended(this, result)
  }

  /** Resolves when it has ended. */
  over(): Promise<void> {
    if (!this.running) return Promise.resolve()
    this.#over ??= []
    return new Promise((resolve) => void this.#over?.push(resolve))
  }

  /** Fires every signal below (R2). Has no effect while nothing runs. */
  cancel(cancellation: Cancellation): void {
    if (this.cancellation !== undefined || (!this.running && !this.interceptorCalls?.size)) return
    this.cancellation = cancellation
    for (const call of this.interceptorCalls ?? []) call.cancelled()
    if (!this.running) return // only interceptors are pending
    const { reason, by, cause } = cancellation
    if (cause !== 'store') emit(this.app, { type: 'cancel', reason, by, cause, ...storedAfter(this.app, cancellation) })
    this.permit?.cancel()
    this.release?.()
    this.attempts?.release()
    const { step } = this
    step?.cancel(cancellation)
    eachSubRun(this, (run) => run.cancel(belowCancellation(cancellation)))
    step?.map?.cancelAll()
  }

  /** Abandons code that ignores its signal, and pending interceptors, here and below. */
  abandon(): void {
    const { step, cancellation } = this
    for (const call of this.interceptorCalls ?? []) call.abandon()
    if (!this.running || cancellation === undefined) return
    if (step?.map !== undefined) return step.map.abandon()
    if (this.interceptorCalls?.size) return // the rest ends by itself
    if (this.subApps === undefined) return this.#abandonCode(cancellation)
    void ifStill(this, abandonSubApps(this), () => this.#abandonCode(cancellation))
  }

  #abandonCode(cancellation: Cancellation): void {
    const { attempt, step } = this
    attempt?.close()
    if (attempt !== undefined)
      abandonStep(this, attempt, step !== undefined || this.app.system.outage?.waiting !== true)
    this.#dropAttempt()
    this.finish(cancelledRun(this, cancellation))
  }

  /** Forgets the present attempt. Code that still holds a permit takes none again. */
  #dropAttempt(): void {
    this.attempt?.close()
    this.permit?.dispose()
    this.permit = this.attempt = undefined
  }

  /** Fires every signal below and ends at once. */
  stop(cancellation: Cancellation): void {
    if (!this.running) return
    this.cancel(cancellation)
    const { step } = this
    step?.map?.stop()
    eachSubRun(this, (run) => run.stop(cancellation))
    step?.close()
    this.permit?.dispose()
    this.finish(cancelledRun(this, this.cancellation ?? cancellation))
  }

  takeLeaks(leaks: readonly Leak[]): void {
    if (leaks.length > 0) this.leaked = [...this.leaked, ...leaks]
  }

  /** It waits for something else, here or below: the level above counts that. */
  waitsChanged(before: WaitsFor, after: WaitsFor): void {
    const { parent, maker, self, journal } = this.app
    if (this.cancellation === undefined) self.send({ type: 'teasel.waits', waiting: after !== 'nothing' })
    if (this.cancellation === undefined && this.step?.map) journal?.status.stands(after, () => retriesBelow(this))
    if (parent?.map !== undefined) parent.map.waitsChanged(parent.key, before, after)
    else if (maker?.run !== undefined)
      maker.run.waitState.countBelow('waiting', Number(isSuspended(after)) - Number(isSuspended(before)))
    else if (this.cancellation === undefined) this.app.system.store?.tree.waits(after)
  }
}
