/** The engine's source of time. Tests pass one that is advanced by hand. */
export interface Clock {
  /** Epoch milliseconds: the wall clock, which may be set forward and back. */
  now(): number
  /**
   * Milliseconds since any moment, on a clock that never goes back; used for durations, time limits and waits. Default:
   * `now`, which must then never be set back.
   */
  monotonic?(): number
  /** Calls `fn` once, after `ms` milliseconds. Returns a handle for `clearTimeout`. */
  setTimeout(fn: () => void, ms: number): unknown
  /** Withdraws a pending call. */
  clearTimeout(timer: unknown): void
}

/** The clock of the platform. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout: (fn, ms) => setTimeout(fn, ms),
  clearTimeout: (timer) => clearTimeout(timer as Parameters<typeof clearTimeout>[0]),
}

/**
 * A clock that never throws: when the given one throws, the error goes to `fault`, and the platform's clock is used.
 */
export function safeClock(given: Clock, fault: (error: unknown) => void): Clock {
  const call = <T>(use: (clock: Clock) => T): T => {
    try {
      return use(given)
    } catch (error) {
      fault(error)
      return use(systemClock)
    }
  }
  return {
    now: () => call((clock) => clock.now()),
    ...(given.monotonic && { monotonic: () => call(monotonicNow) }),
    setTimeout: (fn, ms) => call((clock) => clock.setTimeout(fn, ms)),
    clearTimeout: (timer) => call((clock) => clock.clearTimeout(timer)),
  }
}

/** Milliseconds on a clock that never goes back. */
export const monotonicNow = (clock: Clock): number => clock.monotonic?.() ?? clock.now()

/** Whole milliseconds since a moment of {@link monotonicNow}. */
export const msSince = (clock: Clock, moment: number): number => Math.max(0, Math.round(monotonicNow(clock) - moment))
