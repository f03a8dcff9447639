/** What a case found: one value per round, the first of a kind is what counts. */
export interface Measured {
  readonly samples: readonly number[]
  /** What the ratio is against, in microseconds of CPU; or what else the value is to be held against. */
  readonly baseline: number
}

/** One measurement that has a name and, mostly, a target. */
export interface Case {
  readonly name: string
  readonly unit: string
  /** At most this; undefined is printed only. */
  readonly target: number | undefined
  readonly run: () => Promise<Measured>
}
