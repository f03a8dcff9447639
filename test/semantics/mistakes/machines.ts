import type { Mistake } from './mistake.js'

/** Mistakes with derived machines, inspectors and identity. */
export const mistakesWithMachines: readonly Mistake[] = []
