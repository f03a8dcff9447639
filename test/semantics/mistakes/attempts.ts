import type { Mistake } from './mistake.js'

/** Mistakes with attempts, waits and retries. */
export const mistakesWithAttempts: readonly Mistake[] = []
