import { plainForReaders } from '../codec/encode.js'
import type { State } from '../state/freeze.js'

// Owns: the large values that the branches of one map have from the state of their parent, in one part of a log.
// H1  From the second branch on, a line has such a value as a reference to a file of its own. So a log grows with the
//     number of branches, not with their number times the size of the state.

/** A value with fewer characters of JSON stands in each line. */
const LARGE = 2048

interface Inherited {
  /** Where it stands, as JSON; undefined while no second branch has it, and for a value that is not large. */
  ref: string | undefined
  isTried: boolean
}

export class InheritedValues {
  readonly #state: State
  readonly #outside: (json: string) => string | undefined
  readonly #known = new Map<string, Inherited>()

  /**
   * @param state the state of the parent
   * @param outside writes a value to a file; returns where it stands, as JSON, or undefined if it could not be written
   */
  constructor(state: State, outside: (json: string) => string | undefined) {
    this.#state = state
    this.#outside = outside
  }

  /** JSON of the state of a branch; undefined if it has no value to refer to. */
  textOf(state: State): string | undefined {
    if ('$' in state) return undefined
    const refs = Object.keys(state).map((key) => this.#refTo(key, state[key]))
    if (refs.every((ref) => ref === undefined)) return undefined
    const members = Object.keys(state).map(
      (key, i) => `${JSON.stringify(key)}:${refs[i] ?? JSON.stringify(plainForReaders(state[key]))}`,
    )
    return `{${members.join(',')}}`
  }

  #refTo(key: string, value: unknown): string | undefined {
    const mayBeLarge = typeof value === 'string' ? value.length >= LARGE : typeof value === 'object' && value !== null
    if (!mayBeLarge || !Object.hasOwn(this.#state, key) || this.#state[key] !== value) return undefined
    const known = this.#known.get(key)
    if (known === undefined) this.#known.set(key, { ref: undefined, isTried: false })
    else if (!known.isTried) {
      known.isTried = true
      const json = JSON.stringify(plainForReaders(value))
      if (json.length >= LARGE) known.ref = this.#outside(json)
    }
    return known?.ref
  }
}
