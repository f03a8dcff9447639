import { isPlainObject } from '../internal/guards.js'
import { classOf } from './classes.js'
import { copyBytes } from './kind.js'

// Owns: copies for code that may change them.

/** A deep copy of data. A value that is no data (a function, a client) is returned as it is. */
export function copyData(value: unknown, seen = new Map<object, unknown>()): unknown {
  if (typeof value !== 'object' || value === null) return value
  const known = seen.get(value)
  if (known !== undefined) return known
  const kept = <T>(copy: T): T => {
    seen.set(value, copy)
    return copy
  }
  if (Array.isArray(value)) {
    const copy: unknown[] = kept([])
    for (const item of value) copy.push(copyData(item, seen))
    return copy
  }
  if (isPlainObject(value)) {
    const copy: Record<string, unknown> = kept(Object.create(Object.getPrototypeOf(value) as object | null))
    for (const [name, item] of Object.entries(value)) set(copy, name, copyData(item, seen))
    return copy
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (value instanceof Map && prototype === Map.prototype) {
    const copy = kept(new Map<unknown, unknown>())
    for (const [key, item] of value) copy.set(copyData(key, seen), copyData(item, seen))
    return copy
  }
  if (value instanceof Set && prototype === Set.prototype) {
    const copy = kept(new Set<unknown>())
    for (const item of value) copy.add(copyData(item, seen))
    return copy
  }
  const form = classOf(value)
  if (form !== undefined) return kept(form.load(copyData(form.save(value), seen)))
  if (value instanceof Date && prototype === Date.prototype) return kept(new Date(value))
  if (value instanceof ArrayBuffer) return kept(value.slice(0))
  if (value instanceof DataView) return kept(copyBytes(value))
  if (ArrayBuffer.isView(value)) return kept(sliceOf.call(value as Uint8Array))
  return value
}

/** Also for a Buffer, whose own `slice` shares the bytes. */
const { slice: sliceOf } = Uint8Array.prototype

/** Sets a property, also one named `__proto__`. */
function set(record: object, name: string, value: unknown): void {
  Object.defineProperty(record, name, { value, writable: true, enumerable: true, configurable: true })
}
