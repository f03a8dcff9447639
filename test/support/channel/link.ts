import type { TaskData } from '../../../src/executor/driver.js'
import { macrotask } from '../../../src/internal/platform.js'

// Owns: one direction of a channel between two ends in one process.
// L1  Texts arrive in order, at least one macrotask after they were sent; those of one turn together.
// L2  After its death nothing arrives any more, sent or not.

type Bytes = readonly ArrayBuffer[] | undefined
type Arrived = (id: string, text: string, bytes: Bytes, task: TaskData | undefined) => void

/** One direction of a channel. */
export class Way {
  readonly #arrived: Arrived
  #sent: Parameters<Arrived>[] = []
  #dead = false

  constructor(arrived: Arrived) {
    this.#arrived = arrived
  }

  send(id: string, text: string, bytes: Bytes, task?: TaskData): void {
    if (this.#dead) return
    if (this.#sent.push([id, text, bytes, task]) === 1) macrotask(() => this.#arrive())
  }

  #arrive(): void {
    const arrived = this.#sent
    this.#sent = []
    for (const one of arrived) if (!this.#dead) this.#arrived(...one)
  }

  /** Loses what is under way. */
  die(): void {
    this.#dead = true
    this.#sent = []
  }
}
