import { printPath } from '../action/context.js'
import type { Received } from '../action/message.js'
import type { FoundCode } from '../executor/registry.js'
import type { Plan } from '../graph/plan.js'
import { defined } from '../internal/defined.js'
import type { AnyEvent } from '../lifecycle/events.js'
import { makeAppActor } from '../runtime/actor/app-actor.js'
import { type AnyActorRef, stopActor } from '../runtime/actor/create-actor.js'
import { Application, Run, type RunOwner } from '../runtime/application.js'
import { createCancellation } from '../runtime/cancel/cancellation.js'
import { initialCheckpoint } from '../runtime/checkpoint.js'
import { failOnStoreLoss } from '../runtime/durability.js'
import { emit } from '../runtime/emit.js'
import type { BranchProgress } from '../runtime/map/branch-handle.js'
import { progressOf, restoreProgress } from '../runtime/map/held-branches.js'
import { dueIn, pendingIn } from '../runtime/message/pending.js'
import { runLoop } from '../runtime/run/loop.js'
import { type CommittedStep, createRequest, type StepOrigin } from '../runtime/run/request.js'
import type { RunResult } from '../runtime/run/result.js'
import { attemptsOf } from '../runtime/step/attempts.js'
import type { SystemSettings } from '../runtime/system.js'
import type { State } from '../state/freeze.js'
import type { Tracker } from '../tracking/tracker.js'
import type { ChunkData } from './chunk-gather.js'
import { eventData, messageOf, stateOf, thrown } from './crossing.js'
import type { DownFrame, MessageData, StartFrame, UpFrame } from './frames.js'
import type { StoreData } from './journal-ops.js'
import { changeOf } from './state-change.js'
import { cancelBelow, deliverBelow, postBelow } from './worker-below.js'
import { WorkerDurability } from './worker-durability.js'
import { Questions, stepCarrier, WorkerMap, WorkerPermits, workerInterceptors } from './worker-map.js'
import type { JournalLink } from './worker-store.js'
import { loggerOf, parentOf, WorkerSystem } from './worker-system.js'

// Owns: one branch in a worker: its application, run by the engine, and the frames about it.
// Does not own: the code, the other branches of the worker (task-runner.ts).

/** The attempts of a branch that has not failed. */
const NO_ATTEMPTS = { branch: 1, waiting: false }

/** The surroundings of one branch in its worker. */
export interface TaskWorld {
  readonly settings: Pick<SystemSettings, 'clock' | 'random'>
  readonly code: FoundCode
  readonly delivery: number
  /** @throws {SerializationError} for a frame with a value that is no data */
  send(frame: UpFrame): void
  /** The same, with words in place of such values. */
  sendInWords(frame: UpFrame): void
  /** Sends a chunk, by the end of the turn. @throws {SerializationError | RangeError} for one that cannot cross */
  sendChunk(chunk: ChunkData): void
  /** Keeps progress that is no data; undefined where nothing is kept. */
  keep(progress: object): number | undefined
  kept(id: number): object | undefined
  ended(): void
}

export class WorkerBranch implements RunOwner {
  readonly #world: TaskWorld
  readonly #system: WorkerSystem
  readonly #questions: Questions
  readonly #permits: WorkerPermits
  readonly #app: Application
  readonly #self: AnyActorRef
  readonly #start: StartFrame
  /** Undefined where it is not stored. */
  readonly #store: WorkerDurability | undefined
  #run: Run | undefined
  #n = 0
  /** The numbers of messages that it got. */
  readonly #numbers = new WeakMap<object, number>()
  /** What the owner was told of its attempts. */
  #told = NO_ATTEMPTS
  #sequenceId: number
  /** The state that the owner has. */
  #sent: State
  #phase: 'made' | 'running' | 'ended' = 'made'
  /** Chunks and steps that the owner has not given credit for. */
  #ahead = 0
  #chunk = false
  #waiting: (() => void)[] = []

