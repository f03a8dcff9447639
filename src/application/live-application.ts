import type { ActionContext, Path } from '../action/context.js'
import { type Inputs, NO_INPUTS, refuseUnknownInputs } from '../action/inputs.js'
import type { Delivery, Message } from '../action/message.js'
import { BusyError } from '../errors.js'
import { checkPlan, type Halts, resolveHalts } from '../graph/runnable.js'
import { systemClock } from '../internal/clock.js'
import { describeValue, isPlainObject } from '../internal/guards.js'
import { createId } from '../internal/ids.js'
import { checkOptions } from '../internal/options.js'
import type { AnyEvent, EventType, Subscription } from '../lifecycle/events.js'
import { checkCount, createLimit, gateOf, type Limit } from '../parallel/limit.js'
import { fitRecord } from '../persistence/migrate.js'
import { findBelow } from '../runtime/address.js'
import { appLogicOf } from '../runtime/application-logic.js'
import { createCancellation } from '../runtime/cancellation.js'
import { belongs, childApp, leaveParent } from '../runtime/child-app.js'
import { type AnyActorRef, isActive, makeActor, stopActor } from '../runtime/create-actor.js'
import { Hub, type HubSettings } from '../runtime/hub.js'
import { restore, visitsOf } from '../runtime/keeping.js'
import { type CommittedStep, createOrder, type RunEnd, type RunOrder } from '../runtime/order.js'
import { Runner } from '../runtime/runner.js'
import { initialStanding } from '../runtime/standing.js'
import { sendStored } from '../runtime/stored-messages.js'
import type { LiveApp } from '../runtime/tree.js'
import { enterState } from '../state/contract.js'
import { GoingRun, type Pacer, type WhenWaiting } from './going-run.js'
import { journalFor, type LoosePersist, PERSIST_OPTIONS, type Resumed } from './persisting.js'
import { iterateRun, streamRun } from './readers.js'
import { compiledGraphOf } from './runnable.js'

/** Options of an application, their types forgotten. */
export interface LooseOptions extends HubSettings, LoosePersist {
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
  readonly whenWaiting?: WhenWaiting
}

export const OPTIONS = `entrypoint state appId concurrency interceptors logger clock random graceMs inspect ${PERSIST_OPTIONS} parent key`
const RUN_OPTIONS = 'inputs haltAfter haltBefore signal maxSteps whenWaiting'

// Owns: the identity of an application between its runs, and the outcome of each run.
// Does not own: the loop (runtime/runner.ts), who attends a run (going-run.ts).
// A1  One run at a time.
// A2  Whoever cancels by signal gets its reason back, after everything has ended; any other cancel is an outcome.

export class LiveApplication implements AsyncDisposable {
  readonly #app: LiveApp
  readonly actor: AnyActorRef
  /** The run that goes on, also one that waits while nobody attends it. */
  #current: GoingRun | undefined
  #disposed = false

