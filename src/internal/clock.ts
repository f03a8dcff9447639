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
