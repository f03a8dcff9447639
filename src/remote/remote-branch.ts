import { type Path, printPath } from '../action/context.js'
import type { Inputs } from '../action/inputs.js'
import type { Delivery, Received } from '../action/message.js'
import { isOutside } from '../action/message.js'
import { toError } from '../internal/guards.js'
import { WorkerLostError } from '../errors.js'
import type { Loss } from '../executor/driver.js'
import { compareOutlines, outlineOf } from '../executor/outline.js'
import type { NamedCode } from '../executor/registry.js'
import type { CancelCause, EventType } from '../lifecycle/events.js'
import type { Due, Pending } from '../lifecycle/pending.js'
import type { BranchResult } from '../parallel/results.js'
import type { BranchTask } from '../parallel/task.js'
import { Carrier } from '../runtime/actor/carrier.js'
import { type AnyActorRef, makeActor } from '../runtime/actor/create-actor.js'
import { type Cancellation, createCancellation, timeoutOf } from '../runtime/cancel/cancellation.js'
import type { Deadline } from '../runtime/cancel/deadline.js'
import { emit, relay } from '../runtime/emit.js'
import type { EventSource } from '../runtime/event-source.js'
import { callFallback } from '../runtime/map/branch-fallback.js'
import type { BranchHandle, BranchProgress, Found, WaitsFor } from '../runtime/map/branch-handle.js'
import { branchId, pathAt } from '../runtime/map/branch-identity.js'
import type { BranchSetup } from '../runtime/map/branch-maker.js'
import { cancelledBy } from '../runtime/map/outcome.js'
import type { Leak } from '../runtime/run/result.js'
import { InterceptorCall } from '../runtime/step/interceptor-call.js'
import type { AppJournal } from '../persistence/app-journal.js'
import type { State } from '../state/freeze.js'
import { BranchAnswers } from './branch-answers.js'
import { type RemoteEnd, remoteLogicOf } from './remote-actor.js'
import { RemoteTarget, DeepTarget } from './remote-target.js'
import { crossedEvent, dataOf, messageOf, stateOf, thrown } from './crossing.js'
import type { CheckpointData, Ended, MessageData, StartFrame, UpFrame, WaitsData } from './frames.js'
import type { Crew } from './crew.js'
import { OwnerRun } from './owner-run.js'
import { Submission } from './submission.js'

// Owns: the owner's end of one branch that runs elsewhere: its facts as data, and what follows from its frames.
// Does not own: its code and its steps (worker-branch.ts), answers to its questions (branch-answers.ts), its deliveries to
// a worker (submission.ts).
// C1  A cancel takes effect here in its tick. A result that arrives later is ignored; its leaks are taken.
// C2  A wait counts only if the branch has seen all that was sent to it. Otherwise a branch whose message is under way
//     would look as if nobody could answer it.
// C3  A frame that arrives after the branch has settled has no effect.
// C4  A lost branch is delivered again from its last commit. After the last delivery it fails with a WorkerLostError; one
//     that was cancelled is cancelled.

/** Messages that a mailbox takes. */
const BOUND = 1000
const NO_WAITS: Omit<WaitsData, 'level'> = { mayWithdraw: false, open: [], pending: [], due: [], unread: 0 }

/** The progress of a branch within its next step, which its worker keeps. */
class KeptInWorker {
  readonly id: number

  constructor(id: number) {
    this.id = id
  }
}

export class RemoteBranch implements BranchHandle {
  readonly task: BranchTask
  readonly origin: EventSource
  readonly inputs: Inputs
  readonly journal: AppJournal | undefined
  status: BranchHandle['status'] = 'made'
  attempts = 1
  isRetrying = false
  leaked: readonly Leak[] = []
  waitsFor: WaitsFor = 'nothing'
  result: BranchResult | undefined
  startedAt: number | undefined
  begun = 0
  deadline: Deadline | undefined
  deadlineAt: number | undefined
  readonly #setup: BranchSetup
  readonly #crew: Crew
  readonly #code: NamedCode
  readonly #submission: Submission
  readonly #run: OwnerRun
  readonly #answers: BranchAnswers
  readonly #actor: AnyActorRef
  #checkpoint: CheckpointData
  #visits: readonly number[] = []
  #waits = NO_WAITS
  #ended: Ended | undefined
  #over: (() => void)[] = []

