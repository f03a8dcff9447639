import { type Clock, monotonicNow } from '../../internal/clock.js'

/** The longest delay that a timer of the platform accepts, in milliseconds. */
const LONGEST = 2 ** 31 - 1
/** How often a deadline on the wall clock looks at that clock, which may have been set, in milliseconds. */
const LOOK_MS = 60_000

/** A timer of Node keeps the process alive unless it is unreferenced. */
interface NodeTimer {
  ref?(): void
  unref?(): void
}

/** Whether a caller awaits a run: the time limits of an unattended run do not keep the process alive. */
export class Attendance {
  readonly #timers = new Map<Deadline, NodeTimer>()
  #held = true

  hold(held: boolean): void {
    this.#held = held
    for (const timer of this.#timers.values()) this.#apply(timer)
  }

  add(deadline: Deadline, timer: NodeTimer): void {
    this.#timers.set(deadline, timer)
    if (!this.#held) this.#apply(timer)
  }

  remove(deadline: Deadline): void {
    this.#timers.delete(deadline)
  }

  #apply(timer: NodeTimer): void {
    if (this.#held) timer.ref?.()
    else timer.unref?.()
  }
}

/** Calls back once when a point in time has passed, however early or late the timer of the platform fires. */
export class Deadline {
  readonly #clock: Clock
  readonly #at: number
  readonly #passed: () => void
  readonly #attendance: Attendance | undefined
  readonly #wall: number | undefined
  #timer: unknown

  /**
   * @param at milliseconds on the monotonic clock
   * @param passed called once; never after {@link Deadline.clear}
   * @param attendance of the run, for a time limit: it keeps the process alive only while the run is attended
   * @param wall epoch milliseconds, for a moment on the wall clock: it counts instead of `at`
   */
  constructor(clock: Clock, at: number, passed: () => void, attendance?: Attendance, wall?: number) {
    this.#clock = clock
    this.#at = at
    this.#passed = passed
    this.#attendance = attendance
    this.#wall = wall
    this.#set()
  }

  #set(): void {
    const clock = this.#clock
    const wall = this.#wall
    const set = clock.now()
    const left = Math.max(0, wall === undefined ? this.#at - monotonicNow(clock) : wall - set)
    this.#timer = clock.setTimeout(
      () => {
        // A fake clock may move only wall time. A wall clock that was set fires no timer.
        const due =
          wall === undefined
            ? monotonicNow(clock) >= this.#at || (left <= LONGEST && clock.now() - set >= left)
            : clock.now() >= wall
        if (due) {
          this.#attendance?.remove(this)
          this.#passed()
        } else this.#set() // early: the delay was longer than a timer can be, or the wall clock was set
      },
      Math.min(wall === undefined ? LONGEST : LOOK_MS, Math.ceil(left)),
    )
    this.#attendance?.add(this, this.#timer as NodeTimer)
  }

  clear(): void {
    this.#attendance?.remove(this)
    this.#clock.clearTimeout(this.#timer)
  }
}
