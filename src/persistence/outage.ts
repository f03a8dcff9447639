import { type Clock, monotonicNow } from '../internal/clock.js'
import { unavailable } from './faults.js'

// Owns: what all stores of one tree share: whose run fails when one of them is lost, and how long a cancelled run waits.
// Does not own: what is asked of a store, and how often (scope.ts).
// O1  A run that was cancelled waits for a store until the grace period is over; then every wait is given up.

/** The waits for the stores of one tree. */
export class Outage {
  /** Fails the run that writes to them; undefined while there is none. */
  lost: ((error: unknown) => void) | undefined
  readonly #clock: Clock
  readonly #waits = new Set<() => void>()
  /** Until when they are waited for, on the clock that never goes back; undefined without end. */
  #until: number | undefined
  #timer: unknown

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** True while the answer of a store is waited for. */
  get waiting(): boolean {
    return this.#waits.size > 0
  }

  /** The run was cancelled: its time to wait begins (O1). */
  cancelled(graceMs: number): void {
    this.#until ??= monotonicNow(this.#clock) + graceMs
    this.#watch()
  }

  /** A run begins. */
  begin(): void {
    this.#until = undefined
    this.#watch()
  }

  /** The answer of a store. @throws {PersistenceError} `unavailable` when it is given up (O1) */
  async answerOf<T>(name: string, answer: Promise<T>): Promise<T> {
    let end: () => void = () => {}
    const gaveUp = new Promise<never>((_, reject) => {
      end = () => reject(unavailable(name, 'be waited for', new TypeError('the run was cancelled')))
    })
    this.#add(end)
    try {
      return await Promise.race([answer, gaveUp])
    } finally {
      this.#remove(end)
    }
  }

  /** Waits before a store is asked again. False when that is given up (O1). */
  async pause(ms: number): Promise<boolean> {
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

  /** One timer, while something is waited for that has its time. */
  #watch(): void {
    const needed = this.#until !== undefined && this.#waits.size > 0
    if (!needed) {
      if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer)
      this.#timer = undefined
    } else if (this.#timer === undefined) {
      const left = (this.#until ?? 0) - monotonicNow(this.#clock)
      if (left <= 0) this.#giveUp()
      else this.#timer = this.#clock.setTimeout(() => this.#giveUp(), left)
    }
  }

  #giveUp(): void {
    this.#timer = undefined
    for (const end of [...this.#waits]) end()
  }
}
