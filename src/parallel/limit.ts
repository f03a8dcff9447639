import { describeValue } from '../internal/guards.js'

/**
 * A limit on concurrently running actions, shared by all maps and applications that use it.
 *
 * Counts running leaf actions: a branch that is inside a map or a sub-graph holds no permit, so nested maps under one
 * limit never deadlock.
 */
export interface Limit {
  /** Number of permits; `Infinity` for no limit. */
  readonly max: number
  /** Number of running actions. May exceed `max` for a while after it was reduced. */
  readonly running: number
  /** Number of actions waiting for a permit. */
  readonly waiting: number
  /**
   * Changes the number of permits. Raising it starts waiting actions at once. Lowering it interrupts nothing: the next
   * action starts when fewer than `max` run.
   * @param max a whole number above 0, or `Infinity`
   * @throws {RangeError} for anything else
   */
  resize(max: number): void
}

/** The permits of a limit, as one application takes them. */
export interface Permits {
  /** Number of permits; undefined where the limit is in another place. */
  readonly max?: number | undefined
  /** Takes a permit if one is free and no request waits for it. */
  tryAcquire(): boolean
  wait(request: PermitRequest): void
  /** Withdraws a request. */
  cancel(request: PermitRequest): void
  release(): void
}

/** A pending request for a permit. */
export interface PermitRequest {
  /** Called when the permit is granted; never after `cancel`. */
  readonly granted: () => void
}

const semaphores = new WeakMap<Limit, Semaphore>()

/**
 * A fair, exact semaphore: first come, first served; never more than `max` permits, and no idle permit while a request
 * waits.
 */
export class Semaphore implements Permits {
  max: number
  running = 0
  readonly #waiting = new Set<PermitRequest>()
  /** One iterator for the lifetime: a new one would skip over all removed entries. It never finishes. */
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

  tryAcquire(): boolean {
    if (this.running >= this.max || this.#waiting.size > 0) return false
    this.running += 1
    return true
  }

  wait(request: PermitRequest): void {
    this.#waiting.add(request)
  }

  cancel(request: PermitRequest): void {
    this.#waiting.delete(request)
  }

  release(): void {
    if (this.#waiting.size > 0 && this.running <= this.max) this.#grantNext()
    else this.running -= 1
  }

  #grantNext(): void {
    const next = this.#turns.next().value as PermitRequest // the set is not empty, and granted requests are removed from it
    this.#waiting.delete(next)
    next.granted()
  }
}

/**
 * Makes a limit to share between maps or applications.
 *
 * @param max maximum number of running leaf actions: a whole number above 0, or `Infinity`
 * @throws {RangeError} for anything else
 *
 * @example
 * ```ts
 * const fewCalls = createLimit(4)
 * ```
 *
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

/** The semaphore of a limit. */
export function semaphoreOf(limit: Limit): Semaphore {
  const semaphore = semaphores.get(limit)
  if (semaphore === undefined) throw new TypeError('This is not a limit. Make one with createLimit(n).')
  return semaphore
}

/** @throws {RangeError} when `value` is neither a whole number above 0 nor `Infinity` */
export function checkCount(subject: string, value: number): number {
  if ((Number.isInteger(value) || value === Infinity) && value > 0) return value
  throw new RangeError(`${subject} is ${describeValue(value)}; it takes a whole number above 0, or Infinity.`)
}
