import type { Clock } from '../internal/clock.js'

interface Timer {
  readonly at: number
  readonly fn: () => void
}

/**
 * A clock that stands until it is moved by hand: time-outs and retries are tested without waiting.
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
 */
export class ManualClock implements Clock {
  #passed = 0
  /** What the wall clock is ahead of the time that has passed. */
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

  /** Sets the wall clock, as a person or a time server does: no timer is moved. @param now epoch milliseconds */
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

  /** How many timers are set. */
  get pending(): number {
    return this.#timers.size
  }

  /** Moves on, and runs what is due, in order. */
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
