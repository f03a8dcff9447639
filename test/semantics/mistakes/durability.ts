import type { Mistake } from './mistake.js'

/** Mistakes with saving, resuming and claims. */
export const mistakesWithDurability: readonly Mistake[] = []
