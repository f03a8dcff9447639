import { createDeferred, type Deferred } from './deferred.js'

/**
 * One producer side, one reader. `push` never waits; `room` says when the reader has taken enough that less than
 * `bound` values lie here.
 */
export class AsyncQueue<T> {
  readonly #bound: number
  #values: T[] = []
  #head = 0
  #reader: Deferred<T | undefined> | undefined
  #room: Deferred<void> | undefined
  #closed = false

  constructor(bound: number) {
    this.#bound = bound
  }

  get size(): number {
    return this.#values.length - this.#head
  }

  push(value: T): void {
    if (this.#closed) return
    if (this.#reader !== undefined) {
      const reader = this.#reader
      this.#reader = undefined
      reader.resolve(value)
    } else this.#values.push(value)
  }

  /** The next value; `undefined` when the queue is closed and empty. */
  take(): T | undefined | Promise<T | undefined> {
    if (this.size > 0) {
      const value = this.#values[this.#head++]
      if (this.#head > 1024 && this.#head * 2 > this.#values.length) {
        this.#values = this.#values.slice(this.#head)
        this.#head = 0
      }
      if (this.size < this.#bound) this.#release()
      return value
    }
    if (this.#closed) return undefined
    this.#reader = createDeferred<T | undefined>()
    return this.#reader.promise
  }

  /** Undefined while there is room, else a promise of it. */
  room(): Promise<void> | undefined {
    if (this.size < this.#bound || this.#closed) return undefined
    this.#room ??= createDeferred<void>()
    return this.#room.promise
  }

  /** No value comes any more; what lies here can still be taken. Whoever waits for room goes on. */
  close(): void {
    this.#closed = true
    this.#release()
    this.#reader?.resolve(undefined)
    this.#reader = undefined
  }

  #release(): void {
    this.#room?.resolve()
    this.#room = undefined
  }
}
