import { isPlainObject } from '../internal/guards.js'
import { classOf } from '../state/classes.js'
import { isChecked, isMutable, privateCopyOf, type State } from '../state/freeze.js'
import { kindOf, nonDataPart } from '../state/kind.js'
import { bytesOf, isBytes } from './bytes.js'

// Owns: a copy of a state at the time it was stored, also of values that code can change in place. A later state is
// compared with it; unchanged parts of two held states are the same object.

/** A copy of a value that code can change in place, in the form that its tag stores. */
export class Held {
  readonly tag: 'date' | 'map' | 'set' | 'bytes' | 'class'
  /** For bytes, the kind of view; for an instance, the name of its class. */
  readonly name: string | undefined
  /** A number, bytes, or lists and records of held values. */
  readonly value: unknown

  constructor(tag: Held['tag'], name: string | undefined, value: unknown) {
    this.tag = tag
    this.name = name
    this.value = value
  }

  isLike(other: unknown): other is Held {
    return other instanceof Held && other.tag === this.tag && other.name === this.name
  }
}

/**
 * Holds a value: copies parts that code can change in place.
 * @param before the held earlier value: equal parts are returned as its objects
 * @param loose whether nothing in the value is frozen
 */
export function hold(value: unknown, before: unknown, loose = false): unknown {
  return isFixed(value, loose) ? value : new Holder(loose).of(value, before)
}

/** Whether no code can change a value: it is held without a copy. */
const isFixed = (value: unknown, loose: boolean): boolean =>
  typeof value !== 'object' || value === null || (!loose && !isMutable(value))

/** Holds a state. Its record is new with each step, so every key is checked. */
export function holdState(before: State, after: State, loose = false): State {
  if (Object.isFrozen(after) && Object.values(after).every((value) => isFixed(value, loose))) return after
  const of = (key: string): unknown => hold(after[key], Object.hasOwn(before, key) ? before[key] : undefined, loose)
  return Object.fromEntries(Object.keys(after).map((key) => [key, of(key)]))
}

class Holder {
  readonly #loose: boolean
  /** The objects around the value. */
  readonly #above: Set<object>

  constructor(loose: boolean, above = new Set<object>()) {
    this.#loose = loose
    this.#above = above
  }

  /** For values in a Map, a Set or an instance: they may be unfrozen. */
  get #inner(): Holder {
    return this.#loose ? this : new Holder(true, this.#above)
  }

  of(value: unknown, before: unknown): unknown {
    if (isFixed(value, this.#loose)) return value
    const object = value as object
    if (this.#above.has(object)) return value // a cycle: encoding it throws
    this.#above.add(object)
    try {
      return this.#inside(privateCopyOf(object), before)
    } finally {
      this.#above.delete(object)
    }
  }

  #inside(value: object, before: unknown): unknown {
    const kind = kindOf(value)
    // Encoding such a value throws; it is not copied.
    if (kind === undefined || (!isChecked(value) && nonDataPart(value, kind) !== undefined)) return value
    if (Array.isArray(value)) return this.#list(value, before)
    if (isPlainObject(value)) return this.#record(value, before)
    const made = this.#leaf(value, before instanceof Held ? before.value : undefined)
    if (made === undefined) return value
    return made.isLike(before) && Object.is(made.value, before.value) ? before : made
  }

  #leaf(value: object, before: unknown): Held | undefined {
    if (value instanceof Date) return new Held('date', undefined, value.getTime())
    if (value instanceof Map) {
      const inner = this.#inner
      const pairs = same([...value], before, (pair, was) => inner.#list(pair as readonly unknown[], was))
      return new Held('map', undefined, pairs)
    }
    if (value instanceof Set) return new Held('set', undefined, this.#inner.#list([...value], before))
    if (isBytes(value)) {
      const { name, bytes } = bytesOf(value)
      return new Held('bytes', name, isSame(bytes, before) ? before : bytes.slice())
    }
    const known = classOf(value)
    return known && new Held('class', known.name, this.#inner.of(known.save(value), before))
  }

  #list(list: readonly unknown[], before: unknown): readonly unknown[] {
    return same(list, before, (item, was) => this.of(item, was))
  }

  #record(record: Readonly<Record<string, unknown>>, before: unknown): unknown {
    const known = isPlainObject(before) ? before : {}
    const [keys, old] = [Object.keys(record), Object.keys(known)]
    let unchanged = keys.length === old.length
    const entries = keys.map((key, i) => {
      const was = Object.hasOwn(known, key) ? known[key] : undefined
      const held = this.of(record[key], was)
      unchanged &&= old[i] === key && Object.is(held, was)
      return [key, held] as const
    })
    return unchanged && isPlainObject(before) ? before : Object.fromEntries(entries)
  }
}

/** Distance to search for an item that moved in a list. */
const NEAR = 8

/** Holds a list. Items equal to held ones are reused, also when a few items were inserted or removed before them. */
function same(
  list: readonly unknown[],
  before: unknown,
  inner: (item: unknown, was: unknown) => unknown,
): readonly unknown[] {
  const known: readonly unknown[] = Array.isArray(before) ? before : []
  let unchanged = known.length === list.length
  let shift = 0
  let looks = 4
  const items = Array.from(list, (item, i) => {
    let held = inner(item, known[i + shift])
    if (looks > 0 && !Object.is(held, known[i + shift]) && typeof held === 'object' && held !== null) {
      looks -= 1
      for (let by = shift - NEAR; by <= shift + NEAR; by++) {
        const was = known[i + by]
        if (was === undefined || by === shift) continue
        const there = inner(item, was)
        if (!Object.is(there, was)) continue
        held = there
        shift = by
        looks += 1
        break
      }
    }
    unchanged &&= Object.is(held, known[i])
    return held
  })
  return unchanged ? known : items
}

const isSame = (bytes: Uint8Array, before: unknown): before is Uint8Array =>
  before instanceof Uint8Array && before.length === bytes.length && before.every((byte, i) => byte === bytes[i])
