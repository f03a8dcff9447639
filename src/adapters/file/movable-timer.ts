// Owns: a timer whose moment changes often.
// C1  It fires at the earliest moment that was asked for, and once. A moment that is put off wakes nobody.

/** A timer that keeps no process alive. */
export class MovableTimer {
  readonly #fire: () => void
  readonly #now: () => number
  #timer: NodeJS.Timeout | undefined
  #ms = 0
  /** When it fires, by the monotonic clock, milliseconds. */
  #at = 0

  /** @param now the monotonic clock, milliseconds */
  constructor(fire: () => void, now: () => number) {
    this.#now = now
    this.#fire = () => {
      this.#timer = undefined
      fire()
    }
  }

  /** Whether it is going to fire. */
  get isSet(): boolean {
    return this.#timer !== undefined
  }

  /** Fires within so many milliseconds. */
  within(ms: number): void {
    if (this.#timer === undefined) return this.#set(ms)
    if (ms < this.#ms && this.#now() + ms < this.#at) this.putOff(ms)
  }

  /** Fires after so many milliseconds, not before: nothing waits for an earlier moment. */
  putOff(ms: number): void {
    this.stop()
    this.#set(ms)
  }

  #set(ms: number): void {
    this.#ms = ms
    this.#at = this.#now() + ms
    this.#timer = setTimeout(this.#fire, ms).unref()
  }

  /** Fires no more, unless it is asked again. */
  stop(): void {
    // Node wakes up for a cleared timer, too, unless the timer keeps the process alive when it is cleared.
    if (this.#timer !== undefined) clearTimeout(this.#timer.ref())
    this.#timer = undefined
  }
}
