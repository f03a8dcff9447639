import { type Clock, passedOn } from '../internal/clock.js'

/** The longest that a timer of the platform can be set to, in milliseconds. */
const LONGEST = 2 ** 31 - 1

/** Rings once, when its time has come. What counts is the time itself, not how long a timer took to fire. */
export class Alarm {
  readonly #clock: Clock
  readonly #at: number
  readonly #ring: () => void
  #timer: unknown

  /** @param at milliseconds on the clock that never goes back */
  constructor(clock: Clock, at: number, ring: () => void) {
    this.#clock = clock
    this.#at = at
    this.#ring = ring
    this.#set()
  }

  #set(): void {
    const clock = this.#clock
    const left = Math.max(0, this.#at - passedOn(clock))
    const set = clock.now()
    this.#timer = clock.setTimeout(
      () => {
        // Timers that a test moves by hand may come with a wall clock alone. A wall clock that was set fires no timer.
        const due = passedOn(clock) >= this.#at || (left <= LONGEST && clock.now() - set >= left)
        if (due) this.#ring()
        else this.#set() // too early: the timer was shorter than the way
      },
      Math.min(LONGEST, Math.ceil(left)),
    )
  }

  clear(): void {
    this.#clock.clearTimeout(this.#timer)
  }
}
