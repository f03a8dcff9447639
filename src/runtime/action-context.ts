import type { ActionContext, Path } from '../action/context.js'
import { type AnyMessageKind, type Delivery, kindNames, type Message } from '../action/message.js'
import { announce } from './announce.js'
import { createCancellation } from './cancellation.js'
import { MessageReader } from './message-wait.js'
import type { LiveApp, LiveMap, LiveStep } from './tree.js'

// Owns: what an action may ask of the engine. Everything here is void once the step has ended.

const behind = new WeakMap<ActionContext, { readonly app: LiveApp; readonly step: LiveStep }>()

/** The application and the step behind a context, for applications that are made inside an action. */
export function behindContext(context: ActionContext): { readonly app: LiveApp; readonly step: LiveStep } {
  const found = behind.get(context)
  if (found === undefined) throw new TypeError('parent takes the context that an action was given.')
  if (!found.step.open)
    throw new TypeError(
      `The step of "${found.step.node.name}" has ended, and its context with it. Make the application while the step runs.`,
    )
  return found
}

class StepContext implements ActionContext {
  readonly #app: LiveApp
  readonly #step: LiveStep

  constructor(app: LiveApp, step: LiveStep) {
    this.#app = app
    this.#step = step
  }

  get appId(): string {
    return this.#app.appId
  }
  get path(): Path {
    return this.#app.path
  }
  get sequenceId(): number {
    return this.#app.standing.sequenceId + 1
  }
  get attempt(): number {
    return this.#step.attempt
  }

  /** The map that this application is a branch of, while the step lasts. */
  get #siblings(): { readonly map: LiveMap; readonly key: string } | undefined {
    const { parent } = this.#app
    if (parent?.map === undefined || !this.#step.open) return undefined
    return { map: parent.map, key: parent.key }
  }

  cancel(key: string, reason?: unknown): void {
    const siblings = this.#siblings
    if (siblings === undefined) return
    siblings.map.cancelBranch(key, createCancellation('context', siblings.key, this.#app.hub.clock.now(), reason))
  }

  send(key: string, message: Message): Delivery {
    const siblings = this.#siblings
    if (siblings === undefined) return 'dropped'
    return siblings.map.siblings.deliver(key, { ...message, from: siblings.key })
  }

  broadcast(message: Message): void {
    const siblings = this.#siblings
    siblings?.map.siblings.broadcast({ ...message, from: siblings.key })
  }

  messages<K extends readonly AnyMessageKind[]>(...kinds: K): AsyncIterable<K[number]['~received']> {
    return this.#reader('messages', kinds, 'siblings')
  }

  receive<K extends readonly AnyMessageKind[]>(...kinds: K): AsyncIterable<K[number]['~received']> {
    return this.#reader('receive', kinds, 'outside')
  }

  async receiveOne<K extends readonly AnyMessageKind[]>(...kinds: K): Promise<K[number]['~received']> {
    const { value } = await this.#reader('receiveOne', kinds, 'outside').next()
    if (value === undefined) throw new TypeError(`The step of "${this.#step.node.name}" has ended.`)
    return value
  }

  #reader(method: string, kinds: readonly AnyMessageKind[], from: 'siblings' | 'outside'): MessageReader {
    return new MessageReader(this.#app, this.#step, { kinds: kindNames(method, kinds), from })
  }

  once<T>(key: string, fn: () => T | Promise<T>): Promise<T> {
    const app = this.#app
    app.onces ??= new Map()
    const begun = app.onces.get(key) as Promise<T> | undefined
    if (begun !== undefined) return begun
    const doing = this.#doOnce(key, fn)
    app.onces.set(key, doing)
    doing.catch(() => app.onces?.delete(key))
    return doing
  }

  async #doOnce<T>(key: string, fn: () => T | Promise<T>): Promise<T> {
    const { journal } = this.#app
    const done = journal?.done(key)
    if (done !== undefined) return done.value as T // of this step, of this key: what `fn` gave
    const value = await fn()
    await journal?.note('once', { key, value })
    return value
  }

  get idempotencyKey(): string {
    return `${this.appId}:${this.#app.journal?.epoch ?? 0}:${this.sequenceId}`
  }

  log(text: string, data?: unknown): void {
    const app = this.#app
    app.hub.logger.info(text, data)
    if (this.#step.open && app.hears('log')) announce(app, { type: 'log', source: this.#step.node.name, text, data })
  }
}

/** Makes the context of a step. */
export function createActionContext(app: LiveApp, step: LiveStep): ActionContext {
  const context = new StepContext(app, step)
  behind.set(context, { app, step })
  return context
}
