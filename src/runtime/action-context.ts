import type { ActionContext, Path } from '../action/context.js'
import type { AnyMessageKind, Delivery, Message, Received } from '../action/message.js'
import { announce } from './announce.js'
import { createCancellation } from './cancellation.js'
import type { MapRunner } from './map-runner.js'
import type { Runner } from './runner.js'
import type { Step } from './step.js'

// Owns: what an action may ask of the engine. Everything here is void once the step has ended.

const runners = new WeakMap<ActionContext, { readonly runner: Runner; readonly step: Step }>()

/** The application and the step behind a context, for applications that are made inside an action. */
export function behindContext(context: ActionContext): { readonly runner: Runner; readonly step: Step } {
  const behind = runners.get(context)
  if (behind === undefined) throw new TypeError('parent takes the context that an action was given.')
  if (!behind.step.open) throw new TypeError(`The step of "${behind.step.node.name}" has ended, and its context with it.`)
  return behind
}

class StepContext implements ActionContext {
  readonly #runner: Runner
  readonly #step: Step

  constructor(runner: Runner, step: Step) {
    this.#runner = runner
    this.#step = step
  }

  get appId(): string {
    return this.#runner.appId
  }
  get path(): Path {
    return this.#runner.path
  }
  get sequenceId(): number {
    return this.#runner.standing.sequenceId + 1
  }
  get attempt(): number {
    return 1
  }

  /** The map that this application is a branch of, while the step lasts. */
  get #siblings(): { readonly map: MapRunner; readonly key: string } | undefined {
    const { parent } = this.#runner
    if (parent?.map === undefined || !this.#step.open) return undefined
    return { map: parent.map, key: parent.key }
  }

  cancel(key: string, reason?: unknown): void {
    const siblings = this.#siblings
    if (siblings === undefined) return
    siblings.map.cancelBranch(key, createCancellation('context', siblings.key, this.#runner.hub.clock.now(), reason))
  }

  send(key: string, message: Message): Delivery {
    const siblings = this.#siblings
    if (siblings === undefined) return 'dropped'
    return siblings.map.deliver(key, { ...message, from: siblings.key })
  }

  broadcast(message: Message): void {
    const siblings = this.#siblings
    siblings?.map.broadcast({ ...message, from: siblings.key })
  }

  messages<K extends readonly AnyMessageKind[]>(...kinds: K): AsyncIterable<K[number]['~received']> {
    const names = new Set(kinds.map((kind) => kind.kind))
    return this.#read((message) => names.has(message.kind) && message.from !== '', true)
  }

  receive<K extends readonly AnyMessageKind[]>(...kinds: K): AsyncIterable<K[number]['~received']> {
    const names = new Set(kinds.map((kind) => kind.kind))
    return this.#read((message) => names.has(message.kind) && message.from === '', false)
  }

  async *#read(wants: (message: Received) => boolean, ofSiblings: boolean): AsyncGenerator<Received, void, void> {
    const { signal } = this.#step
    const map = ofSiblings ? this.#siblings?.map : undefined
    if (ofSiblings && map === undefined) return
    const { mailbox, slot } = this.#runner
    const give = (): void => mailbox.release(signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason)))
    signal.addEventListener('abort', give, { once: true })
    try {
      for (;;) {
        signal.throwIfAborted()
        const taken = mailbox.take(wants)
        if (!(taken instanceof Promise)) {
          if (taken === undefined) return
          yield taken
          continue
        }
        map?.waits(this.#runner)
        // Whoever waits holds no slot, so that those it waits for can run.
        const message = slot === undefined ? await taken : await slot.lend(() => taken)
        if (message === undefined) return
        yield message
      }
    } finally {
      signal.removeEventListener('abort', give)
    }
  }

  log(text: string, data?: unknown): void {
    const runner = this.#runner
    runner.hub.logger.info(text, data)
    if (runner.heard) announce(runner, { type: 'log', source: this.#step.node.name, text, data })
  }
}

/** Makes the context of a step. */
export function createActionContext(runner: Runner, step: Step): ActionContext {
  const context = new StepContext(runner, step)
  runners.set(context, { runner, step })
  return context
}
