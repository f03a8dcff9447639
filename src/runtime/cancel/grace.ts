import { type Clock, monotonicNow } from '../../internal/clock.js'

/** The time that cancelled code has to end. One timer at a time. */
export class Grace {
  readonly #clock: Clock
  #ms: number
  readonly #over: () => void
  #timer: unknown
  #ended = false

  /** @param over called when the time is up, at most once per start */
  constructor(clock: Clock, ms: number, over: () => void) {
    this.#clock = clock
    this.#ms = ms
    this.#over = over
  }

  /** How much of its time code that was cancelled at `at` (on the clock that never goes back) has left, in milliseconds. */
  left(at: number): number {
    return at + this.#ms - monotonicNow(this.#clock)
  }

  /** Does nothing while a deadline is set already, or after the end. */
  start(ms = this.#ms): void {
    if (this.#timer !== undefined || this.#ended) return
    this.#timer = this.#clock.setTimeout(
      () => {
        this.#timer = undefined
        this.#over()
      },
      Math.max(0, Math.ceil(ms)),
    )
  }

  /** The deadline of whoever is above has passed: nothing here has time left. */
  cut(): void {
    this.#ms = 0
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
    this.start()
  }

  end(): void {
    this.#ended = true
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