  /** @throws {TypeError} for a runnable that no registry has */
  constructor(setup: BranchSetup, crew: Crew) {
    const { task, bound, inputs, plan, progress, journal, mapActor } = setup
    this.task = task
    this.inputs = Object.freeze({ ...inputs, ...bound })
    this.#setup = setup
    this.journal = journal
    this.#crew = crew
    this.#code = crew.codeOf(setup)
    this.#checkpoint = progress?.checkpoint ?? {
      state: setup.state,
      position: undefined,
      next: plan.entrypoint.name,
      sequenceId: -1,
    }
    this.#visits = progress?.visits ?? []
    this.origin = sourceOf(setup, this)
    this.#run = new OwnerRun(this.origin, setup, this)
    this.#submission = new Submission(crew.driver, this, this.#code.code)
    this.#answers = new BranchAnswers(
      setup,
      this.#run,
      this,
      (frame) => this.#submission.send(frame),
      (frame) => this.#submission.sendInWords(frame),
    )
    this.#actor = makeActor(remoteLogicOf(plan), {
      id: task.key,
      parent: mapActor,
      input: new Carrier('teasel.branch', this),
    })
  }

  get state(): State {
    return this.#checkpoint.state
  }
  get checkpoint(): CheckpointData {
    return this.#checkpoint
  }
  get cancelledAt(): number | undefined {
    return this.#run.cancellation?.at
  }
  get cancelCause(): CancelCause | undefined {
    return this.#run.cancellation?.cause
  }
  get mayWithdraw(): boolean {
    return this.#waits.mayWithdraw
  }

  progress(): BranchProgress {
    const { past = { attempts: this.attempts, tries: 0, recovered: false }, complete = false, kept } = this.#ended ?? {}
    const inStep =
      kept === undefined
        ? this.#ended === undefined
          ? this.#setup.progress?.inStep
          : undefined
        : new KeptInWorker(kept)
    return {
      checkpoint: this.#checkpoint,
      visits: this.#visits,
      inStep,
      startedAt: this.startedAt,
      ended: complete,
      ...past,
    }
  }

  pending(): Iterable<Pending> {
    const runId = this.origin.root.appId // the worker does not have the root
    return this.#waits.pending.map((one) => ({ ...one, runId }))
  }

  due(): Iterable<Due> {
    return this.#waits.due
  }

  find(parts: readonly string[]): Found {
    return parts.length === 0 ? new RemoteTarget(this, this.#setup) : new DeepTarget(this, parts)
  }

  adopt(messages: readonly Received[]): void {
    this.#submission.adopt(messages.map(dataOf))
  }

  start(): void {
    if (this.#setup.system.interceptors.length === 0) this.#go()
    else void this.#callInterceptors()
  }

  async #callInterceptors(): Promise<void> {
    const { key, index } = this.task
    const { map, name } = this.#setup.parent
    try {
      await new InterceptorCall(this.#run).before('Branch', { map: name, key, index, path: this.origin.path })
    } catch (error) {
      if (this.#run.cancellation === undefined) return map.refused(key, { status: 'failed', error: toError(error) })
    }
    if (this.status === 'ended') return
    if (this.#run.cancellation === undefined) this.#go()
    else map.refused(key, cancelledBy(this.#run.cancellation))
  }

  #go(): void {
    this.#actor.start()
    this.status = 'running'
    this.#crew.add(this)
    this.#deliver()
  }

  #deliver(): void {
    try {
      this.#submission.deliver((messages) => this.#startFrame(messages))
    } catch (error) {
      this.#settle({ status: 'failed', error: toError(error) })
    }
  }

  #startFrame(messages: readonly MessageData[]): StartFrame {
    const { parent, progress, semaphore, backpressure, system, inputs, state, task } = this.#setup
    const { hears, credit } = this.#crew
    const kept = progress?.inStep instanceof KeptInWorker ? progress.inStep.id : undefined
    const { tries = 0, recovered = false } = progress ?? {}
    const attempts = Math.max(this.attempts, progress?.attempts ?? 1)
    const begins = progress === undefined && this.#checkpoint.sequenceId < 0 && attempts === 1
    return {
      type: 'start',
      appId: this.origin.appId,
      parentPath: parent.app.path,
      map: parent.name,
      visit: parent.visit,
      key: parent.key,
      state,
      inputs,
      bound: this.#code.bound,
      runId: system.runId,
      watched: this.origin.watched,
      tracked: this.origin.tracker !== undefined,
      hears,
      attempts: task.policy.retry?.attempts ?? 0,
      limited: semaphore !== undefined,
      paced: backpressure.waitForReader !== undefined,
      deep: backpressure.deep === true,
      credit,
      hooks: this.#answers.hooks(),
      graceMs: system.graceMs,
      resume: begins
        ? undefined
        : { checkpoint: this.#checkpoint, visits: this.#visits, kept, attempts, tries, recovered },
      messages,
    }
  }

  cancel(cancellation: Cancellation): boolean {
    if (this.status === 'made' && !this.#run.interceptorCalls?.size) return false
    if (this.#run.cancellation !== undefined || this.status === 'ended') return true
    this.#run.cancel(cancellation)
    if (this.status === 'made') return true // only interceptors are pending
    this.#take({ level: 'nothing', ...NO_WAITS })
    const { reason, by, cause } = cancellation
    this.#submission.sendInWords({ type: 'cancel', reason, by, cause })
    return true
  }

  abandon(): void {
    for (const call of this.#run.interceptorCalls ?? []) call.abandon()
    if (this.#run.cancellation !== undefined) this.#submission.abandon()
  }

  stop(cancellation: Cancellation): void {
    if (this.status !== 'running') return this.#end()
    this.#submission.send({ type: 'stop' })
    this.#run.cancel(cancellation)
    this.#settle(cancelledBy(cancellation))
  }

  send(message: Received): Delivery {
    if (this.#run.cancellation !== undefined || this.status === 'ended') return 'dropped'
    if (this.#waits.unread >= BOUND) return 'refused'
    const data = dataOf(message)
    const from = isOutside(message) ? 'outside' : 'siblings'
    const { open, pending, unread } = this.#waits
    const wait = open.find((one) => one.from === from && one.kinds.includes(message.kind))
    try {
      this.#submission.post(data)
    } catch (error) {
      this.#setup.system.logger.error(`A message to "${printPath(this.origin.path)}" cannot cross its channel.`, error)
      return 'dropped'
    }
    if (this.status === 'made') return 'queued'
    if (wait === undefined) {
      this.#waits = { ...this.#waits, unread: unread + 1 }
      return 'queued'
    }
    const answered = pending.find(
      ({ path, kinds }) => path.length === this.origin.path.length && kinds.includes(message.kind),
    )
    this.#take({
      ...this.#waits,
      level: 'nothing',
      open: open.filter((one) => one !== wait),
      pending: from === 'outside' ? pending.filter((one) => one !== answered) : pending,
    })
    return 'delivered'
  }

  releaseSiblings(error: { readonly reason: unknown } | undefined): void {
    this.#submission.notify((n) => ({ type: 'noSender', n, error }))
    this.#take({ ...this.#waits, level: 'nothing', open: this.#waits.open.filter(({ from }) => from !== 'siblings') })
  }

  dispose(): void {
    this.#end()
  }

  /** Other types of events are observed. */
  hear(types: readonly EventType[]): void {
    this.#submission.send({ type: 'hears', types })
  }

  receive(frame: UpFrame): void {
    if (this.status !== 'running') return // C3
    const { map, key } = this.#setup.parent
    switch (frame.type) {
      case 'started':
        return map.branchStarted(key)
      case 'facts':
        this.attempts = frame.attempts
        this.isRetrying = frame.retrying
        return
      case 'event':
        return this.#relay(frame)
      case 'step':
        this.#submission.committed(frame.n, frame.left)
        return this.#committed(frame.checkpoint, frame.visits)
      case 'waits':
        if (frame.n === this.#submission.n && this.#run.cancellation === undefined) this.#take(frame.waits) // C2
        return
      case 'cancel': {
        const { cause, by, reason } = frame
        map.cancelBranch(frame.key, createCancellation(cause, by, this.#setup.system.passed(), thrown(reason)))
        return
      }
      case 'send': {
        const message = messageOf(frame.message)
        if (frame.key === null) map.broadcast(message, key)
        else map.deliver(frame.key, message, frame.to)
        return
      }
      case 'log':
        return this.#setup.system.logger[frame.level](frame.text, thrown(frame.data))
      case 'mismatch':
        return this.#settle({ status: 'failed', error: this.#otherCode(frame.outline) })
      case 'below':
        return this.#answers.belowEnded(frame.id, frame.answer)
      case 'ended':
        return this.#endedThere(frame)
      default:
        return this.#answers.receive(frame)
    }
  }

  #skip(count: number): void {
    for (let i = 0; i < count; i++) this.#setup.system.skip()
  }

  #relay({ event, tracked, skipped }: Extract<UpFrame, { readonly type: 'event' }>): void {
    this.#skip(skipped)
    if (this.#run.cancellation !== undefined) {
      if (event.type === 'chunk') return
      if (event.type === 'cancel' && event.path.length === this.origin.path.length) return // emitted in its tick
    }
    relay(this.origin, crossedEvent(event), tracked ? this.origin.tracker : undefined)
  }

  #committed({ state, ...rest }: CheckpointData, visits: readonly number[]): void {
    this.#checkpoint = { state: stateOf(this.#setup.plan, state), ...rest }
    this.#visits = visits
    this.#actor.send(new Carrier('teasel.step', undefined))
  }

  #take({ level, ...waits }: WaitsData): void {
    this.#waits = waits
    const before = this.waitsFor
    if (before === level) return
    this.waitsFor = level
    if (level === 'outside' || level === 'siblings') this.#submission.pause()
    this.#actor.send(new Carrier('teasel.step', undefined))
    this.#setup.parent.map.waitsChanged(this.task.key, before, level)
  }

  /** Sends a message to something below the branch. */
  sendBelow(rest: readonly string[], message: Received): Delivery {
    if (this.#run.cancellation !== undefined || this.status !== 'running') return 'dropped'
    this.#submission.notify((n) => ({ type: 'below', n, rest, message: dataOf(message) }))
    const path = [printPath(this.origin.path), ...rest].join('/')
    const { pending } = this.#waits
    const answered = pending.find((one) => printPath(one.path) === path && one.kinds.includes(message.kind))
    if (answered === undefined) return 'queued'
    this.#take({ ...this.#waits, level: 'nothing', pending: pending.filter((one) => one !== answered) })
    return 'delivered'
  }

  cancelBelow(rest: readonly string[], reason: unknown, cause: CancelCause, by: string) {
    return this.#answers.cancelBelow(rest, reason, cause, by)
  }

  /** Resolves when it has ended. */
  over(): Promise<void> {
    return this.status === 'ended' ? Promise.resolve() : new Promise((resolve) => void this.#over.push(resolve))
  }

  /** Its slot in the executor, which was free while it waited. */
  resume(): Promise<void> | undefined {
    return this.#submission.resume()
  }

  /** Its worker was lost (C4). */
  lost(loss: Loss): void {
    this.#submission.drop()
    this.#answers.end()
    const { cancellation } = this.#run
    if (cancellation !== undefined) return this.#settle(cancelledBy(cancellation))
    this.#take({ level: 'nothing', ...NO_WAITS })
    const name = `Branch "${printPath(this.origin.path)}"`
    const { deliveries } = this.#submission
    if (loss.again === false || deliveries >= this.#crew.maxDeliveries)
      return this.#settle({ status: 'failed', error: new WorkerLostError(name, loss, deliveries) })
    this.#setup.system.logger.warn(`${name}: its worker was lost, and it goes on elsewhere. ${loss.why}`)
    this.#deliver()
  }

  #otherCode(outline: readonly string[]): Error {
    const { name, registry } = this.#code.code
    const differences = compareOutlines(outlineOf(this.#setup.plan), outline)
    return new TypeError(
      `The worker of branch "${printPath(this.origin.path)}" has other code under "${name}" of the registry "${registry}". Both have to run the same build.\n${differences}`,
    )
  }

  #endedThere(frame: Ended): void {
    this.#skip(frame.skipped)
    this.#ended = frame
    this.attempts = frame.attempts
    this.isRetrying = false
    this.leaked = frame.leaked
    if (frame.leaked.length > 0) this.#submission.retire()
    if (frame.checkpoint.sequenceId >= 0) {
      this.#checkpoint = { ...frame.checkpoint, state: stateOf(this.#setup.plan, frame.checkpoint.state) }
      this.#visits = frame.visits
    }
    this.#settle(
      frame.status === 'failed'
        ? { status: 'failed', error: toError(thrown(frame.error)) }
        : { status: 'done', state: this.#checkpoint.state, recovered: frame.recovered },
    )
  }

  /** @param given how it ended there; a cancel that came first counts (C1) */
  #settle(given: BranchResult): void {
    const { cancellation } = this.#run
    const late = cancellation && timeoutOf(cancellation)
    const result: BranchResult =
      cancellation === undefined
        ? given
        : late === undefined
          ? cancelledBy(cancellation)
          : { status: 'failed', error: late }
    this.result = result.status === 'failed' ? this.#recover(result.error) : result
    this.#end()
    this.#actor.send(new Carrier<RemoteEnd>('teasel.end', { result: this.result }))
  }

  #recover(error: Error): BranchResult {
    const { policy, key } = this.task
    const { fallback } = policy
    if (fallback === undefined) return { status: 'failed', error }
    const branch = { plan: this.#setup.plan, path: this.origin.path, key, state: this.state }
    const given = callFallback(branch, fallback, error)
    if ('error' in given) return { status: 'failed', error: given.error }
    this.#checkpoint = { ...this.#checkpoint, state: given.state, next: undefined }
    return { status: 'done', state: given.state, recovered: true }
  }

  #end(): void {
    if (this.status === 'ended') return
    this.status = 'ended'
    this.#crew.forget(this)
    this.#submission.release()
    this.#answers.end()
    for (const resolve of this.#over.splice(0)) resolve()
  }

  /** Emits the event of a message from outside. */
  emitMessage(message: Received, delivery: Delivery): void {
    const source = this.#checkpoint.next ?? ''
    emit(this.origin, { type: 'message', source, message, to: printPath(this.origin.path), delivery })
  }
}

/** The source of the events of a branch that lives elsewhere. */
function sourceOf({ parent, system }: BranchSetup, branch: RemoteBranch): EventSource {
  const { app, map } = parent
  let appId: string | undefined
  let path: Path | undefined
  return {
    system,
    tracker: map.tracker,
    watched: map.watches || app.watched,
    parent,
    root: app.root,
    get appId() {
      appId ??= branchId(parent)
      return appId
    },
    get path() {
      path ??= pathAt(parent)
      return path
    },
    get checkpoint() {
      return branch.checkpoint
    },
    get run() {
      return { running: branch.status === 'running' }
    },
  }
}
