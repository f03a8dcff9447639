import type { ActionContext, Path } from '../action/context.js'
import { chosen, type ExecutorChoice } from '../action/executor.js'
import { NO_INPUTS, refuseUnknownInputs } from '../action/inputs.js'
import { assertMessage, type CancelAnswer, type Delivery, type Message } from '../action/message.js'
import { BusyError } from '../errors.js'
import { resolveHalts } from '../graph/runnable.js'
import { describeValue } from '../internal/guards.js'
import { assertFunction, checkOptions } from '../internal/options.js'
import type { AnyEvent, Subscription } from '../lifecycle/events.js'
import { checkCount, createLimit, type Limit, semaphoreOf } from '../parallel/limit.js'
import { makeAppActor } from '../runtime/actor/app-actor.js'
import { type AnyActorRef, isActive, stopActor } from '../runtime/actor/create-actor.js'
import type { Application } from '../runtime/application.js'
import { flushInTime, lostStore } from '../runtime/durability.js'
import { type CancelCommand, cancelAt } from '../runtime/message/commands.js'
import { allDue, allPending } from '../runtime/message/pending.js'
import { storeAndSend } from '../runtime/message/stored-messages.js'
import {
  type Backpressure,
  backpressureBelow,
  type CommittedStep,
  createRequest,
  type RunRequest,
} from '../runtime/run/request.js'
import type { RunResult } from '../runtime/run/result.js'
import { belongs, leaveMaker } from '../runtime/sub-app.js'
import type { SystemSettings } from '../runtime/system.js'
import { publicState } from '../state/freeze.js'
import { ActiveRun, type Joined } from './active-run.js'
import { conclude, named, naming } from './caller.js'
import { followEvents } from './event-feed.js'
import { checkDepth, FILTER_OPTIONS, type LooseEvents, tapOf } from './filter.js'
import type { LooseRun, LooseStream } from './loose-run.js'
import {
  beginElsewhere,
  checkValues,
  guarded,
  type Inspect,
  makeApp,
  type Resumed,
  saveNow,
  startOf,
} from './make-app.js'
import { type LoosePersist, PERSIST_OPTIONS } from './persisting.js'
import { iterateRun, type Prepared, streamRun } from './readers.js'
import { compiledGraphOf } from './runnable.js'
import { assertSharedStore } from './shared-store.js'

/** Options of an application, without their types. */
export interface LooseOptions extends SystemSettings, LoosePersist {
  readonly entrypoint: string
  readonly state: unknown
  readonly appId?: string | undefined
  readonly concurrency?: number | Limit | undefined
  readonly inspect?: Inspect | undefined
  readonly executor?: ExecutorChoice | undefined
  readonly parent?: ActionContext | undefined
  readonly key?: string | undefined
}
/** Default bound of unread events, beyond which an additional reader loses chunks. */
const FURTHER_BUFFER = 1000
export const OPTIONS = `entrypoint state appId concurrency interceptors tracker executor logger clock random graceMs inspect ${PERSIST_OPTIONS} parent key`
const RUN_OPTIONS = 'inputs haltAfter haltBefore signal maxSteps whenWaiting'

// Owns: the identity of an application between its runs, and the outcome of each run.
// Does not own: the loop (runtime/run/loop.ts), callers of a run (active-run.ts).
// A1  One run at a time: two would commit over each other.
// A2  A caller that cancels by signal gets its reason back, after everything has ended; any other cancel is an outcome.

export class LiveApplication implements AsyncDisposable {
  readonly #app: Application
  readonly actor: AnyActorRef
  /** The current run, including one that waits without a caller. */
  #current: ActiveRun | undefined
  /** The current run, or the last one. */
  #last: ActiveRun | undefined
  /** The promise of the current caller of the run. */
  #joined: Promise<object> | undefined
  #disposed = false

