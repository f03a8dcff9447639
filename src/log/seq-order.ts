import type { WireEvent } from '../wire/events.js'

// Owns: the order of events of one incarnation. In a log, merged chunks stand up to a tenth of a second late.
// Q1  Events are given by their number. A number that is missing holds those behind it back for a moment only.

/** How long events behind a missing one are held back, by the time of the log, milliseconds. */
const HELD_MS = 250

export class SeqOrder {
  #next = 0
  #held: WireEvent[] = []

  get isEmpty(): boolean {
    return this.#held.length === 0
  }

  add(event: WireEvent): void {
    let at = this.#held.length
    while (at > 0 && (this.#held[at - 1]?.seq ?? 0) > event.seq) at -= 1
    this.#held.splice(at, 0, event)
  }

  /** The events that can be given. @param all whether none is held back */
  take(all = false): readonly WireEvent[] {
    const newest = this.#held.reduce((time, one) => Math.max(time, one.time), 0)
    let count = 0
    for (const { seq, time } of this.#held) {
      if (!all && seq > this.#next && time > newest - HELD_MS) break
      this.#next = Math.max(this.#next, seq + 1)
      count += 1
    }
    return this.#held.splice(0, count)
  }

  /** Another incarnation begins. @returns what was held back */
  restart(): readonly WireEvent[] {
    const rest = this.take(true)
    this.#next = 0
    return rest
  }
}
