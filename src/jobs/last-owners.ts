// Owns: which owner was the last one that this worker has run a branch for.
// L1  An owner with a lower incarnation is refused, also after the job of the later one has ended: it was suspended, and
//     would run again what is done.
// L2  The branches of the last {@link MOST} grants are remembered. For others, the owner finds out by its own claim.

const MOST = 10_000

export class LastOwners {
  readonly #most: number
  /** The highest incarnation by the id of a job, in the order of the last grants. */
  readonly #incarnations = new Map<string, number>()

  constructor(most = MOST) {
    this.#most = most
  }

  /** A branch is granted. @returns false for an owner that a later one has replaced */
  admits(id: string, incarnation: number): boolean {
    if (incarnation < (this.#incarnations.get(id) ?? 0)) return false
    this.#incarnations.delete(id)
    this.#incarnations.set(id, incarnation)
    if (this.#incarnations.size > this.#most)
      for (const oldest of this.#incarnations.keys()) {
        this.#incarnations.delete(oldest)
        break
      }
    return true
  }
}
