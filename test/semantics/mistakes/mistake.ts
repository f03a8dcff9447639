/** A mistake that a user can make, and the whole message that it gets. */
export interface Mistake {
  readonly mistake: string
  readonly make: () => unknown
  readonly says: string
}
