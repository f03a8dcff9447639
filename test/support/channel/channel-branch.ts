import { type Path, printPath } from '../../../src/action/context.js'
import type { Inputs } from '../../../src/action/inputs.js'
import type { Delivery, Received } from '../../../src/action/message.js'
import { isOutside } from '../../../src/action/message.js'
import { toError } from '../../../src/internal/guards.js'
import type { CancelCause } from '../../../src/lifecycle/events.js'
import type { Due, Pending } from '../../../src/lifecycle/pending.js'
import type { BranchResult } from '../../../src/parallel/results.js'
import type { BranchTask } from '../../../src/parallel/task.js'
import { Carrier } from '../../../src/runtime/actor/carrier.js'
import { type AnyActorRef, makeActor } from '../../../src/runtime/actor/create-actor.js'
import { type Cancellation, createCancellation, timeoutOf } from '../../../src/runtime/cancel/cancellation.js'
import type { Deadline } from '../../../src/runtime/cancel/deadline.js'
import { emit, relay } from '../../../src/runtime/emit.js'
import type { EventSource } from '../../../src/runtime/event-source.js'
import { callFallback } from '../../../src/runtime/map/branch-fallback.js'
import type { BranchHandle, BranchProgress, Found, WaitsFor } from '../../../src/runtime/map/branch-handle.js'
import { branchId, pathAt } from '../../../src/runtime/map/branch-identity.js'
import type { BranchSetup } from '../../../src/runtime/map/branch-maker.js'
import { cancelledBy } from '../../../src/runtime/map/outcome.js'
import type { Leak } from '../../../src/runtime/run/result.js'
import { InterceptorCall } from '../../../src/runtime/step/interceptor-call.js'
import type { State } from '../../../src/state/freeze.js'
import type { Tracker } from '../../../src/tracking/tracker.js'
import { BranchAnswers } from './branch-answers.js'
import { type ChannelEnd, channelLogicOf } from './channel-actor.js'
import { ChannelTarget, DeepTarget } from './channel-target.js'
import { crossedEvent, dataOf, messageOf, stateOf, thrown } from './crossing.js'
import type { CheckpointData, DownFrame, Ended, MessageData, StartFrame, UpFrame, WaitsData } from './frames.js'
import type { Owner } from './owner.js'
import { OwnerRun } from './owner-run.js'

// Owns: the owner's end of one branch behind a channel: its facts as data, and what follows from its frames.
// Does not own: its code and its steps (far-branch.ts), answers to its questions (branch-answers.ts).
// C1  A cancel takes effect here in its tick. A result that arrives later is ignored; its leaks are taken.
// C2  A wait counts only if the branch has seen all that was sent to it. Otherwise a branch whose message is under way
//     would look as if nobody could answer it.
// C3  A frame that arrives after the branch has settled has no effect.

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

export class ChannelBranch implements BranchHandle {
  readonly id: number
  readonly task: BranchTask
  readonly origin: EventSource
  readonly inputs: Inputs
  readonly journal = undefined
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
  readonly #owner: Owner
  readonly #run: OwnerRun
  readonly #answers: BranchAnswers
  readonly #actor: AnyActorRef
  #checkpoint: CheckpointData
  #visits: readonly number[] = []
  #waits = NO_WAITS
  /** The number of the last message that was sent to it. */
  #n = 0
  #early: MessageData[] = []
  #ended: Ended | undefined
  #over: (() => void)[] = []

