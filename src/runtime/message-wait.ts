import type { Received } from '../action/message.js'
import { createDeferred } from '../internal/deferred.js'
import { announce } from './announce.js'
import type { Reader } from './mailbox.js'
import { messageTaken, tellWaiting } from './stored-messages.js'
import type { LiveApp, LiveStep, OpenWait } from './tree.js'
import { waitsOf } from './waits.js'

// Owns: one action that waits for one message: told, counted, its slot given back meanwhile.
// Does not own: who else waits (waits.ts), the messages (mailbox.ts).
// V1  It ends once: with its message, with the cancel of its step, when no message can come, or with its step.
// V2  It ends in the moment its message is handed over, not when its code goes on.

/** Whose messages, and of which kinds. */
export interface Asked {
  readonly kinds: readonly string[]
  readonly from: 'outside' | 'siblings'
}

class MessageWait implements OpenWait, Reader {
  readonly step: LiveStep
  readonly kinds: readonly string[]
  readonly from: Asked['from']
  readonly since: number
  readonly #app: LiveApp
  readonly #answer = createDeferred<Received | undefined>()
  #told = false
  #unexpect: (() => void) | undefined
  readonly #onAbort = (): void => this.release({ reason: this.step.signal.reason })

  constructor(app: LiveApp, step: LiveStep, { kinds, from }: Asked) {
    this.#app = app
    this.step = step
    this.kinds = kinds
    this.from = from
    this.since = app.hub.clock.now()
  }

  wants(message: Received): boolean {
    return wanted(this, message)
  }

  /** Waits, unless a listener of the `wait` event has answered already. */
  begin(): Promise<Received | undefined> {
    const waits = waitsOf(this.#app)
    waits.add(this)
    this.step.signal.addEventListener('abort', this.#onAbort, { once: true })
    this.#app.mailbox.read(this)
    if (waits.open.has(this)) {
      const { kinds, from, since } = this
      this.#told = true
      if (this.#app.hears('wait'))
        announce(this.#app, { type: 'wait', source: this.step.node.name, kinds, from, since })
      if (from === 'outside' && this.#app.journal !== undefined)
        this.#unexpect = tellWaiting(this.#app, this.step.node.name, kinds)
      waits.reckon()
    }
    return this.#answer.promise
  }

  answer(message: Received | undefined): void {
    if (!this.#end(message)) return
    messageTaken(this.#app, message)
    this.#answer.resolve(message)
  }

  release(error?: { readonly reason: unknown }): void {
    this.#app.mailbox.leave(this)
    if (!this.#end(undefined)) return
    if (error === undefined) this.#answer.resolve(undefined)
    else this.#answer.reject(error.reason)
  }

  #end(message: Received | undefined): boolean {
    if (!waitsOf(this.#app).remove(this)) return false // V1
    this.step.signal.removeEventListener('abort', this.#onAbort)
    this.#unexpect?.()
    if (this.#told && this.#app.hears('wake')) {
      const { kinds, from, since } = this
      const durationMs = this.#app.hub.clock.now() - since
      announce(this.#app, { type: 'wake', source: this.step.node.name, kinds, from, message, durationMs })
    }
    return true
  }
}

const wanted = ({ kinds, from }: Asked, message: Received): boolean =>
  (message.from === '') === (from === 'outside') && kinds.includes(message.kind)

/** Reads messages, one at a time. Leaving it ends its wait. */
export class MessageReader implements AsyncIterableIterator<Received, void, void> {
  readonly #app: LiveApp
  readonly #step: LiveStep
  readonly #asked: Asked
  readonly #waiting = new Set<MessageWait>()
  #left = false

  constructor(app: LiveApp, step: LiveStep, asked: Asked) {
    this.#app = app
    this.#step = step
    this.#asked = asked
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  get [Symbol.toStringTag](): string {
    return 'AsyncIterator'
  }

  async next(): Promise<IteratorResult<Received, void>> {
    const value = this.#left ? undefined : await this.#take()
    if (value !== undefined) return { done: false, value }
    this.#left = true
    return { done: true, value: undefined }
  }

  async return(): Promise<IteratorResult<Received, void>> {
    this.#left = true
    for (const wait of this.#waiting) wait.release()
    return { done: true, value: undefined }
  }

  async #take(): Promise<Received | undefined> {
    const [app, step] = [this.#app, this.#step]
    if (!step.open) return undefined
    step.signal.throwIfAborted()
    const here = app.mailbox.take((message) => wanted(this.#asked, message))
    if (here !== undefined) {
      messageTaken(app, here)
      return here
    }
    if (this.#asked.from === 'siblings' && app.parent?.map === undefined) return undefined
    const wait = new MessageWait(app, step, this.#asked)
    this.#waiting.add(wait)
    try {
      // Whoever waits holds no slot, so that those it waits for can run.
      const { slot } = app
      return slot === undefined ? await wait.begin() : await slot.lend(() => wait.begin(), step)
    } finally {
      this.#waiting.delete(wait)
    }
  }
}
