// Owns: the async generator of one reader.
// Does not own: the source of its values.
// G1  Nothing starts before the first `next()`.
// G2  `return()` leaves at once, also during a pending `next()`; a native generator would finish that first.
// G3  After its end, or once it was left, nothing more is yielded.

/** The source of a reader. */
export interface Readable<T, R> {
  /** Starts the source. Called once, at the first `next()`. */
  open(): void
  /** The next value, as an iterator result; undefined when no further value comes. */
  take(): IteratorYieldResult<T> | undefined | Promise<IteratorYieldResult<T> | undefined>
  /** The return value; rejects on failure. Called once, when no further value comes. */
  end(): Promise<R>
  /** Ends the source early. Resolves when its resources are released. Called at most once, possibly before `open`. */
  leave(): Promise<void>
}

/** An async generator that can be left at any moment. */
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
    this.#phase = 'over' // unless `open` succeeds
    this.#from.open()
    this.#phase = 'open'
  }

  /** A method, so that TypeScript does not narrow the phase across an await. */
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

/** The result after the end. Its value is undefined, whatever its type. */
const over = <R>(): IteratorReturnResult<R> => ({ done: true, value: undefined as R })
