import type { Delivery, Received } from '../../action/message.js'
import { Few } from '../../internal/few.js'

// Owns: the messages of one application, in order of arrival, and its readers.
// M1  Bounded: a message that finds no room is refused.
// M2  A message is taken once, unless the attempt that took it failed. Kinds that a reader does not want stay for
//     another reader.
// M3  No message outlives the run: unread ones, and those taken by a step that failed the run, are dropped with it.

const BOUND = 1000

/** A pending read. */
export interface Reader {
  wants(message: Received): boolean
  /** Called once, with the message, or with undefined when none can come any more. */
  answer(message: Received | undefined): void
}

/** Messages of siblings and from outside. */
export class Mailbox {
  #messages: Received[] | undefined
  #readers: Few<Reader> | undefined
  #closed: boolean

  constructor(closed = false) {
    this.#closed = closed
  }

  /** The number of messages that no reader has taken. */
  get size(): number {
    return this.#messages?.length ?? 0
  }

  push(message: Received): Delivery {
    if (this.#closed) return 'dropped'
    for (const reader of this.#readers ?? []) {
      if (!reader.wants(message)) continue
      this.#readers?.delete(reader)
      reader.answer(message)
      return 'delivered'
    }
    this.#messages ??= []
    if (this.#messages.length >= BOUND) return 'refused' // M1
    this.#messages.push(message)
    return 'queued'
  }

  /** Puts messages before all others: those that a failed attempt took, or that came before a branch was made. */
  putBack(messages: readonly Received[]): void {
    this.#messages = [...messages, ...(this.#messages ?? [])]
  }

  /** Takes all messages. */
  drain(): readonly Received[] {
    const messages = this.#messages ?? []
    this.#messages = undefined
    return messages
  }

  /** Takes the first message that is wanted. */
  take(wants: (message: Received) => boolean): Received | undefined {
    const at = this.#messages?.findIndex(wants) ?? -1
    return at < 0 ? undefined : this.#messages?.splice(at, 1)[0]
  }

  /** Answers with the next message that is wanted. */
  read(reader: Reader): void {
    if (this.#closed) return reader.answer(undefined)
    this.#readers ??= new Few()
    this.#readers.add(reader)
  }

  removeReader(reader: Reader): void {
    this.#readers?.delete(reader)
  }

  close(): void {
    this.#closed = true
    this.#messages = undefined
    const readers = this.#readers
    this.#readers = undefined
    for (const reader of readers ?? []) reader.answer(undefined)
  }

  /** The application runs again. */
  reopen(): void {
    this.#closed = false
  }
}
