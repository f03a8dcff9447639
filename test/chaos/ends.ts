/** Ends of a life of the worker by itself. */
export const END = { done: 42, waits: 43, away: 45, takenOver: 46, failed: 47, conflict: 48 } as const
