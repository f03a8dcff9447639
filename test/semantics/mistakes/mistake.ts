/** A mistake that a user can make, and its whole message. */
export interface Mistake {
  readonly mistake: string
  readonly make: () => unknown
  readonly says: string
}
