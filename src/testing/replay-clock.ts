import type { Clock } from '../internal/clock.js'

// Owns: time and order of a replay.
// T1  Of the results that are asked for together, the one that was recorded first comes first.
// T2  Where nothing is asked for, time goes on to the next timer: a replay waits for no delay.
// T3  Where there is no timer either, nothing comes any more, and what still waits is told.

interface Timer {
  readonly at: number
  readonly fn: () => void
}

/** Real time without a result before timers are called. */
const IDLE_MS = 20
/** Real time without a result and without a timer before nothing comes any more: a source may read a file meanwhile. */
const STUCK_MS = 1_000

/** A clock that goes on when a replay has nothing else to do, and the results that are due. */
export class ReplayClock implements Clock {
  #now: number
  readonly #timers = new Set<Timer>()
  readonly #due: { readonly order: number; readonly give: () => void }[] = []
  readonly #waiting = new Set<() => void>()
  #tick: ReturnType<typeof setTimeout> | undefined
  #closed = false

  constructor(start: number) {
    this.#now = start
  }

  now(): number {
    return this.#now
  }

  setTimeout(fn: () => void, ms: number): unknown {
    const timer = { at: this.#now + ms, fn }
    this.#timers.add(timer)
    this.#schedule()
    return timer
  }

  clearTimeout(timer: unknown): void {
    this.#timers.delete(timer as Timer)
  }

  /** Calls `give` in its turn. */
  inTurn(order: number, give: () => void): void {
    this.#due.push({ order, give })
    this.#schedule(true)
  }

  /** Calls `give` when nothing else comes any more. @returns a function that takes it back */
  whenStuck(give: () => void): () => void {
    this.#waiting.add(give)
    this.#schedule()
    return () => void this.#waiting.delete(give)
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#tick)
  }

  #schedule(soon = this.#due.length > 0): void {
    if (this.#closed) return
    clearTimeout(this.#tick)
    this.#tick = setTimeout(() => this.#next(), soon ? 0 : this.#timers.size > 0 ? IDLE_MS : STUCK_MS)
  }

  #next(): void {
    this.#tick = undefined
    this.#due.sort((a, b) => a.order - b.order)
    const due = this.#due.shift()
    if (due !== undefined)
      due.give() // T1
    else {
      const [first] = [...this.#timers].sort((a, b) => a.at - b.at)
      if (first !== undefined) {
        this.#timers.delete(first)
        this.#now = Math.max(this.#now, first.at) // T2
        first.fn()
      } else this.#tellAll() // T3
    }
    if (this.#due.length > 0 || this.#timers.size > 0 || this.#waiting.size > 0) this.#schedule()
  }

  #tellAll(): void {
    for (const give of this.#waiting) {
      this.#waiting.delete(give)
      give()
    }
  }
}
