import type { Mistake } from './mistake.js'

/** Mistakes with what is stored. */
export const mistakesWithRecords: readonly Mistake[] = []
