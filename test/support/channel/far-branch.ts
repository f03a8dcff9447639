import { type Path, printPath } from '../../../src/action/context.js'
import type { CancelAnswer } from '../../../src/action/message.js'
import type { Plan } from '../../../src/graph/plan.js'
import type { AnyEvent } from '../../../src/lifecycle/events.js'
import { makeAppActor } from '../../../src/runtime/actor/app-actor.js'
import { type AnyActorRef, stopActor } from '../../../src/runtime/actor/create-actor.js'
import { Application, Run, type RunOwner } from '../../../src/runtime/application.js'
import { createCancellation } from '../../../src/runtime/cancel/cancellation.js'
import { type Checkpoint, initialCheckpoint } from '../../../src/runtime/checkpoint.js'
import { emit } from '../../../src/runtime/emit.js'
import type { BranchProgress } from '../../../src/runtime/map/branch-handle.js'
import { SETTLED } from '../../../src/runtime/map/branch-handle.js'
import { progressOf, restoreProgress } from '../../../src/runtime/map/held-branches.js'
import { descend } from '../../../src/runtime/message/path-lookup.js'
import { dueIn, pendingIn } from '../../../src/runtime/message/pending.js'
import type { ParentApp } from '../../../src/runtime/parent.js'
import { runLoop } from '../../../src/runtime/run/loop.js'
import { type CommittedStep, createRequest, type StepOrigin } from '../../../src/runtime/run/request.js'
import type { RunResult } from '../../../src/runtime/run/result.js'
import { attemptsOf } from '../../../src/runtime/step/attempts.js'
import type { SystemSettings } from '../../../src/runtime/system.js'
import type { Tracker } from '../../../src/tracking/tracker.js'
import { messageOf, plainEvent, stateOf, thrown } from './crossing.js'
import { FarHost, FarPermits, farInterceptors, Questions } from './far-host.js'
import { FarSystem } from './far-system.js'
import type { CheckpointData, DownFrame, StartFrame, UpFrame } from './frames.js'
import type { Program } from './program.js'

// Owns: one branch behind a channel: its application, run by the engine, and the frames about it.
// Does not own: the channel, the other branches of the worker (worker.ts).

/** The worker of a far branch. */
export interface FarWorld {
  readonly program: Program
  readonly settings: SystemSettings
  /** @throws {SerializationError} for a frame with a value that is no data */
  send(frame: UpFrame): void
  /** The same, with words in place of such values. */
  sendInWords(frame: UpFrame): void
  keep(progress: object): number
  kept(id: number): object | undefined
  ended(): void
}

export class FarBranch implements RunOwner {
  readonly #world: FarWorld
  readonly #system: FarSystem
  readonly #questions: Questions
  readonly #permits: FarPermits
  readonly #app: Application
  readonly #self: AnyActorRef
  readonly #start: StartFrame
  #run: Run | undefined
  #n = 0
  #facts = '1 false'
  #sequenceId: number
  #phase: 'made' | 'running' | 'ended' = 'made'
  /** Chunks and steps that the owner has not given credit for. */
  #ahead = 0
  #chunk = false
  #waiting: (() => void)[] = []