  constructor(graph: object, options: LooseOptions, resumed?: Resumed) {
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
    else {
      const appId = options.appId ?? (options.persister && createId())
      const journal = resumed?.journal ?? journalFor(options, appId ?? '', options.clock ?? systemClock)
      this.#app = new Runner({ plan, standing, gate, appId, journal }, new Hub(options))
      const { stored } = resumed ?? {}
      if (journal !== undefined && stored !== undefined) {
        journal.opened = true
        restore(this.#app, fitRecord(stored, plan, journal.scope.settings))
      }
    }
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

  async step(options: LooseRun = {}): Promise<object | undefined> {
    let taken: CommittedStep | undefined
    const { nodes } = this.#app.plan.graph
    const pace = (step: CommittedStep): undefined => {
      taken = step
    }
    const going = this.#current
    const outcome = await this.#outcome(options, { pace }, new Set(nodes.values()))
    return 'pending' in outcome ? outcome : (taken ?? going?.last)
  }

  async run(options: LooseRun = {}): Promise<object> {
    return this.#outcome(options)
  }

  iterate(options: LooseRun = {}): AsyncGenerator<CommittedStep, object, void> {
    return iterateRun({
      start: (pace) => this.#outcome(options, { pace }),
      cancel: () => this.#leave(),
    })
  }

  stream(options: LooseRun = {}): AsyncGenerator<AnyEvent, object, void> {
    return streamRun({
      start: (room) => this.#outcome(options, { room, pace: room }),
      listen: (listener) => this.#app.hub.listeners.add('*', listener),
      cancel: () => this.#leave(),
    })
  }

  on(type: EventType | '*', listener: (event: never) => void): Subscription {
    return this.#app.hub.listeners.add(type, listener as (event: AnyEvent) => void)
  }

  // Async, so that a message can be stored before it counts as sent; delivered at once where there is no store.
  async send(message: Message, options: { readonly path?: string | Path } = {}): Promise<Delivery> {
    const app = this.#app
    return app.journal === undefined
      ? app.sendFromOutside(message, options.path)
      : sendStored(app, message, options.path)
  }

  async cancel(options: { readonly path?: string | Path; readonly reason?: unknown } = {}): Promise<void> {
    const { path, reason } = options
    const found = path === undefined ? undefined : findBelow(this.#app, path)
    const target = path === undefined ? this.#app : found?.app
    if (found?.map !== undefined)
      found.map.cancelBranch(found.key, createCancellation('app', 'app', this.#app.hub.clock.now(), reason))
    if (target === undefined || !target.running) return
    const ended = target === this.#app ? this.#over() : target.ended()
    target.cancelFromOutside(reason)
    await ended
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true
    await this.#leave()
    leaveParent(this.#app)
    stopActor(this.actor, this.#app.parent?.app.self)
  }

  async shutdown(reason?: unknown): Promise<void> {
    const ended = this.#over()
    this.#app.cancelFromOutside(reason, 'shutdown', 'app')
    await ended
    await this.#app.journal?.scope.idle()
  }

  async save(): Promise<void> {
    const { journal, standing } = this.#app
    if (journal === undefined)
      throw new TypeError('save stores an application that has a persister. Give one when it is made.')
    if (this.#current === undefined) await journal.open(this.#app.plan, standing)
    await journal.place('saved', standing.state, { ...standing, visits: visitsOf(this.#app) })
  }

  /** Goes on at another action than the one that is stored: a new epoch begins. */
  async beginAt(action: string): Promise<void> {
    const { journal, standing } = this.#app
    this.#app.standing = { ...standing, next: action }
    const at = { ...this.#app.standing, visits: visitsOf(this.#app), epoch: (journal?.epoch ?? 0) + 1 }
    await journal?.place('rewind', standing.state, at)
  }

  async #leave(): Promise<void> {
    this.#app.cancelFromOutside(undefined, 'app', 'reader')
    await this.#over()
  }

  /** What runs ends. Where nobody attends it, nobody is told. */
  async #over(): Promise<void> {
    const run = this.#current
    await run?.ended
    if (run?.attended === false && this.#current === run) this.#current = undefined
  }

  #order(options: LooseRun, haltAfter?: RunOrder['haltAfter']): RunOrder {
    checkOptions('A run', options, RUN_OPTIONS)
    const { inputs = NO_INPUTS, haltBefore, maxSteps, whenWaiting = 'stay' } = options
    const { graph } = this.#app.plan
    if (!graph.accepts.open) refuseUnknownInputs('The application', inputs, graph.accepts.names)
    if (whenWaiting !== 'stay' && whenWaiting !== 'return')
      throw new TypeError(`whenWaiting is ${describeValue(whenWaiting)}. It takes 'stay' or 'return'.`)
    return createOrder(Object.freeze({ ...inputs }), {
      haltBefore: resolveHalts(graph, haltBefore, 'haltBefore'),
      haltAfter: haltAfter ?? resolveHalts(graph, options.haltAfter, 'haltAfter'),
      ...(maxSteps === undefined ? {} : { maxSteps: checkCount('maxSteps', maxSteps) }),
    })
  }

  /** Starts a run, or comes back to the one that was left waiting; and attends it. */
  async #outcome(options: LooseRun, pacer: Pacer = {}, haltAfter?: RunOrder['haltAfter']): Promise<object> {
    const { signal, whenWaiting = 'stay' } = options
    const order = this.#order(options, haltAfter)
    if (this.#disposed) throw new BusyError('The application was disposed of, so it runs no more. Make a new one.')
    if (!belongs(this.#app))
      throw new BusyError('The step that made the application has ended, and the application with it.')
    if (!isActive(this.actor))
      throw new BusyError('The actor of the application was stopped, so it runs no more. Make a new application.')
    if (this.#current?.attended === true) {
      throw new BusyError(
        'The application is running. One run at a time: await the first one, or cancel it; for work side by side make another application.',
      )
    }
    signal?.throwIfAborted()
    const differs = this.#current?.differs(order, [...Object.keys(options), ...((haltAfter && ['haltAfter']) || [])])
    if (differs !== undefined) {
      throw new BusyError(
        `The application goes on with a run that waits, which was told another ${differs}. Leave ${differs} out, or cancel that run first.`,
      )
    }
    const run = this.#current ?? new GoingRun(this.#app, order, pacer, whenWaiting)
    this.#current = run
    const end = await run.attend(pacer, whenWaiting, signal)
    if (end.status === 'waiting') return end
    this.#current = undefined
    return conclude(end)
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
  if (cancellation.cause === 'signal') throw cancellation.reason // A2
  return { ...rest, reason: cancellation.reason, by: cancellation.by }
}
