import type { Delivery } from '../action/message.js'
import type { StoredMessage } from './replay.js'

const REMEMBERED = 1000

// Owns: the messages of one application that are stored, and which of them its present step took.

export class Inbox {
  /** Those that no committed step has taken. */
  waiting: StoredMessage[]
  /** Those that committed steps took lately: whoever asked the store before may bring them again. */
  readonly #gone = new Set<number>()
  readonly #taken = new Set<number>()

  constructor(waiting: readonly StoredMessage[] = []) {
    this.waiting = [...waiting]
  }

  /** A message is stored: it is handed over, unless it was before. One that is not taken in stays in the store. */
  arrived(message: StoredMessage, deliver: (message: StoredMessage) => Delivery): Delivery {
    if (this.#gone.has(message.id) || this.waiting.some(({ id }) => id === message.id)) return 'delivered'
    this.waiting.push(message)
    const delivery = deliver(message)
    if (delivery === 'refused') this.waiting = this.waiting.filter(({ id }) => id !== message.id)
    return delivery
  }

  /** The step took a message: it goes with the row of the step. */
  take(id: number): void {
    this.#taken.add(id)
  }

  /** The attempt failed: no row takes them along. */
  untake(): void {
    this.#taken.clear()
  }

  get taken(): readonly number[] {
    return this.#taken.size === 0 ? [] : [...this.#taken]
  }

  /** The step has committed. */
  committed(taken: readonly number[]): void {
    if (taken.length > 0) this.waiting = this.waiting.filter(({ id }) => !taken.includes(id))
    for (const id of taken) this.#gone.add(id)
    for (const id of this.#gone) {
      if (this.#gone.size <= REMEMBERED) break
      this.#gone.delete(id)
    }
    this.#taken.clear()
  }
}
