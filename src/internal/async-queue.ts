import { createDeferred, type Deferred } from './deferred.js'

/** How many places of taken values are kept at least. */
const SPARE = 64

/**
 * Values in order, for who takes them in order. `push` never waits; `room` says when enough was taken that less than
 * `bound` values lie here.
 */
export class AsyncQueue<T> {
  readonly #bound: number
  #values: (T | undefined)[] = []
  #head = 0
  /** Who waits for a value, first come first served; there is nobody while values lie here. */
  readonly #takers: Deferred<T | undefined>[] = []
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
    const taker = this.#takers.shift()
    if (taker === undefined) this.#values.push(value)
    else taker.resolve(value)
  }

  /** The next value; `undefined` when the queue is closed and empty. */
  take(): T | undefined | Promise<T | undefined> {
    if (this.size > 0) {
      const value = this.#values[this.#head]
      this.#values[this.#head++] = undefined // what was taken is let go of
      if (this.#head >= SPARE && this.#head * 2 >= this.#values.length) {
        this.#values = this.#values.slice(this.#head)
        this.#head = 0
      }
      if (this.size < this.#bound) this.#release()
      return value
    }
    if (this.#closed) return undefined
    const taker = createDeferred<T | undefined>()
    this.#takers.push(taker)
    return taker.promise
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
    for (const taker of this.#takers.splice(0)) taker.resolve(undefined)
  }

  #release(): void {
    this.#room?.resolve()
    this.#room = undefined
  }
}
