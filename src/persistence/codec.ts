import { describeValue, isPlainObject } from '../internal/guards.js'
import { classOf } from '../state/classes.js'
import { base64, fromBytes, isBytes } from './bytes.js'
import { errorParts } from './error-form.js'
import { SerializationError } from './errors.js'
import { Held } from './held.js'
import { revive } from './revive.js'

// Values as JSON text and back. What JSON has is written as it is, so that a store can query it; the rest as
// `{ "$": tag, … }`. A plain object that has a key "$" itself is written as a list of its entries.

/** The version of this way to write. It stands in every record. */
export const FORMAT = 2

/**
 * A value as JSON text.
 * @param path where it stands, for the message
 * @throws {SerializationError} with the path and the type of what cannot be stored
 */
export function encode(value: unknown, path = ''): string {
  return JSON.stringify(isAsIs(value) ? value : tagged(value, path, new Set()))
}

/**
 * The value of what {@link encode} gave.
 * @throws {SyntaxError} for what is no JSON
 * @throws {SerializationError} for a class that is not registered, or an unknown tag
 */
export function decode(text: string): unknown {
  const value: unknown = JSON.parse(text)
  return text.includes('"$"') ? revive(value) : value
}

/** True when JSON says it exactly. */
function isAsIs(value: unknown, above: object[] = []): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
    case 'object':
      return value === null || isPlainAllDown(value, above)
    default:
      return false
  }
}

/** @param above what it stands in: a cycle is not plain */
function isPlainAllDown(value: object, above: object[]): boolean {
  if (above.includes(value)) return false
  above.push(value)
  const plain = Array.isArray(value) ? isPlainList(value, above) : isPlainRecord(value, above)
  above.pop()
  return plain
}

function isPlainList(value: readonly unknown[], above: object[]): boolean {
  for (let i = 0; i < value.length; i++) if (!isAsIs(value[i], above)) return false
  return true
}

function isPlainRecord(value: object, above: object[]): boolean {
  if (!isPlainObject(value) || '$' in value) return false
  for (const key of Object.keys(value)) if (!isAsIs(value[key], above)) return false
  return Object.getOwnPropertySymbols(value).length === 0
}

function tagged(value: unknown, path: string, above: Set<object>): unknown {
  if (isAsIs(value)) return value
  switch (typeof value) {
    case 'undefined':
      return { $: 'undefined' }
    case 'number':
      return { $: 'number', v: Object.is(value, -0) ? '-0' : String(value) }
    case 'bigint':
      return { $: 'bigint', v: String(value) }
    case 'object':
      return value === null ? null : container(value, path, above)
    default:
      throw new SerializationError(path, describeValue(value))
  }
}

function container(value: object, path: string, above: Set<object>): unknown {
  if (above.has(value)) throw new SerializationError(path, 'a reference to what it stands in')
  above.add(value)
  const made = form(value, path, (item, at) => tagged(item, at, above))
  above.delete(value)
  return made
}

type Inner = (item: unknown, path: string) => unknown

function form(value: object, path: string, inner: Inner): unknown {
  if (Array.isArray(value)) return Array.from(value, (item, i) => inner(item, `${path}[${i}]`))
  if (isPlainObject(value)) return record(value, path, inner)
  if (value instanceof Held) return heldForm(value, path, inner)
  if (value instanceof Date) return dateForm(value.getTime())
  if (value instanceof Map) {
    const entries = [...value].map(([key, item], i) => [
      inner(key, `${path}.keys[${i}]`),
      inner(item, `${path}.get(${describeValue(key)})`),
    ])
    return { $: 'map', v: entries }
  }
  if (value instanceof Set) return { $: 'set', v: [...value].map((item, i) => inner(item, `${path}.values[${i}]`)) }
  if (isBytes(value)) return { $: 'bytes', ...fromBytes(value) }
  const known = classOf(value)
  if (known !== undefined) return { $: 'class', n: known.name, v: inner(known.save(value), path) }
  if (value instanceof Error) return { $: 'error', ...errorParts(value, (item) => inner(item, path)) }
  throw new SerializationError(path, describeValue(value))
}

const dateForm = (time: number): object => ({ $: 'date', v: Number.isNaN(time) ? null : time })

function heldForm({ tag, name, value }: Held, path: string, inner: Inner): unknown {
  if (tag === 'date') return dateForm(value as number)
  if (tag === 'bytes') return { $: tag, n: name, v: base64(value as Uint8Array) }
  return { $: tag, ...(name !== undefined && { n: name }), v: inner(value, path) }
}

function record(value: Readonly<Record<string, unknown>>, path: string, inner: Inner): unknown {
  if (Object.getOwnPropertySymbols(value).length > 0)
    throw new SerializationError(path, 'an object with symbols for keys')
  const entries = Object.keys(value).map(
    (key) => [key, inner(value[key], path === '' ? key : `${path}.${key}`)] as const,
  )
  return '$' in value ? { $: 'object', v: entries } : Object.fromEntries(entries)
}
