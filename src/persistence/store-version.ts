// Owns: how the version of what a store holds stands to this code.

/** The version of the tables or keys of a store, and those that this code reads. */
export interface StoreVersion {
  /** Undefined where there are none yet. */
  readonly found: number | undefined
  readonly oldest: number
  readonly newest: number
}
