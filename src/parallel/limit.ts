import { describeValue } from '../internal/guards.js'

/**
 * How many actions may run at once, shared by whatever is given the same limit.
 *
 * Counts running leaf actions: a branch that stands at a map or a sub-graph holds no slot, so nested maps under one
 * limit never wait for each other.
 */
export interface Limit {
  /** How many. */
  readonly max: number
}

/** A slot asked for. */
export interface SlotRequest {
  /** Called once the slot is there; not after `cancel`. */
  readonly granted: () => void
}

const gates = new WeakMap<Limit, Gate>()

/** First come, first served; exact: never more than `max`, and never fewer while someone waits. */
export class Gate {
  readonly #max: number
  #running = 0
  readonly #waiting = new Set<SlotRequest>()
  /** One for good: a new one would pass by all that was taken from the front. It never comes to the end. */
  readonly #turns = this.#waiting.values()

  constructor(max: number) {
    this.#max = max
  }

  /** Takes a slot if one is free and nobody waits for it. */
  tryEnter(): boolean {
    if (this.#running >= this.#max || this.#waiting.size > 0) return false
    this.#running += 1
    return true
  }

  wait(request: SlotRequest): void {
    this.#waiting.add(request)
  }

  /** Gives up waiting. */
  cancel(request: SlotRequest): void {
    this.#waiting.delete(request)
  }

  leave(): void {
    if (this.#waiting.size === 0) {
      this.#running -= 1
      return
    }
    const next = this.#turns.next().value as SlotRequest // somebody waits, and whoever had a turn is out
    this.#waiting.delete(next)
    next.granted()
  }
}

/**
 * Makes a limit to share between maps or applications.
 *
 * @param max how many leaf actions may run at once, a whole number above 0
 * @throws {RangeError} for anything else
 *
 * @example
 * ```ts
 * const fewCalls = createLimit(4)
 * ```
 */
export function createLimit(max: number): Limit {
  const limit = Object.freeze({ max: checkCount('createLimit', max) })
  gates.set(limit, new Gate(max))
  return limit
}

/** The gate behind a limit. */
export function gateOf(limit: Limit): Gate {
  const gate = gates.get(limit)
  if (gate === undefined) throw new TypeError('This is no limit. Make one with createLimit(n).')
  return gate
}

/** @throws {RangeError} when `value` is no whole number above 0 */
export function checkCount(what: string, value: number): number {
  if (Number.isInteger(value) && value > 0) return value
  throw new RangeError(`${what} is ${describeValue(value)}; it takes a whole number above 0.`)
}
