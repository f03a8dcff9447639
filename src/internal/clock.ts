/** Time, as the engine asks for it. Tests give one that is moved by hand. */
export interface Clock {
  /** Epoch milliseconds: the wall clock, which may be set forward and back. */
  now(): number
  /**
   * Milliseconds since any moment, on a clock that never goes back: what durations, time limits and waits are counted
   * on. Default: `now`, of a clock that is never set.
   */
  monotonic?(): number
  /** Calls `fn` once, after `ms` milliseconds. The answer goes to `clearTimeout`. */
  setTimeout(fn: () => void, ms: number): unknown
  /** Takes a call back that has not been made. */
  clearTimeout(timer: unknown): void
}

/** The clock of the platform. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout: (fn, ms) => setTimeout(fn, ms),
  clearTimeout: (timer) => clearTimeout(timer as Parameters<typeof clearTimeout>[0]),
}

/** A clock that always answers: where the given one throws, `fault` is told, and the platform's is asked. */
export function answeringClock(given: Clock, fault: (error: unknown) => void): Clock {
  const ask = <T>(what: (clock: Clock) => T): T => {
    try {
      return what(given)
    } catch (error) {
      fault(error)
      return what(systemClock)
    }
  }
  return {
    now: () => ask((clock) => clock.now()),
    ...(given.monotonic && { monotonic: () => ask(passedOn) }),
    setTimeout: (fn, ms) => ask((clock) => clock.setTimeout(fn, ms)),
    clearTimeout: (timer) => ask((clock) => clock.clearTimeout(timer)),
  }
}

/** The time of a clock that never goes back, in milliseconds. */
export const passedOn = (clock: Clock): number => clock.monotonic?.() ?? clock.now()

/** How long ago a moment of {@link passedOn} was, in whole milliseconds. */
export const msSince = (clock: Clock, moment: number): number => Math.max(0, Math.round(passedOn(clock) - moment))
