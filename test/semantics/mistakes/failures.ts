import type { Mistake } from './mistake.js'

/** Mistakes with what is thrown. */
export const mistakesWithFailures: readonly Mistake[] = []
