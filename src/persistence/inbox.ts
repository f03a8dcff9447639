import type { Delivery } from '../action/message.js'
import type { StoredMessage } from './replay.js'

const REMEMBERED = 1000

// Owns: the messages of one application that are stored, and which of them its steps took.
// I1  What a step took stays in the store until a row of that step, or of a later one, is saved.

export class Inbox {
  /** Those that no committed step has taken. */
  waiting: StoredMessage[]
  /** Those that committed steps took lately: whoever asked the store before may bring them again. */
  readonly #committed = new Set<number>()
  readonly #taken = new Set<number>()
  /** Those that steps took which are committed and not stored yet. */
  readonly #unsaved: Set<number>

  constructor(waiting: readonly StoredMessage[] = [], unsaved: readonly number[] = []) {
    this.#unsaved = new Set(unsaved)
    this.waiting = unsaved.length === 0 ? [...waiting] : waiting.filter(({ id }) => !this.#unsaved.has(id))
  }

  /** A message is stored: it is handed over, unless it was before. One that is not taken in stays in the store. */
  arrived(message: StoredMessage, deliver: (message: StoredMessage) => Delivery): Delivery {
    if (this.#committed.has(message.id) || this.waiting.some(({ id }) => id === message.id)) return 'delivered'
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

  /** What goes with a row of the present step. */
  get taken(): readonly number[] {
    return this.#taken.size === 0 && this.#unsaved.size === 0 ? [] : [...this.#unsaved, ...this.#taken]
  }

  /** What goes with a row of the last committed step. */
  get unsaved(): readonly number[] {
    return [...this.#unsaved]
  }

  /** The step has committed, and is not stored yet (I1). */
  passed(): void {
    const taken = [...this.#taken]
    this.committed(taken)
    for (const id of taken) this.#unsaved.add(id)
  }

  /** The step has committed, or the row that these messages went with is saved. */
  committed(taken: readonly number[]): void {
    if (taken.length === 0) return
    this.waiting = this.waiting.filter(({ id }) => !taken.includes(id))
    for (const id of taken) {
      this.#committed.add(id)
      this.#taken.delete(id)
      this.#unsaved.delete(id)
    }
    for (const id of this.#committed) {
      if (this.#committed.size <= REMEMBERED) break
      this.#committed.delete(id)
    }
  }
}
