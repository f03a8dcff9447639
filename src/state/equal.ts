import { isPlainObject } from '../internal/guards.js'
import { classOf } from './classes.js'

/**
 * True when two values hold the same data, for every type that a state may hold. 0 equals -0, and NaN equals NaN. The
 * order of keys, and of entries in a Map or a Set, is ignored.
 */
export function equal(a: unknown, b: unknown): boolean {
  if (a === b || Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, i) => equal(item, b[i]))
  if (isPlainObject(a)) return isPlainObject(b) && equalRecords(a, b)
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false
  if (a instanceof Date) return Object.is(a.getTime(), (b as Date).getTime())
  if (a instanceof Map) return equalMaps(a, b as Map<unknown, unknown>)
  if (a instanceof Set) return equalMaps(asMap(a), asMap(b as Set<unknown>))
  if (a instanceof Error) return a.message === (b as Error).message && equalRecords({ ...a }, { ...b })
  if (ArrayBuffer.isView(a) || a instanceof ArrayBuffer) return equalBytes(bytesOf(a), bytesOf(b as ArrayBuffer))
  const known = classOf(a)
  return known !== undefined && equal(known.save(a), known.save(b))
}

type Loose = Readonly<Record<string, unknown>>

function equalRecords(a: Loose, b: Loose): boolean {
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && equal(a[key], b[key]))
}

const asMap = (items: ReadonlySet<unknown>): ReadonlyMap<unknown, unknown> =>
  new Map([...items].map((item) => [item, 0]))

/** An object key is compared by its content. */
function equalMaps(a: ReadonlyMap<unknown, unknown>, b: ReadonlyMap<unknown, unknown>): boolean {
  if (a.size !== b.size) return false
  const left = new Map(b)
  for (const [key, value] of a) {
    const same = left.has(key) && equal(value, left.get(key))
    const found = same ? key : [...left].find(([other, item]) => equal(key, other) && equal(value, item))?.[0]
    if (found === undefined && !same) return false
    left.delete(found)
  }
  return true
}

const bytesOf = (value: ArrayBufferView | ArrayBuffer): Uint8Array =>
  ArrayBuffer.isView(value) ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : new Uint8Array(value)

const equalBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i])
