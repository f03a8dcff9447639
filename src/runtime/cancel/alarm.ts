import { type Clock, monotonicNow } from '../../internal/clock.js'

/** The longest that a timer of the platform can be set to, in milliseconds. */
const LONGEST = 2 ** 31 - 1

/** Timers of Node hold its process, unless they are told not to. */
interface NodeTimer {
  ref?(): void
  unref?(): void
}

/** Whether somebody attends a run: time limits of one that was left waiting hold no process. */
export class Attendance {
  readonly #timers = new Map<Alarm, NodeTimer>()
  #held = true

  hold(held: boolean): void {
    this.#held = held
    for (const timer of this.#timers.values()) this.#tell(timer)
  }

  set(alarm: Alarm, timer: NodeTimer): void {
    this.#timers.set(alarm, timer)
    if (!this.#held) this.#tell(timer)
  }

  end(alarm: Alarm): void {
    this.#timers.delete(alarm)
  }

  #tell(timer: NodeTimer): void {
    if (this.#held) timer.ref?.()
    else timer.unref?.()
  }
}

/** Rings once, when its time has come. What counts is the time itself, not how long a timer took to fire. */
export class Alarm {
  readonly #clock: Clock
  readonly #at: number
  readonly #ring: () => void
  readonly #attendance: Attendance | undefined
  #timer: unknown

  /**
   * @param at milliseconds on the clock that never goes back
   * @param attendance of the run, for a time limit: it holds the process only while somebody attends
   */
  constructor(clock: Clock, at: number, ring: () => void, attendance?: Attendance) {
    this.#attendance = attendance
    this.#clock = clock
    this.#at = at
    this.#ring = ring
    this.#set()
  }

  #set(): void {
    const clock = this.#clock
    const left = Math.max(0, this.#at - monotonicNow(clock))
    const set = clock.now()
    this.#timer = clock.setTimeout(
      () => {
        // Timers that a test moves by hand may come with a wall clock alone. A wall clock that was set fires no timer.
        const due = monotonicNow(clock) >= this.#at || (left <= LONGEST && clock.now() - set >= left)
        if (due) {
          this.#attendance?.end(this)
          this.#ring()
        } else this.#set() // too early: the timer was shorter than the way
      },
      Math.min(LONGEST, Math.ceil(left)),
    )
    this.#attendance?.set(this, this.#timer as NodeTimer)
  }

  clear(): void {
    this.#attendance?.end(this)
    this.#clock.clearTimeout(this.#timer)
  }
}
