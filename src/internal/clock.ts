/** Time, as the engine asks for it. Tests give one that is moved by hand. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number
  /** Calls `fn` once, after `ms` milliseconds. The answer goes to `clearTimeout`. */
  setTimeout(fn: () => void, ms: number): unknown
  /** Takes a call back that has not been made. */
  clearTimeout(timer: unknown): void
}

/** The clock of the platform. */
export const systemClock: Clock = {
  now: () => Date.now(),
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
    setTimeout: (fn, ms) => ask((clock) => clock.setTimeout(fn, ms)),
    clearTimeout: (timer) => ask((clock) => clock.clearTimeout(timer)),
  }
}
