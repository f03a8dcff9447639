import type { Mistake } from './mistake.js'

/** Mistakes with maps, branches and limits. */
export const mistakesWithMaps: readonly Mistake[] = []
