import type { Clock } from 'teasel'

interface Timer {
  readonly at: number
  readonly order: number
  readonly fn: () => void
}

export const EPOCH = 1_700_000_000_000
/** A timer of this length or more does not move the clock: a heartbeat, which goes on as long as its run. */
const ENDLESS_MS = 900_000

/** Time that moves only when the scheduler fires the next timer. */
export class VirtualClock implements Clock {
  readonly #timers = new Set<Timer>()
  #now = EPOCH
  #set = 0

  now(): number {
    return this.#now
  }

  setTimeout(fn: () => void, ms: number): unknown {
    if (ms >= ENDLESS_MS) return undefined
    const timer = { at: this.#now + ms, order: this.#set++, fn }
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

  /** Milliseconds until the next timer is due; undefined without one. */
  get next(): number | undefined {
    const next = this.#next()
    return next === undefined ? undefined : next.at - this.#now
  }

  /** Moves to the next timer and fires it. */
  fire(): void {
    const next = this.#next()
    if (next === undefined) return
    this.#timers.delete(next)
    this.#now = Math.max(this.#now, next.at)
    next.fn()
  }

  #next(): Timer | undefined {
    let next: Timer | undefined
    for (const timer of this.#timers)
      if (next === undefined || timer.at < next.at || (timer.at === next.at && timer.order < next.order)) next = timer
    return next
  }
}
