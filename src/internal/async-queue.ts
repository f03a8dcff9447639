import { createDeferred, type Deferred } from './deferred.js'

/** Minimum number of slots of taken values that are kept. */
const SPARE = 64

/** A first-in, first-out queue. `push` never waits; `room` reports when fewer than `bound` values are queued. */
export class AsyncQueue<T> {
  readonly #bound: number
  #values: (T | undefined)[] = []
  #head = 0
  /** Pending `take` calls, first come first served; empty while values are queued. */
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
      this.#values[this.#head++] = undefined // release the taken value
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

  /** Closes the queue: queued values can still be taken. Callers waiting for room continue. */
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
