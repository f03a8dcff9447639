import type { StoredMessage } from './replay.js'

// Owns: the messages of one application that are stored, and which of them its present step took.

export class Inbox {
  /** Those that no committed step has taken. */
  waiting: StoredMessage[]
  readonly #taken = new Set<number>()

  constructor(waiting: readonly StoredMessage[] = []) {
    this.waiting = [...waiting]
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
    this.#taken.clear()
  }
}
