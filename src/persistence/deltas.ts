import type { State } from '../state/freeze.js'

// Owns: what the last row of an application held, and when the changes since the last whole state outweigh it.

/** Decides whether a row holds the whole state or what changed. */
export class Deltas {
  /** The state as it was last saved; undefined where it has to be saved whole. */
  base: State | undefined
  sequenceId: number
  #fullBytes = 0
  #patchBytes = 0

  constructor(sequenceId: number) {
    this.sequenceId = sequenceId
  }

  /** @param loose whether identity does not tell what changed: the state is not frozen */
  isFullNext(sequenceId: number, loose: boolean): boolean {
    const skipped = sequenceId !== this.sequenceId + 1
    return this.base === undefined || skipped || loose || this.#patchBytes > this.#fullBytes
  }

  /** A row was saved. */
  saved(state: State, sequenceId: number, full: boolean, bytes: number): void {
    this.base = state
    this.sequenceId = sequenceId
    this.#fullBytes = full ? bytes : this.#fullBytes
    this.#patchBytes = full ? 0 : this.#patchBytes + bytes
  }
}
