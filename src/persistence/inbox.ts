import type { Delivery } from '../action/message.js'
import { isRequest } from './request-form.js'
import type { StoredMessage } from './stored-record.js'

const REMEMBERED = 1000

// Owns: the stored messages of one application, and the ids of those that its steps took.
// I1  A taken message stays stored until a row of that step or a later one is saved, so that a crash does not lose it.

export class Inbox {
  /** Messages that no committed step has taken. */
  waiting: StoredMessage[]
  /** Requests to cancel the run, which no step takes. */
  readonly requests: readonly StoredMessage[]
  /** Ids of messages recently taken by committed steps: a pending query of the store may return them again. */
  readonly #committed = new Set<number>()
  readonly #taken = new Set<number>()
  /** Ids of messages taken by committed steps that are not stored yet. */
  readonly #unsaved: Set<number>

  constructor(waiting: readonly StoredMessage[] = [], unsaved: readonly number[] = []) {
    this.#unsaved = new Set(unsaved)
    this.requests = waiting.filter(isRequest)
    this.waiting = waiting.filter((one) => !this.#unsaved.has(one.id) && !isRequest(one))
  }

  /** Delivers a stored message once. A refused one stays in the store. */
  arrived(message: StoredMessage, deliver: (message: StoredMessage) => Delivery): Delivery {
    if (isRequest(message)) return 'delivered'
    if (this.#committed.has(message.id) || this.waiting.some(({ id }) => id === message.id)) return 'delivered'
    this.waiting.push(message)
    const delivery = deliver(message)
    if (delivery === 'refused') this.returned(message.id)
    return delivery
  }

  /** Its mailbox refused a message. */
  returned(id: number): void {
    this.waiting = this.waiting.filter((one) => one.id !== id)
  }

  /** The step took a message: the row of the step removes it from the store. */
  take(id: number): void {
    this.#taken.add(id)
  }

  /** The attempt failed: its messages stay stored. */
  untake(): void {
    this.#taken.clear()
  }

  /** Ids that a row of the running step removes. */
  get taken(): readonly number[] {
    return this.#taken.size === 0 && this.#unsaved.size === 0 ? [] : [...this.#unsaved, ...this.#taken]
  }

  /** Ids that a row of the last committed step removes. */
  get unsaved(): readonly number[] {
    return [...this.#unsaved]
  }

  /** The step has committed and is not stored yet (I1). */
  passed(): void {
    const taken = [...this.#taken]
    this.committed(taken)
    for (const id of taken) this.#unsaved.add(id)
  }

  /** The step has committed, or the row that removed these messages is saved. */
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
