import type { Received } from '../action/message.js'
import type { FoundCode } from '../executor/registry.js'
import { defined } from '../internal/defined.js'
import type { AnyEvent } from '../lifecycle/events.js'
import { makeAppActor } from '../runtime/actor/app-actor.js'
import { type AnyActorRef, stopActor } from '../runtime/actor/create-actor.js'
import { Application, Run, type RunOwner } from '../runtime/application.js'
import { createCancellation } from '../runtime/cancel/cancellation.js'
import { initialCheckpoint } from '../runtime/checkpoint.js'
import { failOnStoreLoss } from '../runtime/durability.js'
import { runLoop } from '../runtime/run/loop.js'
import { type CommittedStep, createRequest, type StepOrigin } from '../runtime/run/request.js'
import type { RunResult } from '../runtime/run/result.js'
import { attemptsOf } from '../runtime/step/attempts.js'
import type { SystemSettings } from '../runtime/system.js'
import type { State } from '../state/freeze.js'
import type { Tracker } from '../tracking/tracker.js'
import type { ChunkData } from './chunk-batch.js'
import { messageOf, stateOf, thrown } from './crossing.js'
import type { DownFrame, MessageData, StartFrame, UpFrame } from './frames.js'
import type { StoreData } from './journal-ops.js'
import { changeOf } from './state-change.js'
import { waitsOf } from './waits-data.js'
import { cancelBelow, deliverBelow, postBelow } from './worker-below.js'
import { WorkerDurability } from './worker-durability.js'
import { OWNERS_TRACKER, WorkerEvents } from './worker-events.js'
import { Questions, stepCarrier, WorkerMap, WorkerPermits, workerInterceptors } from './worker-map.js'
import { cancelledFrame, endedFrame, resumeFrom } from './worker-progress.js'
import type { JournalLink } from './worker-store.js'
import { loggerOf, parentOf, WorkerSystem } from './worker-system.js'

// Owns: one branch in a worker: its application, run by the engine, and the frames about it.
// Does not own: the code, the other branches of the worker (task-runner.ts), its events (worker-events.ts), its progress
// (worker-progress.ts).

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
  readonly #events: WorkerEvents
  #run: Run | undefined
  #n = 0
  /** The numbers of messages that it got. */
  readonly #numbers = new WeakMap<object, number>()
  /** What the owner was told of its attempts. */
  #sentFacts = NO_ATTEMPTS
  #sequenceId: number
  /** The state that the owner has. */
  #sent: State
  #phase: 'made' | 'running' | 'ended' = 'made'

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
    const emitted = (event: AnyEvent, tracker: Tracker | undefined): void => this.#events.emitted(event, tracker)
    this.#system = new WorkerSystem(all, start, code.executors, world.delivery, emitted)
    this.#system.observedTypes = new Set(start.hears)
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
    this.#events = new WorkerEvents(this.#app, this.#system, start, {
      send,
      sendInWords,
      sendChunk: (chunk) => this.#sendChunk(chunk),
      sendWaits: () => this.#sendWaits(),
    })
    if (this.#store !== undefined) failOnStoreLoss(this.#app, this.#store.journal)
    this.#n = start.messages.length
    resumeFrom(this.#app, plan, start, world)
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

  /** Runs it, unless it has ended before. */
  begin(): void {
    if (this.#phase !== 'made') return
    this.#phase = 'running'
    const { deep, messages, resume } = this.#start
    const app = this.#app
    if (messages.length > 0) app.mailbox.putBack(messages.map((one, i) => this.#received(i + 1, one)))
    const onStep = (step: CommittedStep, { path }: StepOrigin): Promise<void> =>
      this.#questions.ask({ method: 'step', step, path }).then(() => undefined)
    const request = createRequest(app.inputs, {
      waitForReader: () => this.#events.waitForReader(),
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
        return this.#events.credit(frame.n)
      case 'hears':
        this.#system.observedTypes = new Set(frame.types)
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
    const local = this.#store === undefined ? this.#world : undefined
    const frame = endedFrame(run, result, this.#system.takeSkipped(), local)
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
    this.#send(cancelledFrame(this.#start, this.#system.takeSkipped()))
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
    if (branch === this.#sentFacts.branch && waiting === this.#sentFacts.waiting) return
    this.#sentFacts = { branch, waiting }
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
    this.#send({ type: 'waits', n: this.#n, waits: waitsOf(this.#app) })
  }

  #sendChunk(chunk: ChunkData): void {
    if (this.#phase === 'ended') return
    this.#sendFacts()
    this.#world.sendChunk(chunk)
  }
}
