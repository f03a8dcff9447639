import type { ActionContext, Path } from '../action/context.js'
import { type Inputs, NO_INPUTS, refuseUnknownInputs } from '../action/inputs.js'
import type { Delivery, Message } from '../action/message.js'
import { BusyError } from '../errors.js'
import { checkPlan, type Halts, resolveHalts } from '../graph/runnable.js'
import { isPlainObject } from '../internal/guards.js'
import { checkOptions } from '../internal/options.js'
import type { AnyEvent, EventType, Subscription } from '../lifecycle/events.js'
import { checkCount, createLimit, gateOf, type Limit } from '../parallel/limit.js'
import { findBelow } from '../runtime/address.js'
import { announcedRun } from '../runtime/announced-run.js'
import { appLogicOf } from '../runtime/application-logic.js'
import { belongs, childApp, leaveParent, throughParent } from '../runtime/child-app.js'
import { type AnyActorRef, isActive, makeActor, stopActor } from '../runtime/create-actor.js'
import { Hub, type HubSettings } from '../runtime/hub.js'
import { type CommittedStep, createOrder, type RunEnd, type RunOrder } from '../runtime/order.js'
import { Runner } from '../runtime/runner.js'
import { initialStanding } from '../runtime/standing.js'
import type { LiveApp } from '../runtime/tree.js'
import { enterState } from '../state/contract.js'
import { iterateRun, streamRun } from './readers.js'
import { compiledGraphOf } from './runnable.js'

/** Options of an application, their types forgotten. */
export interface LooseOptions extends HubSettings {
  readonly entrypoint: string
  readonly state: unknown
  readonly appId?: string | undefined
  readonly concurrency?: number | Limit | undefined
  readonly inspect?: ((event: never) => void) | undefined
  readonly parent?: ActionContext | undefined
  readonly key?: string | undefined
}
/** Options of a run, their types forgotten. */
export interface LooseRun {
  readonly inputs?: Inputs
  readonly haltAfter?: Halts
  readonly haltBefore?: Halts
  readonly signal?: AbortSignal
  readonly maxSteps?: number
}

const OPTIONS = 'entrypoint state appId concurrency interceptors logger clock random graceMs inspect parent key'
const RUN_OPTIONS = 'inputs haltAfter haltBefore signal maxSteps'

// Owns: the identity of an application between its runs, and the outcome of each run.
// Does not own: the loop (runtime/app.ts).
// A1  One run at a time.
// A2  The caller's signal has one listener of ours while a run lasts, and none after.
// A3  Whoever cancels by signal gets its reason back, after everything has ended; any other cancel is an outcome.

export class LiveApplication implements AsyncDisposable {
  readonly #app: LiveApp
  readonly actor: AnyActorRef
  #current: Promise<RunEnd> | undefined
  #disposed = false

