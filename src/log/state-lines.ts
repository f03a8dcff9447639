import { plainForReaders } from '../codec/encode.js'
import { holdState } from '../codec/held.js'
import { diff, isPatchAsIs } from '../persistence/patch.js'
import { shareTexts, takeText } from '../persistence/shared-text.js'
import type { Payload } from '../read/payload.js'
import type { State } from '../state/freeze.js'
import type { InheritedValues } from './inherited-values.js'

/** A member of a line, as JSON: the whole state, or the change since the line before; `null` for none. */
export type StatePart =
  | { readonly name: 'state'; readonly json: string }
  | { readonly name: 'patch'; readonly json: string; readonly base: number }

/**
 * The states of one application in one part of a log: the first one whole, then changes, and whole again when the
 * changes since outweigh it. Where the store of the application has encoded the same, its text is used.
 */
export class StateLines {
  /** Whether no state was written. */
  isEmpty = true
  /** The last state; undefined before the first, and where it is compared as it was prepared. */
  held: State | undefined
  #base = 0
  #whole = 0
  #changes = 0

  constructor() {
    shareTexts()
  }

  /**
   * @param at offset of its line in bytes
   * @param prepare what of an encoded state may be written
   * @param inherited what the application has from its parent
   */
  add(
    state: State,
    at: number,
    prepare: ((state: Payload) => Payload) | undefined,
    inherited?: InheritedValues,
  ): StatePart {
    this.isEmpty = false
    if (prepare !== undefined) return this.#prepared(prepare(plainForReaders(state) as Payload), at)
    const before = this.held
    const held = holdState(before ?? {}, state, !Object.isFrozen(state))
    this.held = held
    const stored = takeText(held)
    if (stored !== undefined && before !== undefined && stored.before === before) return this.#change(stored.json)
    const isWhole = before === undefined || this.#changes > this.#whole
    const short = isWhole ? inherited?.textOf(held) : undefined
    if (short !== undefined) return this.#wholly(short, at)
    // The store has the same rule, and begins anew at another step: a whole state of it is taken if it makes no long log.
    const isDue = before === undefined || this.#changes * 2 >= this.#whole
    if (stored !== undefined && stored.before === undefined && isDue) return this.#wholly(stored.json, at)
    if (isWhole) return this.#wholly(jsonOf(plainForReaders(held)), at)
    const patch = diff(before, held) ?? null
    return this.#change(jsonOf(patch === null || isPatchAsIs(patch) ? patch : plainForReaders(patch)))
  }

  /** The state is compared in the form of the codec, in which a record with the key "$" cannot be patched. */
  #prepared(state: Payload, at: number): StatePart {
    const before = this.held
    const isRecord = typeof state === 'object' && state !== null && !Array.isArray(state) && !('$' in state)
    const json = jsonOf(state)
    const fits = isRecord && !json.includes('"$":"object"')
    this.held = fits ? (state as State) : undefined
    if (!fits || before === undefined || this.#changes > this.#whole) return this.#wholly(json, at)
    return this.#change(jsonOf(diff(before, state) ?? null))
  }

  #wholly(json: string, at: number): StatePart {
    this.#base = at
    this.#changes = 0
    this.#whole = json.length
    return { name: 'state', json }
  }

  #change(json: string): StatePart {
    this.#changes += json.length
    return { name: 'patch', json, base: this.#base }
  }
}

const jsonOf = (value: unknown): string => JSON.stringify(value)
