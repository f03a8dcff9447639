import type { Clock } from '../internal/clock.js'

/** The longest that a timer of the platform can be set to, in milliseconds. */
const LONGEST = 2 ** 31 - 1

/** Rings once, when its time has come. What counts is the time itself, not how long a timer took to fire. */
export class Alarm {
  readonly #clock: Clock
  readonly #at: number
  readonly #ring: () => void
  #timer: unknown

  /** @param at epoch milliseconds */
  constructor(clock: Clock, at: number, ring: () => void) {
    this.#clock = clock
    this.#at = at
    this.#ring = ring
    this.#set()
  }

  #set(): void {
    const left = Math.min(LONGEST, Math.max(0, this.#at - this.#clock.now()))
    this.#timer = this.#clock.setTimeout(() => {
      if (this.#clock.now() >= this.#at) this.#ring()
      else this.#set() // too early: the clock was set back, or the timer was shorter than the way
    }, left)
  }

  clear(): void {
    this.#clock.clearTimeout(this.#timer)
  }
}
