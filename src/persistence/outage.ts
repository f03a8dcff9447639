import { type Clock, monotonicNow } from '../internal/clock.js'
import type { Awaitable, PersisterDriver } from './driver.js'
import { isUnavailable, unavailable } from './faults.js'
import { closedDrivers } from './inbox-watch.js'

// Owns: the waits for the stores of one tree, the retries of a call of an unavailable store, and the callback that fails
// the run when a store is lost.
// Does not own: which calls are retried (scope.ts).
// O1  A cancelled run waits for a store until the end of its grace period. Then every wait is abandoned, so that a
//     cancel ends without its store.

const FIRST_WAIT_MS = 50
const LONGEST_WAIT_MS = 5_000

/** The waits for the stores of one tree. */
export class Outage {
  /** Fails the run that writes to the stores; undefined while there is none. */
  lost: ((error: unknown) => void) | undefined
  readonly #clock: Clock
  readonly #waits = new Set<() => void>()
  /** End of the waits on the monotonic clock; undefined while they are unlimited. */
  #until: number | undefined
  #timer: unknown

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** True while a call of a store is pending. */
  get waiting(): boolean {
    return this.#waits.size > 0
  }

  /** Called when the run is cancelled: limits the waits (O1). */
  cancelled(graceMs: number): void {
    this.#until ??= monotonicNow(this.#clock) + graceMs
    this.#watch()
  }

  /** Called when a run begins. */
  begin(): void {
    this.#until = undefined
    this.#watch()
  }

  /** Waits for the answer of a store. @throws {PersistenceError} `unavailable` when the wait is abandoned (O1) */
  answerOf<T>(name: string, answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const end = (): void => reject(unavailable(name, 'answer in time', new TypeError('the run was cancelled.')))
      this.#add(end)
      answer.then(
        (value) => {
          this.#remove(end)
          resolve(value)
        },
        (error: unknown) => {
          this.#remove(end)
          reject(error)
        },
      )
    })
  }

  /**
   * Retries a call until the store is available, with exponential backoff.
   * @param first the error of the call
   * @throws its last error when the wait is abandoned (O1)
   */
  async retry<T>(driver: PersisterDriver, again: () => Awaitable<T>, first: unknown): Promise<T> {
    let error = first
    // A closed store stays unavailable.
    for (let wait = FIRST_WAIT_MS; isUnavailable(error) && !closedDrivers.has(driver); wait = nextWait(wait)) {
      if (!(await this.#pause(wait))) break
      try {
        return await this.answerOf(driver.name, Promise.resolve(again()))
      } catch (thrown) {
        error = thrown
      }
    }
    throw error
  }

  /** Waits before a retry. Resolves with false when the wait is abandoned (O1). */
  async #pause(ms: number): Promise<boolean> {
    let timer: unknown
    let end: () => void = () => {}
    const goes = new Promise<boolean>((resolve) => {
      end = () => resolve(false)
      timer = this.#clock.setTimeout(() => resolve(true), ms)
    })
    this.#add(end)
    try {
      return await goes
    } finally {
      this.#remove(end)
      this.#clock.clearTimeout(timer)
    }
  }

  #add(end: () => void): void {
    this.#waits.add(end)
    this.#watch()
  }

  #remove(end: () => void): void {
    this.#waits.delete(end)
    this.#watch()
  }

  /** One timer, while a wait is pending and limited. */
  #watch(): void {
    const needed = this.#until !== undefined && this.#waits.size > 0
    if (!needed) {
      if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer)
      this.#timer = undefined
    } else if (this.#timer === undefined) {
      const left = (this.#until ?? 0) - monotonicNow(this.#clock)
      if (left <= 0) this.#abandon()
      else this.#timer = this.#clock.setTimeout(() => this.#abandon(), left)
    }
  }

  #abandon(): void {
    this.#timer = undefined
    for (const end of [...this.#waits]) end()
  }
}

const nextWait = (wait: number): number => Math.min(wait * 2, LONGEST_WAIT_MS)
