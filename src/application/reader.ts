// Owns: what one reader is handed, as an async generator.
// Does not own: where it comes from.
// G1  Nothing begins before the first `next()`.
// G2  `return()` leaves at once, also while a `next()` waits: a native generator would let it wait for that first.
// G3  After the end, or once it was left, nothing more is yielded.

/** What a reader reads. */
export interface Readable<T, R> {
  /** Begins. Called once, at the first `next()`. */
  open(): void
  /** What is next, as a generator would say it; undefined when nothing comes any more. */
  take(): IteratorYieldResult<T> | undefined | Promise<IteratorYieldResult<T> | undefined>
  /** What is returned at the end; rejects with what failed. Called once, when nothing comes any more. */
  end(): Promise<R>
  /** The reader leaves early. Resolves when what it held has ended. Called at most once, perhaps before `open`. */
  leave(): Promise<void>
}

/** An async generator over something that can be left at any moment. */
export class Reader<T, R> implements AsyncGenerator<T, R, void> {
  readonly #from: Readable<T, R>
  #phase: 'new' | 'open' | 'over' = 'new'
  #left: Promise<void> | undefined

  constructor(from: Readable<T, R>) {
    this.#from = from
  }

  async next(): Promise<IteratorResult<T, R>> {
    if (this.#phase === 'new') this.#open()
    if (this.#phase === 'over') return over<R>()
    const taken = this.#from.take()
    const result = taken instanceof Promise ? await taken : taken
    if (this.#isOver()) return over<R>()
    if (result !== undefined) return result
    this.#phase = 'over'
    return { done: true, value: await this.#from.end() }
  }

  async return(value?: R | PromiseLike<R>): Promise<IteratorResult<T, R>> {
    await this.#leave()
    return { done: true, value: (await value) as R }
  }

  async throw(error: unknown): Promise<IteratorResult<T, R>> {
    await this.#leave()
    throw error
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#leave()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  get [Symbol.toStringTag](): string {
    return 'AsyncGenerator'
  }

  #open(): void {
    this.#phase = 'over' // unless it opens
    this.#from.open()
    this.#phase = 'open'
  }

  /** Asked anew after an await. */
  #isOver(): boolean {
    return this.#phase === 'over'
  }

  #leave(): Promise<void> {
    if (this.#left === undefined) {
      this.#left = this.#phase === 'over' ? Promise.resolve() : this.#from.leave()
      this.#phase = 'over'
    }
    return this.#left
  }
}

/** What a generator says after its end. Its value is undefined, whatever its type says. */
const over = <R>(): IteratorReturnResult<R> => ({ done: true, value: undefined as R })
