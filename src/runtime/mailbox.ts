import type { Delivery, Received } from '../action/message.js'
import { createDeferred, type Deferred } from '../internal/deferred.js'

// Owns: the messages of one application, in order of arrival, and who waits for one.
// M1  Bounded: a message that finds no room is refused.
// M2  A message is taken once. Kinds that a reader does not ask for stay for another.

const BOUND = 1000

interface Reader {
  readonly wants: (message: Received) => boolean
  readonly answer: Deferred<Received | undefined>
}

/** Messages of siblings, and messages from outside, each in order. */
export class Mailbox {
  #messages: Received[] | undefined
  #readers: Set<Reader> | undefined
  #closed: boolean

  constructor(closed = false) {
    this.#closed = closed
  }

  /** True while someone waits for a message of a sibling. */
  get waiting(): boolean {
    return [...(this.#readers ?? [])].length > 0
  }

  push(message: Received): Delivery {
    if (this.#closed) return 'dropped'
    for (const reader of this.#readers ?? []) {
      if (!reader.wants(message)) continue
      this.#readers?.delete(reader)
      reader.answer.resolve(message)
      return 'delivered'
    }
    this.#messages ??= []
    if (this.#messages.length >= BOUND) return 'refused' // M1
    this.#messages.push(message)
    return 'queued'
  }

  /** The first message that is wanted, or a promise of it; undefined when none comes any more. */
  take(wants: (message: Received) => boolean): Received | Promise<Received | undefined> | undefined {
    const at = this.#messages?.findIndex(wants) ?? -1
    if (at >= 0) return this.#messages?.splice(at, 1)[0]
    if (this.#closed) return undefined
    const reader: Reader = { wants, answer: createDeferred() }
    this.#readers ??= new Set()
    this.#readers.add(reader)
    return reader.answer.promise
  }

  /** Ends the waits of those for whom `answer` says so: with nothing, or with an error. */
  release(error?: Error): void {
    for (const reader of this.#readers ?? []) {
      if (error === undefined) reader.answer.resolve(undefined)
      else reader.answer.reject(error)
    }
    this.#readers?.clear()
  }

  close(): void {
    this.#closed = true
    this.#messages = undefined
    this.release()
  }

  /** For an application that runs again. */
  reopen(): void {
    this.#closed = false
  }
}
