// The order of rows within a tree: a number that follows the clock, and never decreases when the clock does.

const PER_MS = 1024

/** The epoch milliseconds of an order. */
export const millisecondsOf = (order: number): number => Math.floor(order / PER_MS)

/** The next order after another one, at a time. */
export const orderAfter = (last: number, nowMs: number): number => Math.max(last + 1, nowMs * PER_MS)
