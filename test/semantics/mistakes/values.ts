import type { Mistake } from './mistake.js'

/** Mistakes with values that state may hold. */
export const mistakesWithValues: readonly Mistake[] = []
