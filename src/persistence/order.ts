// The order of rows within a tree: a number that grows with the clock, and never goes back when the clock does.

const PER_MS = 1024

/** Epoch milliseconds of an order. */
export const millisecondsOf = (order: number): number => Math.floor(order / PER_MS)

/** The first order behind a millisecond. */
export const endOf = (ms: number): number => (ms + 1) * PER_MS

/** The next order after another one, at a time. */
export const orderAfter = (last: number, nowMs: number): number => Math.max(last + 1, nowMs * PER_MS)
