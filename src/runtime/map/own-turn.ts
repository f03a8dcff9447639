import { BEGIN_MS, sliceOver } from '../../internal/slice.js'

/** The number of pieces of work between two reads of the clock, so that a small map starts as a whole. */
const TOGETHER = 8

/** Yields between pieces of work, as the loop of a run does between steps. */
export class OwnTurn {
  /** True between a yield and the next turn. */
  awaited = false
  #done = 0
  readonly #goOn: () => void

  /** @param goOn called at the next turn */
  constructor(goOn: () => void) {
    this.#goOn = goOn
  }

  /** Whether the next piece of work waits for another turn. */
  get over(): boolean {
    this.#done += 1
    if (this.#done % TOGETHER !== 0) return false
    const turn = sliceOver(BEGIN_MS)
    if (turn === undefined) return false
    this.awaited = true
    void turn.then(() => {
      this.awaited = false
      this.#goOn()
    })
    return true
  }
}
