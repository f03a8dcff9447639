import type { Delivery, Received } from '../../action/message.js'

// Owns: the messages of one application that no wait has taken, in order of arrival.
// Does not own: the waits for them (wait-state.ts).
// M1  Bounded: a message that finds no room is refused. Stored ones find room in any number, behind the others: their
//     journal holds them anyway, and a question may be answered by the last of them.
// M2  A message is taken once, unless the attempt that took it failed. Kinds that a reader does not want stay for
//     another reader.
// M3  No message outlives the run: unread ones, and those taken by a step that failed the run, are dropped with it.

/** Messages that a mailbox takes. */
export const MAILBOX_BOUND = 1000

/** Messages of siblings and from outside. */
export class Mailbox {
  #messages: Received[] = []

  /** The number of messages that no wait has taken. */
  get size(): number {
    return this.#messages.length
  }

  push(message: Received): Delivery {
    if (this.#messages.length >= MAILBOX_BOUND) return 'refused' // M1
    this.#messages.push(message)
    return 'queued'
  }

  /** Takes a stored message (M1). */
  add(message: Received): void {
    this.#messages.push(message)
  }

  /** Puts messages before all others: those that a failed attempt took, or that came before a branch was made. */
  putBack(messages: readonly Received[]): void {
    this.#messages = [...messages, ...this.#messages]
  }

  /** The messages that no wait has taken, in order. */
  unread(): Iterable<Received> {
    return this.#messages
  }

  /** Takes all messages. */
  drain(): readonly Received[] {
    return this.#messages.splice(0)
  }

  /** Takes the first message that is wanted. */
  take(wants: (message: Received) => boolean): Received | undefined {
    const at = this.#messages.findIndex(wants)
    return at < 0 ? undefined : this.#messages.splice(at, 1)[0]
  }
}
