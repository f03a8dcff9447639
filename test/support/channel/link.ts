import { macrotask } from '../../../src/internal/platform.js'

// Owns: the way of frames between two ends in one process.
// L1  Frames of one direction arrive in order, at least one macrotask after they were sent; those of one turn together.
// L2  After its death nothing arrives any more, sent or not.

/** One end of a channel. */
export interface End {
  /** The frames of one turn have arrived. */
  receive(texts: readonly string[]): void
}

/** One direction of a channel. */
export class Way {
  readonly #to: End
  #sent: string[] = []
  #dead = false

  constructor(to: End) {
    this.#to = to
  }

  send(text: string): void {
    if (this.#dead) return
    if (this.#sent.push(text) === 1) macrotask(() => this.#arrive())
  }

  #arrive(): void {
    const arrived = this.#sent
    this.#sent = []
    if (!this.#dead) this.#to.receive(arrived)
  }

  /** Loses what is under way. */
  die(): void {
    this.#dead = true
    this.#sent = []
  }
}