  constructor(start: StartFrame, world: FarWorld) {
    this.#start = start
    this.#world = world
    const send = (frame: UpFrame): void => this.#send(frame)
    const sendInWords = (frame: UpFrame): void => world.sendInWords(frame)
    this.#questions = new Questions(send, sendInWords)
    this.#permits = new FarPermits(send)
    const { program, settings } = world
    const interceptors = farInterceptors(start.hooks, this.#questions)
    const all = { ...settings, graceMs: start.graceMs, interceptors }
    this.#system = new FarSystem(all, start.runId, (event, tracker) => this.#emitted(event, tracker))
    this.#system.hears = new Set(start.hears)
    const plan = program.part<Plan>(start.plan)
    const tracker = start.tracker === undefined ? undefined : program.part<Tracker>(start.tracker)
    const map = new FarHost(start, tracker, send, sendInWords, this.#questions, () => this.#sendWaits())
    const app = parentOf(start, this.#system, tracker)
    this.#app = new Application(
      {
        plan,
        appId: start.appId,
        bound: start.bound,
        inputs: start.inputs,
        semaphore: start.limited ? this.#permits : undefined,
        checkpoint: initialCheckpoint(plan, stateOf(plan, start.state)),
        parent: { app, map, name: start.map, visit: start.visit, key: start.key },
      },
      this.#system,
    )
    this.#resume(plan)
    this.#sequenceId = this.#app.checkpoint.sequenceId
    this.#self = makeAppActor(this.#app, { id: start.key })
    this.#self.subscribe({ next: () => this.#committed(), error() {} })
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
    if (messages.length > 0) app.mailbox.putBack(messages.map(messageOf))
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
        return
      case 'cancel': {
        const { cause, by, reason, at } = frame
        const cancellation = createCancellation(cause, by, at, thrown(reason))
        return run === undefined ? this.#cancelled() : run.cancel(cancellation)
      }
      case 'abandon':
        return run?.abandon()
      case 'stop':
        return this.stop()
      case 'message':
        this.#n = frame.n
        if (run?.cancellation === undefined) this.#app.deliver(messageOf(frame.message))
        return this.#sendWaits()
      case 'noSender':
        this.#n = frame.n
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
        this.#n = frame.n
        this.#deliverBelow(frame)
        return this.#sendWaits()
      case 'cancelBelow':
        return void this.#cancelBelow(frame).then((answer) => this.#send({ type: 'below', id: frame.id, answer }))
      default:
        return frame satisfies never
    }
  }

  /** Ends it at once, without a word. */
  stop(): void {
    this.#phase = 'ended'
    this.#run?.stop(createCancellation('stop', 'parent', this.#system.passed()))
    this.#end()
  }

  #deliverBelow({ rest, message }: Extract<DownFrame, { readonly type: 'below' }>): void {
    const found = descend(this.#app, rest)
    if (found !== undefined && found !== SETTLED) return void found.deliver(messageOf(message))
    const source = this.#run?.step?.node.name ?? this.#app.checkpoint.next ?? ''
    const to = `${printPath(this.#app.path)}/${rest.join('/')}`
    emit(this.#app, { type: 'message', source, message: messageOf(message), to, delivery: 'dropped' })
  }

  async #cancelBelow(frame: Extract<DownFrame, { readonly type: 'cancelBelow' }>): Promise<CancelAnswer> {
    const found = descend(this.#app, frame.rest)
    if (found === undefined) return 'unknown'
    if (found === SETTLED) return found
    const over = found.over()
    const answer = await found.cancel(thrown(frame.reason), frame.cause, frame.by)
    await over
    return answer
  }

  ended(run: Run, result: RunResult): void {
    const { attempts, leaked } = run
    const { checkpoint, inStep, ended: complete, ...past } = progressOf(this.#app, undefined)
    const kept = inStep === undefined || result.status === 'finished' ? undefined : this.#world.keep(inStep)
    const facts = {
      visits: this.#visits(),
      kept,
      complete,
      past: { attempts: past.attempts, tries: past.tries, recovered: past.recovered },
      attempts: attempts?.branch ?? 1,
      recovered: attempts?.recovered === true,
      leaked,
      skipped: this.#system.takeSkipped(),
    }
    const error = result.status === 'failed' ? result.error : undefined
    const frame = { type: 'ended', ...facts, status: result.status, error, checkpoint: plain(checkpoint) } as const
    try {
      this.#send(frame)
    } catch (fault) {
      if (result.status === 'failed') return this.#world.sendInWords(frame)
      const { position, next, sequenceId } = checkpoint
      const state = this.#start.state
      this.#send({ ...frame, status: 'failed', error: fault, checkpoint: { state, position, next, sequenceId } })
    } finally {
      this.#end()
    }
  }

  /** It was cancelled before it began. */
  #cancelled(): void {
    const { checkpoint } = this.#app
    const visits = this.#visits()
    const past = { attempts: 1, tries: 0, recovered: false, ...this.#start.resume }
    this.#send({
      type: 'ended',
      status: 'cancelled',
      error: undefined,
      checkpoint: plain(checkpoint),
      visits,
      past: { attempts: past.attempts, tries: past.tries, recovered: past.recovered },
      attempts: past.attempts,
      recovered: past.recovered,
      complete: false,
      leaked: [],
      skipped: this.#system.takeSkipped(),
      kept: this.#start.resume?.kept,
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
    const { branch = 1, waiting = false } = this.#run?.attempts ?? {}
    const facts = `${branch} ${waiting}`
    if (facts !== this.#facts && frame.type !== 'ended') {
      this.#facts = facts
      this.#world.send({ type: 'facts', attempts: branch, retrying: waiting })
    }
    this.#world.send(frame)
  }

  /** How often each action has committed. */
  #visits(): number[] {
    const { visits, plan } = this.#app
    return plan.graph.list.map(({ index }) => visits[index] ?? 0)
  }

  #committed(): void {
    const { checkpoint } = this.#app
    if (checkpoint.sequenceId === this.#sequenceId) return
    this.#sequenceId = checkpoint.sequenceId
    try {
      this.#send({ type: 'step', checkpoint: plain(checkpoint), visits: this.#visits() })
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
    const heard = this.#start.watched || tracker !== undefined || this.#system.hears.has(type)
    if (!heard) {
      this.#system.skip()
      if (type === 'retry') this.#sendWaits()
      return
    }
    if (type === 'chunk') this.#chunk = true
    const skipped = this.#system.takeSkipped()
    const name = tracker && this.#world.program.nameOf(tracker)
    const frame = { type: 'event', event: plainEvent(event) as AnyEvent, tracker: name, skipped } as const
    try {
      this.#send(frame)
    } catch (error) {
      if (type !== 'chunk' && type !== 'log') return this.#world.sendInWords(frame)
      this.#system.logger.error(
        `A ${type} of the branch "${printPath(this.#app.path)}" cannot cross its channel.`,
        error,
      )
      emit(this.#app, { type: 'fault', where: `${type} of "${printPath(this.#app.path)}"`, error })
    }
  }

  /** Counts what is ahead of the owner, and waits for credit. */
  #waitForReader(paced: boolean): Promise<void> | undefined {
    if (!paced && !this.#chunk) return undefined
    this.#chunk = false
    this.#ahead += 1
    this.#send({ type: 'pace' })
    if (this.#ahead < this.#start.credit) return undefined
    return new Promise((resolve) => void this.#waiting.push(resolve))
  }
}

function parentOf(start: StartFrame, system: FarSystem, tracker: Tracker | undefined): ParentApp {
  const path: Path = start.parentPath
  const parent = {
    system,
    appId: '',
    path,
    tracker,
    watched: start.watched,
    checkpoint: { sequenceId: -1 },
    parent: undefined,
    run: { running: true },
    journal: undefined,
  }
  return {
    ...parent,
    get root() {
      return this
    },
  }
}

const plain = ({ state, position, next, sequenceId }: Checkpoint): CheckpointData => ({
  state,
  position,
  next,
  sequenceId,
})
