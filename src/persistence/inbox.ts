import type { Received } from '../action/message.js'
import type { StoredMessage } from './replay.js'

// Owns: the messages of one application that are stored, and which of them its present step took.

export class Inbox {
  /** Those that no committed step has taken. */
  waiting: StoredMessage[]
  readonly #taken = new Map<number, Received>()

  constructor(waiting: readonly StoredMessage[] = []) {
    this.waiting = [...waiting]
  }

  /** The step took a message: it goes with the row of the step. */
  take(id: number, message: Received): void {
    this.#taken.set(id, message)
  }

  /** The attempt failed: the messages that it took are there for the next one. */
  untake(): readonly Received[] {
    if (this.#taken.size === 0) return []
    const taken = [...this.#taken.values()]
    this.#taken.clear()
    return taken
  }

  get taken(): readonly number[] {
    return this.#taken.size === 0 ? [] : [...this.#taken.keys()]
  }

  /** The step has committed. */
  committed(taken: readonly number[]): void {
    if (taken.length > 0) this.waiting = this.waiting.filter(({ id }) => !taken.includes(id))
    this.#taken.clear()
  }
}
