import { ManualClock as PublicClock } from 'teasel/testing'

/** The clock of `teasel/testing`. A test can also wait for a timer to be set. */
export class ManualClock extends PublicClock {
  readonly #due = new Map<unknown, number>()
  readonly #waiting = new Set<() => void>()

  override setTimeout(fn: () => void, ms: number): unknown {
    const timer = super.setTimeout(() => {
      this.#due.delete(timer)
      fn()
    }, ms)
    this.#due.set(timer, this.monotonic() + ms)
    for (const check of [...this.#waiting]) check()
    return timer
  }

  override clearTimeout(timer: unknown): void {
    this.#due.delete(timer)
    super.clearTimeout(timer)
  }

  /** Resolves when a timer is pending that fires in exactly `ms` milliseconds. */
  timerIn(ms: number): Promise<void> {
    const at = this.monotonic() + ms
    return new Promise((resolve) => {
      const check = (): void => {
        if (![...this.#due.values()].includes(at)) return
        this.#waiting.delete(check)
        resolve()
      }
      this.#waiting.add(check)
      check()
    })
  }

  /** Waits for a timer that fires in exactly `ms` milliseconds, then advances the time to it. */
  async fire(ms: number): Promise<void> {
    await this.timerIn(ms)
    this.advance(ms)
  }
}
