import type { Clock } from '../internal/clock.js'

interface Timer {
  readonly at: number
  readonly fn: () => void
}

/**
 * A clock that advances only by hand: tests of timeouts and retries need not wait.
 *
 * @example
 * ```ts
 * const clock = new ManualClock()
 * let rang = false
 * clock.setTimeout(() => {
 *   rang = true
 * }, 5_000)
 * clock.advance(5_000)
 * rang // true
 * ```
 *
 */
export class ManualClock implements Clock {
  #passed = 0
  /** Offset of the wall clock from the elapsed time. */
  #ahead: number
  readonly #timers = new Set<Timer>()

  /** @param start epoch milliseconds */
  constructor(start = 1_700_000_000_000) {
    this.#ahead = start
  }

  now(): number {
    return this.#ahead + this.#passed
  }

  monotonic(): number {
    return this.#passed
  }

  /**
   * Sets the wall clock, as a user or a time server would, without moving any timer.
   * @param now epoch milliseconds
   */
  setWall(now: number): void {
    this.#ahead = now - this.#passed
  }

  setTimeout(fn: () => void, ms: number): unknown {
    const timer = { at: this.#passed + ms, fn }
    this.#timers.add(timer)
    return timer
  }

  clearTimeout(timer: unknown): void {
    this.#timers.delete(timer as Timer)
  }

  /** Number of pending timers. */
  get pending(): number {
    return this.#timers.size
  }

  /** Advances the time, and runs due timers in order. */
  advance(ms: number): void {
    const end = this.#passed + ms
    for (;;) {
      const due = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
      if (due === undefined) break
      this.#timers.delete(due)
      this.#passed = Math.max(this.#passed, due.at)
      due.fn()
    }
    this.#passed = end
  }
}
