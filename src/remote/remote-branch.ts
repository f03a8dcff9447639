import { printPath } from '../action/context.js'
import { type Inputs, NO_INPUTS } from '../action/inputs.js'
import type { Delivery, Received } from '../action/message.js'
import type { Loss } from '../executor/driver.js'
import type { NamedCode } from '../executor/registry.js'
import { isThenable, toError } from '../internal/guards.js'
import type { CancelCause, EventType } from '../lifecycle/events.js'
import type { WorkerPlace } from '../lifecycle/map-events.js'
import type { Due, Pending } from '../lifecycle/pending.js'
import type { BranchResult } from '../parallel/results.js'
import type { BranchTask } from '../parallel/task.js'
import type { MapJournal } from '../persistence/app-journal.js'
import { Carrier } from '../runtime/actor/carrier.js'
import { type AnyActorRef, makeActor } from '../runtime/actor/create-actor.js'
import { type Cancellation, createCancellation } from '../runtime/cancel/cancellation.js'
import type { Deadline } from '../runtime/cancel/deadline.js'
import type { EventSource } from '../runtime/event-source.js'
import type { BranchHandle, BranchProgress, Found, ReportedProgress, WaitsFor } from '../runtime/map/branch-handle.js'
import type { BranchSetup } from '../runtime/map/branch-maker.js'
import { cancelledBy } from '../runtime/map/outcome.js'
import { MAILBOX_BOUND } from '../runtime/message/mailbox.js'
import type { Leak } from '../runtime/run/result.js'
import type { State } from '../state/freeze.js'
import { relayChunks, relayEvent } from './arriving-events.js'
import { BranchAnswers } from './branch-answers.js'
import { dataOf, sendOn, thrown, writeLog } from './crossing.js'
import { type ExecutorSession, otherCode } from './executor-session.js'
import { failOver } from './failover.js'
import type { CheckpointData, Ended, UpFrame, WaitsData } from './frames.js'
import { OwnerRun } from './owner-run.js'
import { type RemoteEnd, remoteLogicOf } from './remote-actor.js'
import { RemoteDurability } from './remote-durability.js'
import { afterFallback, storeEnd } from './remote-end.js'
import { RemoteSource } from './remote-source.js'
import { DeepTarget, RemoteTarget } from './remote-target.js'
import { firstCheckpoint, progressElsewhere, startFrameOf, stepped } from './start-frame.js'
import { Submission } from './submission.js'
import { answeredBelow, answeredBy, dueWith, NO_WAITS, withoutSiblings } from './waits-data.js'

// Owns: the owner's end of one branch that runs elsewhere: its facts as data, and what follows from its frames.
// Does not own: its code and its steps (worker-branch.ts), answers to its questions (branch-answers.ts), its deliveries to
// a worker (submission.ts), what follows when that is lost (failover.ts).
// C1  A cancel takes effect here in its tick. A result that arrives later is ignored; its leaks are taken.
// C2  A wait counts only if the branch has seen all that was sent to it. Otherwise a branch whose message is under way
//     would look as if nobody could answer it.
// C3  A frame that arrives after the branch has settled has no effect.

export class RemoteBranch implements BranchHandle {
  readonly task: BranchTask
  readonly origin: EventSource
  readonly inputs: Inputs
  readonly journal: MapJournal | undefined
  readonly store: RemoteDurability | undefined
  status: BranchHandle['status'] = 'made'
  attempts = 1
  isRetrying = false
  reported: ReportedProgress | undefined
  leaked: readonly Leak[] = []
  waitsFor: WaitsFor = 'nothing'
  result: BranchResult | undefined
  queuedAt: number | undefined
  startedAt: number | undefined
  worker: WorkerPlace | undefined
  begun = 0
  deadline: Deadline | undefined
  deadlineAt: number | undefined
  readonly #setup: BranchSetup
  readonly #session: ExecutorSession
  readonly #code: NamedCode
  readonly #submission: Submission
  readonly #run: OwnerRun
  readonly answers: BranchAnswers
  readonly #actor: AnyActorRef
  #checkpoint: CheckpointData
  #visits: readonly number[] = []
  #waits = NO_WAITS
  #ended: Ended | undefined
  #over: (() => void)[] = []