  constructor(graph: object, options: LooseOptions) {
    checkOptions('createApplication', options, OPTIONS)
    const core = compiledGraphOf(graph)
    const given = isPlainObject(options.state) ? Object.keys(options.state) : []
    const { plan, warnings } = checkPlan(core, options.entrypoint, undefined, given)
    const { rules } = core
    const first = enterState('The initial state', rules.defaults, options.state, rules.freeze)
    const standing = initialStanding(plan, first)
    const { concurrency } = options
    const limit = typeof concurrency === 'number' ? createLimit(checkCount('concurrency', concurrency)) : concurrency
    const gate = limit === undefined ? undefined : gateOf(limit)
    if (options.parent !== undefined)
      this.#app = childApp(options.parent, options.key, { plan, standing, gate, appId: options.appId })
    else this.#app = new Runner({ plan, standing, gate, appId: options.appId }, new Hub(options))
    for (const { at, message } of warnings) this.#app.hub.logger.warn(`${at}: ${message}`)
    const { inspect } = options
    const parent = this.#app.parent?.app.self
    const setup = {
      id: options.key ?? 'app',
      input: { owned: this.#app },
      ...(parent && { parent }),
      ...(inspect === undefined ? {} : { inspect: guarded(inspect, this.#app.hub) }),
    }
    this.actor = makeActor(appLogicOf(plan), setup)
    this.actor.start()
  }

  get appId(): string {
    return this.#app.appId
  }
  get state(): object {
    return this.#app.standing.state
  }
  get position(): string | undefined {
    return this.#app.standing.position
  }
  get next(): string | undefined {
    return this.#app.standing.next
  }
  get sequenceId(): number {
    return this.#app.standing.sequenceId
  }

  async step(options: LooseRun = {}): Promise<CommittedStep | undefined> {
    let taken: CommittedStep | undefined
    const { nodes } = this.#app.plan.graph
    const pace = (step: CommittedStep): undefined => {
      taken = step
    }
    const order = this.#order(options, { haltAfter: new Set(nodes.values()), pace })
    await this.#outcome(order, options.signal)
    return taken
  }

  async run(options: LooseRun = {}): Promise<object> {
    return this.#outcome(this.#order(options), options.signal)
  }

  iterate(options: LooseRun = {}): AsyncGenerator<CommittedStep, object, void> {
    return iterateRun({
      start: (pace) => this.#outcome(this.#order(options, { pace }), options.signal),
      cancel: () => this.#leave(),
    })
  }

  stream(options: LooseRun = {}): AsyncGenerator<AnyEvent, object, void> {
    return streamRun({
      start: (room) => this.#outcome(this.#order(options, { room, pace: room }), options.signal),
      listen: (listener) => this.#app.hub.listeners.add('*', listener),
      cancel: () => this.#leave(),
    })
  }

  on(type: EventType | '*', listener: (event: never) => void): Subscription {
    return this.#app.hub.listeners.add(type, listener as (event: AnyEvent) => void)
  }

  send(message: Message, options: { readonly path?: string | Path } = {}): Delivery {
    return this.#app.sendFromOutside(message, options.path)
  }

  async cancel(options: { readonly path?: string | Path; readonly reason?: unknown } = {}): Promise<void> {
    const target = options.path === undefined ? this.#app : findBelow(this.#app, options.path)
    if (target === undefined || !target.running) return
    const ended = target === this.#app ? this.#current : target.ended()
    target.cancelFromOutside(options.reason)
    await ended
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true
    await this.#leave()
    leaveParent(this.#app)
    stopActor(this.actor, this.#app.parent?.app.self)
  }

  async #leave(): Promise<void> {
    this.#app.cancelFromOutside(undefined, 'app', 'reader')
    await this.#current
  }

  #order(options: LooseRun, more: Partial<RunOrder> = {}): RunOrder {
    checkOptions('A run', options, RUN_OPTIONS)
    const { inputs = NO_INPUTS, haltAfter, haltBefore, maxSteps } = options
    const { graph } = this.#app.plan
    if (!graph.accepts.open) refuseUnknownInputs('The application', inputs, graph.accepts.names)
    return createOrder(Object.freeze({ ...inputs }), {
      haltBefore: resolveHalts(graph, haltBefore, 'haltBefore'),
      haltAfter: resolveHalts(graph, haltAfter, 'haltAfter'),
      ...(maxSteps === undefined ? {} : { maxSteps: checkCount('maxSteps', maxSteps) }),
      ...more,
    })
  }

  async #outcome(order: RunOrder, signal: AbortSignal | undefined): Promise<object> {
    if (this.#disposed) throw new BusyError('The application was disposed of, so it runs no more. Make a new one.')
    if (!belongs(this.#app))
      throw new BusyError('The step that made the application has ended, and the application with it.')
    if (!isActive(this.actor))
      throw new BusyError('The actor of the application was stopped, so it runs no more. Make a new application.')
    if (this.#current !== undefined) {
      throw new BusyError(
        'The application is running. One run at a time: await the first one, or cancel it; for work side by side make another application.',
      )
    }
    signal?.throwIfAborted()
    const app = this.#app
    const onAbort = (): void => app.cancelFromOutside(signal?.reason, 'signal', 'signal')
    if (app.parent === undefined) app.hub.beginRun()
    signal?.addEventListener('abort', onAbort, { once: true })
    this.#current = throughParent(app, () => announcedRun(app, order))
    try {
      return conclude(await this.#current)
    } finally {
      this.#current = undefined
      signal?.removeEventListener('abort', onAbort)
    }
  }
}

/** An inspector looks on: what it throws goes to the logger, and reaches no run. */
function guarded(inspect: (event: never) => void, { logger }: Hub): (event: never) => void {
  return (event) => {
    try {
      inspect(event)
    } catch (error) {
      logger.error('inspect threw.', error)
    }
  }
}

function conclude(end: RunEnd): object {
  if (end.status === 'failed') throw end.error
  if (end.status !== 'cancelled') return end
  const { cancellation, ...rest } = end
  if (cancellation.cause === 'signal') throw cancellation.reason // A3
  return { ...rest, reason: cancellation.reason, by: cancellation.by }
}
