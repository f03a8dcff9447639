/** The result of a case: one value per round; the first of a kind counts. */
export interface Measured {
  readonly samples: readonly number[]
  /** The baseline of the ratio, in microseconds of CPU; or another reference for the value. */
  readonly baseline: number
  /** Why nothing was measured. */
  readonly skipped?: string
}

/** One named measurement, mostly with a target. */
export interface Case {
  readonly name: string
  readonly unit: string
  /** The maximum; undefined: printed only. */
  readonly target: number | undefined
  readonly run: () => Promise<Measured>
}