  constructor(start: StartFrame, world: TaskWorld) {
    this.#start = start
    this.#world = world
    const send = (frame: UpFrame): void => this.#send(frame)
    const sendInWords = (frame: UpFrame): void => world.sendInWords(frame)
    this.#questions = new Questions(send, sendInWords)
    this.#permits = new WorkerPermits(send)
    const { settings, code } = world
    const { plan } = code
    const interceptors = workerInterceptors(start.hooks, this.#questions)
    const logger = loggerOf((level, text, data, at) =>
      sendInWords({ type: 'log', level, text, data, ...(at && { at }) }),
    )
    const all = { ...settings, logger, graceMs: start.graceMs, interceptors }
    const emitted = (event: AnyEvent, tracker: Tracker | undefined): void => this.#emitted(event, tracker)
    this.#system = new WorkerSystem(all, start, code.executors, world.delivery, emitted)
    this.#system.hears = new Set(start.hears)
    this.#system.carryStep = stepCarrier(start, this.#questions)
    this.#system.root = { cancel: (error) => sendInWords({ type: 'storeLost', error }) }
    const tracker = start.tracked ? OWNERS_TRACKER : undefined
    const map = new WorkerMap(start, tracker, send, sendInWords, this.#questions, () => this.#sendWaits())
    const app = parentOf(start, this.#system, tracker)
    this.#store = start.store && this.#open(start.store)
    this.#app = new Application(
      {
        plan,
        bound: Object.freeze({ ...code.bound, ...start.bound }),
        inputs: start.inputs,
        semaphore: start.limited ? this.#permits : undefined,
        checkpoint: initialCheckpoint(plan, stateOf(plan, start.state)),
        parent: { app, map, name: start.map, visit: start.visit, key: start.key },
        journal: this.#store?.journal,
      },
      this.#system,
    )
    if (this.#store !== undefined) failOnStoreLoss(this.#app, this.#store.journal)
    this.#n = start.messages.length
    this.#resume(plan)
    this.#sequenceId = this.#app.checkpoint.sequenceId
    this.#sent = this.#app.checkpoint.state
    this.#self = makeAppActor(this.#app, { id: start.key })
    this.#self.subscribe({ next: () => this.#committed(), error() {} })
  }

  #open(data: StoreData): WorkerDurability {
    const questions = this.#questions
    const link: JournalLink = {
      ask: async (app, question) => questions.askExactly({ method: 'journal', app, question }),
      askInWords: (app, question) => questions.ask({ method: 'journal', app, question }),
      tell: (app, notice) => this.#send({ type: 'journal', app, notice }),
    }
    return new WorkerDurability(this.#start, data, this.#system.clock, link, () => ({ n: this.#n, left: this.#left() }))
  }

  #resume(plan: Plan): void {
    const { resume } = this.#start
    if (resume === undefined) return
    const { checkpoint, visits, kept, attempts, tries, recovered } = resume
    const progress: BranchProgress = {
      checkpoint: { ...checkpoint, state: stateOf(plan, checkpoint.state) },
      visits,
      inStep: kept === undefined ? undefined : this.#world.kept(kept),
      startedAt: undefined,
      ended: false,
      attempts,
      tries,
      recovered,
    }
    restoreProgress(this.#app, progress)
  }

  /** Runs it, unless it has ended before. */
  begin(): void {
    if (this.#phase !== 'made') return
    this.#phase = 'running'
    const { paced, deep, messages, resume } = this.#start
    const app = this.#app
    if (messages.length > 0) app.mailbox.putBack(messages.map((one, i) => this.#received(i + 1, one)))
    const onStep = (step: CommittedStep, { path }: StepOrigin): Promise<void> =>
      this.#questions.ask({ method: 'step', step, path }).then(() => undefined)
    const request = createRequest(app.inputs, {
      waitForReader: () => this.#waitForReader(paced),
      ...(deep && { onStep, deep }),
    })
    this.#run = new Run(app, request, runLoop, this)
    if (resume !== undefined) attemptsOf(this.#run).resume(resume)
    this.#self.start()
    this.#run.start()
  }

  receive(frame: DownFrame): void {
    const run = this.#run
    switch (frame.type) {
      case 'start':
        throw new TypeError('The frame "start" came a second time.')
      case 'cancel': {
        const { cause, by, reason } = frame
        const cancellation = createCancellation(cause, by, this.#system.passed(), thrown(reason))
        return run === undefined ? this.#cancelled() : run.cancel(cancellation)
      }
      case 'abandon':
        return run?.abandon()
      case 'stop':
        return this.stop()
      case 'message':
        this.#count(frame.n)
        if (run?.cancellation === undefined) this.#app.deliver(this.#received(frame.n, frame.message))
        return this.#sendWaits()
      case 'noSender':
        this.#count(frame.n)
        run?.waits?.releaseSiblings(frame.error && { reason: thrown(frame.error.reason) })
        return this.#sendWaits()
      case 'credit':
        this.#ahead -= frame.n
        if (this.#ahead < this.#start.credit) for (const go of this.#waiting.splice(0)) go()
        return
      case 'hears':
        this.#system.hears = new Set(frame.types)
        return
      case 'permit':
        return this.#permits.granted(frame.id)
      case 'answer':
        return this.#questions.answer(frame.id, frame.value, 'error' in frame ? { reason: frame.error } : undefined)
      case 'below':
        this.#count(frame.n)
        deliverBelow(this.#app, frame)
        return this.#sendWaits()
      case 'cancelBelow':
        return void cancelBelow(this.#app, frame).then((answer) => this.#send({ type: 'below', id: frame.id, answer }))
      case 'posted':
        return this.#store?.posted(frame.app, frame.message)
      case 'postBelow':
        return void postBelow(this.#app, frame).then((answer) =>
          this.#world.sendInWords({ type: 'below', id: frame.id, answer }),
        )
      default:
        return frame satisfies never
    }
  }

  /** Messages and notices are numbered without a gap. */
  #count(n: number): void {
    if (n !== this.#n + 1) throw new TypeError(`The message or notice after ${this.#n} has the number ${n}.`)
    this.#n = n
  }

  /** Ends it at once, without a word. */
  stop(): void {
    this.#phase = 'ended'
    this.#run?.stop(createCancellation('stop', 'parent', this.#system.passed()))
    this.#end()
  }

  ended(run: Run, result: RunResult): void {
    const { attempts, leaked } = run
    const { inStep, ended: complete, ...past } = progressOf(this.#app, undefined)
    const over = inStep === undefined || this.#store !== undefined || result.status === 'finished'
    const kept = over ? undefined : this.#world.keep(inStep)
    const facts = {
      ...(kept !== undefined && { kept }),
      complete,
      past: { attempts: past.attempts, tries: past.tries, recovered: past.recovered },
      attempts: attempts?.branch ?? 1,
      recovered: attempts?.recovered === true,
      leaked,
      skipped: this.#system.takeSkipped(),
    }
    const error = result.status === 'failed' ? result.error : undefined
    const frame = { type: 'ended', ...facts, status: result.status, ...(error !== undefined && { error }) } as const
    try {
      this.#send(frame)
    } catch (fault) {
      if (result.status === 'failed') return this.#world.sendInWords(frame)
      throw fault
    } finally {
      this.#end()
    }
  }

  /** It was cancelled before it began. */
  #cancelled(): void {
    const past = { attempts: 1, tries: 0, recovered: false, ...this.#start.resume }
    this.#send({
      type: 'ended',
      status: 'cancelled',
      past: { attempts: past.attempts, tries: past.tries, recovered: past.recovered },
      attempts: past.attempts,
      recovered: past.recovered,
      complete: false,
      leaked: [],
      skipped: this.#system.takeSkipped(),
      ...defined({ kept: this.#start.resume?.kept }),
    })
    this.#end()
  }

  #end(): void {
    this.#phase = 'ended'
    stopActor(this.#self, undefined)
    this.#world.ended()
  }

  #send(frame: UpFrame): void {
    if (this.#phase === 'ended') return
    if (frame.type !== 'ended') this.#sendFacts()
    this.#world.send(frame)
  }

  #sendFacts(): void {
    const { branch = 1, waiting = false } = this.#run?.attempts ?? NO_ATTEMPTS
    if (branch === this.#told.branch && waiting === this.#told.waiting) return
    this.#told = { branch, waiting }
    this.#world.send({ type: 'facts', attempts: branch, retrying: waiting })
  }

  #received(n: number, data: MessageData): Received {
    const message = messageOf(data)
    this.#numbers.set(message, n)
    return message
  }

  /** The numbers of the messages that no commit has taken. */
  #left(): number[] {
    return [...(this.#app.mail?.unread() ?? [])].flatMap((one) => this.#numbers.get(one) ?? [])
  }

  #committed(): void {
    const { checkpoint } = this.#app
    if (checkpoint.sequenceId === this.#sequenceId) return
    this.#sequenceId = checkpoint.sequenceId
    if (this.#store !== undefined) return // the owner has stored it
    try {
      const { state, position, next, sequenceId } = checkpoint
      const change = changeOf(this.#sent, state, !this.#app.plan.graph.rules.freeze)
      this.#sent = state
      const at = { ...defined({ position, next }), sequenceId }
      this.#send({ type: 'step', change, at, n: this.#n, left: this.#left() })
    } catch (error) {
      this.#run?.fail(error)
    }
  }

  #sendWaits(): void {
    const run = this.#run
    const waits = run?.cancellation === undefined ? run?.waits : undefined
    const open = [...(waits ?? [])].map(({ kinds, from }) => ({ kinds, from }))
    this.#send({
      type: 'waits',
      n: this.#n,
      waits: {
        level: waits?.level ?? 'nothing',
        mayWithdraw: waits?.mayWithdraw === true,
        open,
        pending: [...pendingIn(this.#app)],
        due: [...dueIn(this.#app)],
        unread: this.#app.mail?.size ?? 0,
      },
    })
  }

  #emitted(event: AnyEvent, tracker: Tracker | undefined): void {
    const { type } = event
    if (type === 'wait' || type === 'wake') this.#sendWaits()
    const heard =
      this.#start.watched || tracker === OWNERS_TRACKER || this.#system.hears.has(type) || type === 'progress' // the owner shows it
    if (!heard) {
      this.#system.skip()
      if (type === 'retry') this.#sendWaits()
      return
    }
    if (type === 'chunk') this.#chunk = true
    const skipped = this.#system.takeSkipped()
    const tracked = tracker === OWNERS_TRACKER
    const own = event.path.length === this.#app.path.length
    if (event.type === 'chunk' && own) {
      const { source, sequenceId, chunk } = event
      return this.#sendPart('chunk', () => this.#sendChunk({ source, sequenceId, chunk, tracked, skipped }))
    }
    const frame: UpFrame = { type: 'event', event: eventData(event, own), tracked, skipped }
    if (type === 'chunk' || type === 'log') return this.#sendPart(type, () => this.#send(frame))
    try {
      this.#send(frame)
    } catch {
      this.#world.sendInWords(frame)
    }
  }

  #sendChunk(chunk: ChunkData): void {
    if (this.#phase === 'ended') return
    this.#sendFacts()
    this.#world.sendChunk(chunk)
  }

  /** Sends what is left out where it cannot cross. */
  #sendPart(type: 'chunk' | 'log', send: () => void): void {
    try {
      send()
    } catch (error) {
      const path = printPath(this.#app.path)
      this.#system.logger.error(`A ${type} of the branch "${path}" cannot cross its channel.`, error)
      emit(this.#app, { type: 'fault', where: `${type} of "${path}"`, error })
    }
  }

  /** Counts what is ahead of the owner, and waits for credit. */
  #waitForReader(paced: boolean): Promise<void> | undefined {
    if (!paced && !this.#chunk) return undefined
    if (this.#chunk) this.#chunk = false
    else this.#send({ type: 'pace' })
    this.#ahead += 1
    if (this.#ahead < this.#start.credit) return undefined
    return new Promise((resolve) => void this.#waiting.push(resolve))
  }
}

/** Stands for the tracker of the owner, which records what arrives there. */
const OWNERS_TRACKER: Tracker = { track() {} }
