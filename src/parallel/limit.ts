import { describeValue } from '../internal/guards.js'

/**
 * How many actions may run at once, shared by whatever is given the same limit.
 *
 * Counts running leaf actions: a branch that stands at a map or a sub-graph holds no permit, so nested maps under one
 * limit never wait for each other.
 */
export interface Limit {
  /** How many; `Infinity` where there is no bound. */
  readonly max: number
  /** How many run now. More than `max` for a while after it was made smaller. */
  readonly running: number
  /** How many wait for their turn. */
  readonly waiting: number
  /**
   * Changes how many may run. Made larger, those that wait begin at once. Made smaller, nothing that runs is
   * interrupted: the next begins when fewer than `max` run.
   * @param max a whole number above 0, or `Infinity`
   * @throws {RangeError} for anything else
   */
  resize(max: number): void
}

/** A permit asked for. */
export interface PermitRequest {
  /** Called once the permit is there; not after `cancel`. */
  readonly granted: () => void
}

const semaphores = new WeakMap<Limit, Semaphore>()

/** First come, first served; exact: nobody begins while `max` run, and never fewer run while someone waits. */
export class Semaphore {
  max: number
  running = 0
  readonly #waiting = new Set<PermitRequest>()
  /** One for good: a new one would pass by all that was taken from the front. It never comes to the end. */
  readonly #turns = this.#waiting.values()

  constructor(max: number) {
    this.max = max
  }

  get waiting(): number {
    return this.#waiting.size
  }

  resize(max: number): void {
    this.max = max
    while (this.running < this.max && this.#waiting.size > 0) {
      this.running += 1
      this.#grantNext()
    }
  }

  /** Takes a permit if one is free and nobody waits for it. */
  tryAcquire(): boolean {
    if (this.running >= this.max || this.#waiting.size > 0) return false
    this.running += 1
    return true
  }

  wait(request: PermitRequest): void {
    this.#waiting.add(request)
  }

  /** Gives up waiting. */
  cancel(request: PermitRequest): void {
    this.#waiting.delete(request)
  }

  release(): void {
    if (this.#waiting.size > 0 && this.running <= this.max) this.#grantNext()
    else this.running -= 1
  }

  #grantNext(): void {
    const next = this.#turns.next().value as PermitRequest // somebody waits, and whoever had a turn is out
    this.#waiting.delete(next)
    next.granted()
  }
}

/**
 * Makes a limit to share between maps or applications.
 *
 * @param max how many leaf actions may run at once: a whole number above 0, or `Infinity`
 * @throws {RangeError} for anything else
 *
 * @example
 * ```ts
 * const fewCalls = createLimit(4)
 * ```
 */
export function createLimit(max: number): Limit {
  const semaphore = new Semaphore(checkCount('createLimit', max))
  const limit: Limit = Object.freeze({
    get max() {
      return semaphore.max
    },
    get running() {
      return semaphore.running
    },
    get waiting() {
      return semaphore.waiting
    },
    resize: (next: number) => semaphore.resize(checkCount('limit.resize', next)),
  })
  semaphores.set(limit, semaphore)
  return limit
}

/** The semaphore behind a limit. */
export function semaphoreOf(limit: Limit): Semaphore {
  const semaphore = semaphores.get(limit)
  if (semaphore === undefined) throw new TypeError('This is no limit. Make one with createLimit(n).')
  return semaphore
}

/** @throws {RangeError} when `value` is no whole number above 0, and not `Infinity` */
export function checkCount(what: string, value: number): number {
  if ((Number.isInteger(value) || value === Infinity) && value > 0) return value
  throw new RangeError(`${what} is ${describeValue(value)}; it takes a whole number above 0, or Infinity.`)
}
