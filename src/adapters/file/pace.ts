import { performance } from 'node:perf_hooks'

// Owns: how much of the time of a process writing may take.
// A1  What waits to be written is bounded. Up to that bound writing takes at most a tenth of the time; beyond it a run
//     waits for the disk, or loses lines if the disk is too slow to wait for.

/** After a write, so many times its duration passes before the next one. */
const REST = 9
/** The least time from one write to the next one, in milliseconds: what is fast is gathered. */
const LEAST_MS = 5
/** How many bytes may wait to be written, of all runs. */
const MOST_WAITING = 4_194_304
/** A disk is slow that takes longer for a write, in milliseconds, and fewer bytes a millisecond. */
const SLOW_MS = 50
const SLOW_RATE = 4096

export class Pace {
  /** Bytes that wait to be written. */
  waiting = 0
  /** The monotonic clock, milliseconds. */
  readonly now: () => number
  readonly #leastMs: number
  #notBefore = 0
  /** How many writes, one after the other, the disk was slow. */
  #slow = 0

  constructor(now: () => number = () => performance.now(), leastMs = LEAST_MS) {
    this.now = now
    this.#leastMs = leastMs
  }

  get isFull(): boolean {
    return this.waiting > MOST_WAITING
  }

  get mayWrite(): boolean {
    return this.now() >= this.#notBefore
  }

  /** Whether the disk is too slow to wait for. One slow write may be the fault of something else. */
  get isSlow(): boolean {
    return this.#slow > 1
  }

  /** Runs a write, and takes its time. @param bytes what it writes */
  take<T>(write: () => T, bytes = 0): T {
    const from = this.now()
    try {
      return write()
    } finally {
      const to = this.now()
      if (bytes > 0) this.#slow = to - from > SLOW_MS && bytes < (to - from) * SLOW_RATE ? this.#slow + 1 : 0
      const rest = Math.max((to - from) * REST, bytes > 0 ? this.#leastMs : 0)
      this.#notBefore = Math.max(this.#notBefore, to + rest)
    }
  }
}