  /** @throws {TypeError} for a runnable that no registry has */
  constructor(setup: BranchSetup, session: ExecutorSession) {
    const { task, bound, inputs, plan, journal, mapActor } = setup
    this.task = task
    this.inputs = inputs === NO_INPUTS && bound === NO_INPUTS ? NO_INPUTS : Object.freeze({ ...inputs, ...bound })
    this.#setup = setup
    this.journal = journal
    this.#session = session
    this.#code = session.codeOf(setup)
    const first = firstCheckpoint(setup)
    this.#checkpoint = first.checkpoint
    this.#visits = plan.graph.list.map(({ index }) => first.visits[index] ?? 0)
    this.origin = new RemoteSource(setup, this)
    this.#run = new OwnerRun(this.origin, setup, this)
    this.#submission = new Submission(session, this, this.#code.code, setup)
    this.store = journal && new RemoteDurability(journal, this, setup, this.#submission)
    this.answers = new BranchAnswers(setup, this.#run, this, this.#submission)
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
  get cancellation(): Cancellation | undefined {
    return this.#run.cancellation
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
    const facts = { checkpoint: this.#checkpoint, visits: this.#visits, startedAt: this.startedAt }
    return progressElsewhere(facts, this.attempts, this.#ended, this.#setup.progress)
  }

  pending(): Iterable<Pending> {
    const runId = this.origin.root.appId // the worker does not have the root
    return this.#waits.pending.map((one) => ({ ...one, runId }))
  }

  due(): Iterable<Due> {
    return this.status === 'running' ? dueWith(this.#waits, this.deadlineAt, this.origin) : this.#waits.due
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
    const { map, name } = this.#setup.parent
    const refusal = await this.#run.refusal(this.task, name)
    if (this.status === 'ended') return
    if (refusal === undefined) this.#go()
    else map.refused(this.task.key, refusal)
  }

  #go(): void {
    this.#actor.start()
    this.status = 'running'
    this.#session.add(this)
    this.deliver()
  }

  /** Hands it to its executor, at its last commit. */
  deliver(): void {
    try {
      const { bound } = this.#code
      const { observedTypes: hears, credit } = this.#session
      this.answers.begin(credit)
      const store = this.store?.data()
      const facts = { branch: this, bound, hears, credit, hooks: this.answers.hooks(), visits: this.#visits, store }
      this.#submission.deliver((messages) => startFrameOf(this.#setup, facts, messages))
    } catch (error) {
      this.settle({ status: 'failed', error: toError(error) })
    }
  }

  cancel(cancellation: Cancellation): boolean {
    if (this.status === 'made' && !this.#run.interceptorCalls?.size) return false
    if (this.#run.cancellation !== undefined || this.status === 'ended') return true
    this.#run.cancel(cancellation)
    if (this.status === 'made') return true // only interceptors are pending
    this.#take(NO_WAITS)
    const { reason, by, cause } = cancellation
    this.#submission.sendInWords({ type: 'cancel', reason, by, cause })
    this.#submission.withdraw()
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
    this.settle(cancelledBy(cancellation))
  }

  send(message: Received): Delivery {
    if (this.#run.cancellation !== undefined || this.status === 'ended') return 'dropped'
    const after = answeredBy(this.#waits, message, this.origin.path)
    if (after === undefined && this.#waits.unread >= MAILBOX_BOUND) return 'refused'
    try {
      this.#submission.post(dataOf(message))
    } catch (error) {
      this.#setup.system.logger.error(`A message to "${printPath(this.origin.path)}" cannot cross its channel.`, error)
      return 'dropped'
    }
    if (this.status === 'made') return 'queued'
    if (after === undefined) this.#waits = { ...this.#waits, unread: this.#waits.unread + 1 }
    else this.#take(after)
    return after === undefined ? 'queued' : 'delivered'
  }

  releaseSiblings(error: { readonly reason: unknown } | undefined): void {
    this.#submission.notify((n) => ({ type: 'noSender', n, error }))
    this.#take(withoutSiblings(this.#waits))
  }

  dispose(): void {
    this.#end()
  }

  observe(types: readonly EventType[]): void {
    this.#submission.send({ type: 'hears', types })
  }

  receive(frame: UpFrame): void {
    if (this.status !== 'running') return // C3
    const { map, key } = this.#setup.parent
    switch (frame.type) {
      case 'started':
        this.worker = { ...frame.worker, executor: this.#session.driver.name }
        if (this.startedAt === undefined) map.branchStarted(key) // not at a further delivery
        return
      case 'facts':
        this.attempts = frame.attempts
        this.isRetrying = frame.retrying
        return
      case 'chunk':
        return relayChunks(this, frame)
      case 'event':
        return relayEvent(this, frame)
      case 'step':
        this.#submission.committed(frame.n, frame.left)
        return this.moved(...stepped(this.#setup.plan, this.#checkpoint, this.#visits, frame))
      case 'waits':
        if (frame.n === this.#submission.n && this.#run.cancellation === undefined) this.#take(frame.waits) // C2
        return
      case 'cancel': {
        const { cause, by, reason } = frame
        map.cancelBranch(frame.key, createCancellation(cause, by, this.#setup.system.passed(), thrown(reason)))
        return
      }
      case 'send':
        return sendOn(frame, map, key)
      case 'log':
        return writeLog(frame, this.#setup.system.logger)
      case 'mismatch':
        return this.settle({ status: 'failed', error: otherCode(this, this.#setup.plan, this.#code, frame.outline) })
      case 'journal':
        return this.store?.notice(frame)
      case 'storeLost':
        return void this.#setup.system.root?.cancel(thrown(frame.error), 'store', 'store')
      case 'below':
        return this.answers.belowEnded(frame.id, frame.answer)
      case 'ended':
        return this.#endedThere(frame)
      default:
        return this.answers.receive(frame)
    }
  }

  /** It has come to a further checkpoint. */
  moved(checkpoint: CheckpointData, visits: readonly number[]): void {
    this.#checkpoint = checkpoint
    this.#visits = visits
    this.reported = undefined
    this.#actor.send(new Carrier('teasel.step', undefined))
  }

  #take(waits: WaitsData): void {
    const { level, due } = waits
    const isWaiting = level === 'outside' || level === 'siblings'
    this.#waits = waits
    this.#submission.waiting(isWaiting && due.length === 0)
    const before = this.waitsFor
    if (before === level) return
    this.waitsFor = level
    if (isWaiting) this.#submission.pause()
    this.#actor.send(new Carrier('teasel.step', undefined))
    this.#setup.parent.map.waitsChanged(this.task.key, before, level)
  }

  /** Sends a message to something below the branch. */
  sendBelow(rest: readonly string[], message: Received): Delivery {
    if (this.#run.cancellation !== undefined || this.status !== 'running') return 'dropped'
    this.#submission.notify((n) => ({ type: 'below', n, rest, message: dataOf(message) }))
    const path = [printPath(this.origin.path), ...rest].join('/')
    const after = answeredBelow(this.#waits, message, path)
    if (after !== undefined) this.#take(after)
    return after === undefined ? 'queued' : 'delivered'
  }

  /** Resolves when it has ended. */
  over(): Promise<void> {
    return this.status === 'ended' ? Promise.resolve() : new Promise((resolve) => void this.#over.push(resolve))
  }

  /** Its slot in the executor, which was free while it waited. */
  resume(): Promise<void> | undefined {
    return this.#submission.resume()
  }

  /** Its worker was lost. */
  lost(loss: Loss): void {
    const losses = this.#submission.lost(loss)
    this.answers.end()
    if (this.cancellation === undefined) this.#take(NO_WAITS)
    failOver(this, loss, losses, this.#session.maxDeliveries)
  }

  #endedThere(frame: Ended): void {
    this.#setup.system.skip(frame.skipped)
    this.#ended = frame
    this.attempts = frame.attempts
    this.isRetrying = false
    this.leaked = frame.leaked
    for (const _ of frame.leaked) this.#setup.system.store?.tree?.leak()
    if (frame.leaked.length > 0) this.#submission.retire()
    this.settle(
      frame.status === 'failed'
        ? { status: 'failed', error: toError(thrown(frame.error)) }
        : { status: 'done', state: this.#checkpoint.state, recovered: frame.recovered },
    )
  }

  /** @param given how it ended there; a cancel that came first counts (C1) */
  settle(given: BranchResult): void {
    const { attempts, startedAt, deadlineAt, origin, journal } = this
    const { cancellation } = this.#run
    const own = this.#run.resultOf(given)
    if (journal === undefined && this.task.policy.fallback === undefined) {
      this.#end()
      return this.#settled(own)
    }
    const facts = { setup: this.#setup, checkpoint: this.#checkpoint, visits: this.#visits }
    const ending = { ...facts, origin, journal, cancellation, timing: { attempts, startedAt, deadlineAt } }
    const end = afterFallback(ending, own)
    this.#checkpoint = end.given ?? this.#checkpoint
    this.#end()
    const written = storeEnd(ending, end.result, end.given)
    if (isThenable(written)) void Promise.resolve(written).then(() => this.#settled(end.result))
    else this.#settled(end.result)
  }

  #settled(result: BranchResult): void {
    this.result = result
    this.#actor.send(new Carrier<RemoteEnd>('teasel.end', { result }))
  }

  #end(): void {
    if (this.status === 'ended') return
    this.status = 'ended'
    this.#session.forget(this)
    this.#submission.release()
    this.answers.end()
    this.store?.journals.end()
    for (const resolve of this.#over.splice(0)) resolve()
  }
}
