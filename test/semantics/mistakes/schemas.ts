import type { Mistake } from './mistake.js'

/** Mistakes with schemas and types. */
export const mistakesWithSchemas: readonly Mistake[] = []
