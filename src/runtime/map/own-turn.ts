import { BEGIN_MS, sliceOver } from '../../internal/slice.js'

/** How many pieces are done before the clock is looked at, so that a small map starts as a whole. */
const TOGETHER = 8

/** Work in pieces that yields between them, as a loop does between its steps. */
export class OwnTurn {
  /** True while it waits for its next turn. */
  awaited = false
  #done = 0
  readonly #goOn: () => void

  /** @param goOn called when its turn has come */
  constructor(goOn: () => void) {
    this.#goOn = goOn
  }

  /** Whether the next piece has to wait. */
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
