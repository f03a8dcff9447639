import { plainForReaders } from '../codec/encode.js'
import { holdState } from '../codec/held.js'
import { diff, isPatchAsIs } from '../persistence/patch.js'
import type { Payload } from '../read/payload.js'
import type { State } from '../state/freeze.js'

/** The part of a line that has a state: the whole one, or the change since the line before; null for none. */
export type StatePart = { readonly state: Payload } | { readonly patch: Payload; readonly base: number }

/**
 * The states of one application in one part of a log: the first one whole, then changes, and whole again when the
 * changes since outweigh it.
 */
export class StateLines {
  /** Whether no state was written. */
  isEmpty = true
  #held: State | undefined
  #base = 0
  #whole = 0
  #changes = 0

  /**
   * @param at offset of its line in bytes
   * @param prepare what of an encoded state may be written
   */
  add(state: State, at: number, prepare: ((state: Payload) => Payload) | undefined): StatePart {
    this.isEmpty = false
    const before = this.#held
    const mayPatch = before !== undefined && this.#changes <= this.#whole
    if (prepare !== undefined) return this.#prepared(prepare(plainForReaders(state) as Payload), at, mayPatch)
    const held = holdState(before ?? {}, state, !Object.isFrozen(state))
    this.#held = held
    if (!mayPatch) return this.#wholly(plainForReaders(held) as Payload, at)
    const patch = diff(before, held) ?? null
    const asIs = patch === null || isPatchAsIs(patch)
    return { patch: (asIs ? patch : plainForReaders(patch)) as Payload, base: this.#base }
  }

  /** The state is compared in the form of the codec, in which a record with the key "$" cannot be patched. */
  #prepared(state: Payload, at: number, mayPatch: boolean): StatePart {
    const before = this.#held
    const isRecord = typeof state === 'object' && state !== null && !Array.isArray(state) && !('$' in state)
    const fits = isRecord && !JSON.stringify(state).includes('"$":"object"')
    this.#held = fits ? (state as State) : undefined
    if (!fits || !mayPatch) return this.#wholly(state, at)
    return { patch: (diff(before, state) ?? null) as Payload, base: this.#base }
  }

  #wholly(state: Payload, at: number): StatePart {
    this.#base = at
    this.#changes = 0
    this.#whole = 0
    return { state }
  }

  /** Called with the size of the line that has the part. */
  written(part: StatePart, bytes: number): void {
    if ('state' in part) this.#whole = bytes
    else this.#changes += bytes
  }
}