  constructor(setup: BranchSetup, owner: Owner, id: number) {
    const { task, bound, inputs, plan, progress, mapActor } = setup
    this.id = id
    this.task = task
    this.inputs = Object.freeze({ ...inputs, ...bound })
    this.#setup = setup
    this.#owner = owner
    this.#checkpoint = progress?.checkpoint ?? {
      state: setup.state,
      position: undefined,
      next: plan.entrypoint.name,
      sequenceId: -1,
    }
    this.#visits = progress?.visits ?? []
    this.origin = sourceOf(setup, this)
    this.#run = new OwnerRun(this.origin, setup, this)
    this.#answers = new BranchAnswers(
      setup,
      this.#run,
      this,
      (frame) => this.#send(frame),
      (frame) => this.#sendInWords(frame),
    )
    this.#actor = makeActor(channelLogicOf(plan), {
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
    return parts.length === 0 ? new ChannelTarget(this, this.#setup) : new DeepTarget(this, parts)
  }

  adopt(messages: readonly Received[]): void {
    this.#early.unshift(...messages.map(dataOf))
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
    try {
      this.#owner.send(this, this.#startFrame())
    } catch (error) {
      this.#settle({ status: 'failed', error: toError(error) })
    }
  }

  #startFrame(): StartFrame {
    const { parent, plan, progress, semaphore, backpressure, system, inputs, bound, state, task } = this.#setup
    const { program, hears, credit, live } = this.#owner
    const { tracker } = this.origin
    const kept = progress?.inStep instanceof KeptInWorker ? progress.inStep.id : undefined
    const { attempts = 1, tries = 0, recovered = false } = progress ?? {}
    return {
      type: 'start',
      appId: this.origin.appId,
      parentPath: parent.app.path,
      map: parent.name,
      visit: parent.visit,
      key: parent.key,
      plan: program.nameOf(plan),
      state,
      inputs,
      bound,
      runId: system.runId,
      watched: this.origin.watched,
      tracker: tracker && program.nameOf(tracker),
      hears,
      attempts: task.policy.retry?.attempts ?? 0,
      limited: semaphore !== undefined,
      paced: backpressure.waitForReader !== undefined,
      deep: backpressure.deep === true,
      credit: Math.max(1, Math.floor(credit / (live + 1))),
      hooks: this.#answers.hooks(),
      graceMs: system.graceMs,
      resume: progress && { checkpoint: this.#checkpoint, visits: this.#visits, kept, attempts, tries, recovered },
      messages: this.#early,
    }
  }

  cancel(cancellation: Cancellation): boolean {
    if (this.status === 'made' && !this.#run.interceptorCalls?.size) return false
    if (this.#run.cancellation !== undefined || this.status === 'ended') return true
    this.#run.cancel(cancellation)
    if (this.status === 'made') return true // only interceptors are pending
    this.#take({ level: 'nothing', ...NO_WAITS })
    const { reason, by, cause, at } = cancellation
    this.#sendInWords({ type: 'cancel', reason, by, cause, at })
    return true
  }

  abandon(): void {
    for (const call of this.#run.interceptorCalls ?? []) call.abandon()
    if (this.#run.cancellation !== undefined) this.#send({ type: 'abandon' })
  }

  stop(cancellation: Cancellation): void {
    if (this.status !== 'running') return this.#end()
    this.#send({ type: 'stop' })
    this.#run.cancel(cancellation)
    this.#settle(cancelledBy(cancellation))
  }

  send(message: Received): Delivery {
    if (this.#run.cancellation !== undefined || this.status === 'ended') return 'dropped'
    if (this.#waits.unread >= BOUND) return 'refused'
    const data = dataOf(message)
    if (this.status === 'made') {
      this.#early.push(data)
      return 'queued'
    }
    const from = isOutside(message) ? 'outside' : 'siblings'
    const { open, pending, unread } = this.#waits
    const wait = open.find((one) => one.from === from && one.kinds.includes(message.kind))
    try {
      this.#send({ type: 'message', n: this.#n + 1, message: data })
    } catch (error) {
      this.#setup.system.logger.error(`A message to "${printPath(this.origin.path)}" cannot cross its channel.`, error)
      return 'dropped'
    }
    this.#n += 1
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
    this.#n += 1
    this.#sendInWords({ type: 'noSender', n: this.#n, error })
    this.#take({ ...this.#waits, level: 'nothing', open: this.#waits.open.filter(({ from }) => from !== 'siblings') })
  }

  dispose(): void {
    this.#end()
  }

  /** Sends a frame to the branch, while it lives. */
  #send(frame: DownFrame): void {
    if (this.status === 'running') this.#owner.send(this, frame)
  }

  /** The same, with words in place of what is no data. */
  #sendInWords(frame: DownFrame): void {
    if (this.status === 'running') this.#owner.sendInWords(this, frame)
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
        return this.#committed(frame.checkpoint, frame.visits)
      case 'waits':
        if (frame.n === this.#n && this.#run.cancellation === undefined) this.#take(frame.waits) // C2
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

  #relay({ event, tracker, skipped }: Extract<UpFrame, { readonly type: 'event' }>): void {
    this.#skip(skipped)
    if (this.#run.cancellation !== undefined) {
      if (event.type === 'chunk') return
      if (event.type === 'cancel' && event.path.length === this.origin.path.length) return // emitted in its tick
    }
    const records = tracker === undefined ? undefined : this.#owner.program.part<Tracker>(tracker)
    relay(this.origin, crossedEvent(event), records)
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
    this.#actor.send(new Carrier('teasel.step', undefined))
    this.#setup.parent.map.waitsChanged(this.task.key, before, level)
  }

  /** Sends a message to something below the branch. */
  sendBelow(rest: readonly string[], message: Received): Delivery {
    if (this.#run.cancellation !== undefined || this.status !== 'running') return 'dropped'
    this.#send({ type: 'below', n: this.#n + 1, rest, message: dataOf(message) })
    this.#n += 1
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

  /** Its worker has died. */
  lost(): void {
    if (this.status !== 'running') return
    const name = printPath(this.origin.path)
    const error = new TypeError(`The worker of branch "${name}" was lost. What it did since its last step may be done.`)
    this.#settle({ status: 'failed', error })
  }

  #endedThere(frame: Ended): void {
    this.#skip(frame.skipped)
    this.#ended = frame
    this.attempts = frame.attempts
    this.isRetrying = false
    this.leaked = frame.leaked
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
    this.#actor.send(new Carrier<ChannelEnd>('teasel.end', { result: this.result }))
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
    this.#owner.forget(this)
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
function sourceOf({ parent, system }: BranchSetup, branch: ChannelBranch): EventSource {
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