  constructor(graph: object, options: LooseOptions, resumed?: Resumed) {
    checkOptions('createApplication', options, OPTIONS)
    const core = compiledGraphOf(graph)
    checkValues(options)
    const { plan, checkpoint, warnings } = startOf(
      core,
      options.entrypoint,
      options.state,
      resumed?.stored !== undefined,
    )
    const { concurrency } = options
    const limit = typeof concurrency === 'number' ? createLimit(checkCount('concurrency', concurrency)) : concurrency
    const semaphore = limit === undefined ? undefined : semaphoreOf(limit)
    if (options.parent === undefined)
      assertSharedStore(plan, { executor: chosen(options.executor), persister: options.persister })
    this.#app = makeApp(options, plan, checkpoint, semaphore, resumed)
    for (const { message } of warnings) this.#app.system.logger.warn(`The graph: ${message}`)
    const { inspect } = options
    const parent = this.#app.maker?.self
    const setup = {
      id: options.key ?? 'app',
      ...(parent && { parent }),
      ...(inspect === undefined ? {} : { inspect: guarded(inspect, this.#app.system) }),
    }
    this.actor = makeAppActor(this.#app, setup)
    this.actor.start()
  }

  get appId(): string {
    return this.#app.appId
  }
  get state(): object {
    return publicState(this.#app.checkpoint.state)
  }
  get position(): string | undefined {
    return this.#app.checkpoint.position
  }
  get next(): string | undefined {
    return this.#app.checkpoint.next
  }
  get sequenceId(): number {
    return this.#app.checkpoint.sequenceId
  }

  get pending(): readonly object[] {
    return allPending(this.#app)
  }
  get due(): readonly object[] {
    return allDue(this.#app)
  }

  /** The engine's application; `end`: the result of its run, once that has ended. */
  static inside(live: LiveApplication): { readonly app: Application; readonly end: Promise<RunResult> | undefined } {
    return { app: live.#app, end: live.#app.running ? undefined : live.#last?.ended }
  }

  async step(options: LooseRun = {}): Promise<object | undefined> {
    let taken: CommittedStep | undefined
    const { nodes } = this.#app.plan.graph
    const onStep = (step: CommittedStep): undefined => {
      taken = step
    }
    const going = this.#current
    const outcome = await naming(this.#outcome(options, { onStep }, new Set(nodes.values())))
    return 'pending' in outcome ? outcome : (taken ?? going?.last)
  }

  async run(options: LooseRun = {}): Promise<object> {
    try {
      return await this.#outcome(options)
    } catch (error) {
      throw named(error)
    }
  }

  iterate(options: LooseRun & { readonly depth?: number } = {}): AsyncGenerator<CommittedStep, object, void> {
    const { depth = 0 } = options
    checkDepth('iterate', depth)
    return iterateRun(
      (backpressure) => this.#prepare('iterate', options, backpressure, 'depth'),
      depth,
      this.#app.path.length,
    )
  }

  stream(options: LooseStream = {}): AsyncGenerator<AnyEvent, object, void> {
    const known = `${FILTER_OPTIONS} detach`
    const tap = tapOf(this.#app, 'stream', options)
    return streamRun((backpressure) => this.#prepare('stream', options, backpressure, known), tap, options.detach)
  }

  events(options: LooseEvents = {}): AsyncGenerator<AnyEvent, void, void> {
    checkOptions('events', options, `${FILTER_OPTIONS} buffer signal`)
    const { buffer = FURTHER_BUFFER, signal } = options
    const tap = tapOf(this.#app, 'events', options)
    return followEvents({ app: this.#app, actor: this.actor, tap, bound: checkCount('buffer', buffer), signal })
  }

  on(type: string, listener: (event: never) => void): Subscription {
    assertFunction('on', 'a listener: (event) => void', listener)
    return tapOf(this.#app, 'on', type === '*' ? {} : { include: [type] })(listener as (event: AnyEvent) => void)
  }

  async ended(): Promise<object | undefined> {
    await this.#joined?.catch(() => {}) // the caller of the run settles first
    return this.#last && conclude(await this.#last.ended)
  }

  // Async, so that a message can be stored before it counts as sent; without a store it is delivered synchronously.
  async send(message: Message, options: { readonly path?: string | Path } = {}): Promise<Delivery> {
    assertMessage(message)
    checkOptions('send', options, 'path')
    return storeAndSend(this.#app, message, options.path)
  }

  async cancel(options: CancelCommand = {}): Promise<CancelAnswer> {
    checkOptions('cancel', options, 'path map reason')
    const answer = await cancelAt(this.#app, options, () => this.#over())
    await flushInTime(this.#app)
    const lost = answer === 'cancelled' ? lostStore(this.#app) : undefined
    if (lost !== undefined) throw lost.error
    return answer
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true
    await this.#leave('dispose')
    leaveMaker(this.#app)
    stopActor(this.actor, this.#app.maker?.self)
  }

  async shutdown(reason?: unknown): Promise<void> {
    const ended = this.#over()
    this.#app.cancel(reason, 'shutdown', 'app')
    await ended
    await flushInTime(this.#app)
  }

  save(): Promise<void> {
    return saveNow(this.#app, this.#current === undefined)
  }

  /** Moves a stored application to another action, in a new epoch. */
  beginAt(action: string): Promise<void> {
    return beginElsewhere(this.#app, action)
  }

  async #leave(cause: 'reader' | 'dispose'): Promise<void> {
    this.#app.cancel(undefined, cause, 'reader')
    await this.#over()
  }

  /** Ends the current run; its outcome is dropped when it has no caller. */
  async #over(): Promise<void> {
    const run = this.#current
    await run?.ended
    if (run?.joined === false && this.#current === run) this.#current = undefined
  }

  /** Prepares a run for a reader: options are validated now, the run starts with the reader. */
  #prepare(method: string, options: LooseRun, backpressure: Backpressure, more: string): Prepared {
    checkOptions(method, options, `${RUN_OPTIONS} ${more}`)
    const request = this.#request(options)
    return {
      begin: () => this.#join(request, options, backpressure),
      cancel: () => this.#leave('reader'),
      lost: (error) => this.#app.system.logger.error('A run failed after its reader had left.', error),
    }
  }

  #request(options: LooseRun, haltAfter?: RunRequest['haltAfter']): RunRequest {
    const { inputs = NO_INPUTS, haltBefore, maxSteps, signal, whenWaiting = 'stay' } = options
    const { graph } = this.#app.plan
    if (!graph.accepts.open) refuseUnknownInputs('The application', inputs, graph.accepts.names)
    if (signal !== undefined && !('aborted' in signal))
      throw new TypeError(`signal is ${describeValue(signal)}. It takes an AbortSignal: controller.signal.`)
    if (whenWaiting !== 'stay' && whenWaiting !== 'return')
      throw new TypeError(`whenWaiting is ${describeValue(whenWaiting)}. It takes 'stay' or 'return'.`)
    return createRequest(Object.freeze({ ...inputs }), {
      haltBefore: resolveHalts(graph, haltBefore, 'haltBefore'),
      haltAfter: haltAfter ?? resolveHalts(graph, options.haltAfter, 'haltAfter'),
      ...(maxSteps === undefined ? {} : { maxSteps: checkCount('maxSteps', maxSteps) }),
    })
  }

  #outcome(options: LooseRun, backpressure?: Backpressure, haltAfter?: RunRequest['haltAfter']): Promise<object> {
    checkOptions('A run', options, RUN_OPTIONS)
    return this.#join(this.#request(options, haltAfter), options, backpressure, haltAfter && ['haltAfter'])
  }

  /** Starts a run, or joins the suspended one. Throws synchronously when it cannot. */
  #join(request: RunRequest, options: LooseRun, own: Backpressure = {}, more: readonly string[] = []): Promise<object> {
    const { signal, whenWaiting = 'stay' } = options
    const backpressure = backpressureBelow(this.#app.maker?.run?.request, own)
    if (this.#disposed) throw new BusyError('The application is disposed. Make a new one.')
    if (!belongs(this.#app))
      throw new BusyError('The application ended with the step that made it. Await its runs in that step.')
    if (!isActive(this.actor)) throw new BusyError('The actor of the application was stopped. Make a new application.')
    if (this.#current?.joined === true) {
      throw new BusyError(
        'The application is already running. Await or cancel the current run, or make another application for parallel work.',
      )
    }
    signal?.throwIfAborted()
    const differs = this.#current?.differs(request, [...Object.keys(options), ...more])
    if (differs !== undefined) {
      throw new BusyError(
        `A waiting run was started with different ${differs}. Omit ${differs}, or cancel that run first.`,
      )
    }
    const run = this.#current ?? new ActiveRun(this.#app, request, backpressure, whenWaiting)
    this.#current = run // set before it starts: its synchronous part may request another run (A1)
    this.#last = run
    this.#joined = undefined
    this.#joined = this.#outcomeOf(run.join(backpressure, whenWaiting, signal))
    return this.#joined
  }

  async #outcomeOf(joined: Promise<Joined>): Promise<object> {
    const end = await joined
    if (end.status === 'waiting') return end
    this.#current = undefined
    return conclude(end)
  }
}
