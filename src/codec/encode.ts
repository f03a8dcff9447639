import { describeValue, messageOf } from '../internal/guards.js'
import { classOf } from '../state/classes.js'
import { isChecked, privateCopyOf, type State } from '../state/freeze.js'
import { kindOf, nonDataPart } from '../state/kind.js'
import { SerializationError } from '../store-errors.js'
import { BytesIn, BytesOut, type Encoded } from './attached-bytes.js'
import { base64, fromBytes } from './bytes.js'
import { errorParts } from './error-form.js'
import { Held } from './held.js'
import { revive } from './revive.js'

// Values as JSON text and back. JSON values stay as they are, so that a store can query them; other values become
// `{ "$": tag, … }`. A plain object with the key "$" becomes a list of its entries.

/** The version of this format. Every record holds it. */
export const FORMAT = 2

/**
 * Encodes a value as JSON text: plain objects, lists, primitives (also `undefined`, `bigint`, `NaN` and `-0`), Date,
 * Map, Set, bytes, errors, and instances of classes registered with {@link registerClass}. {@link decode} returns an
 * equal value. Persisters store state in this form.
 *
 * JSON values stay as they are, so that a store can query them; other values become `{ "$": tag, … }`.
 * @param path path of the value, for the message. Default: none
 * @throws {SerializationError} with the path and the type of a value that cannot be stored: a function, a symbol, an
 *   instance of another class, a cycle
 *
 * @example
 * ```ts
 * const text = encode({ at: new Date(5), seen: new Map([['a', 1n]]) })
 * decode(text) // { at: new Date(5), seen: new Map([['a', 1n]]) }
 * ```
 */
export function encode(value: unknown, path = ''): string {
  return JSON.stringify(plainOf(value, path))
}

/**
 * A value as plain JSON data, with tags.
 * @throws {SerializationError} as {@link encode} throws it
 */
export const plainOf = (value: unknown, path: string): unknown =>
  tagged(value, path, { above: new Set(), replace: undefined })

/**
 * A value as text, and large bytes beside it. {@link decodeWithBytes} reads both; stores have no place for bytes.
 * @param carriesBytes false where all bytes become text
 * @throws {SerializationError} as {@link encode} throws it
 */
export function encodeWithBytes(value: unknown, carriesBytes: boolean): Encoded {
  const out = carriesBytes ? new BytesOut() : undefined
  const text = JSON.stringify(tagged(value, '', { above: new Set(), replace: undefined, bytesOut: out }))
  return { text, bytes: out?.bytes }
}

/** The same for a value that must cross: each part that cannot be encoded becomes its description. */
export function describedWithBytes(value: unknown, carriesBytes: boolean): Encoded {
  const out = carriesBytes ? new BytesOut() : undefined
  const text = JSON.stringify(lossy(value, { above: new Set(), replace: describeValue, bytesOut: out }))
  return { text, bytes: out?.bytes }
}

/** The same for a value that must be stored: each part that cannot be stored becomes its description. */
export const plainDescribed = (value: unknown): unknown => lossy(value, { above: new Set(), replace: describeValue })

/** The same for a reader, never for a store: each part that cannot be stored becomes a tag, `unsupported`. */
export const plainForReaders = (value: unknown): unknown =>
  lossy(value, { above: new Set(), replace: (odd) => ({ $: 'unsupported', of: describeValue(odd) }) })

interface EncodeContext {
  /** The objects around the value. */
  readonly above: Set<object>
  /** Replaces a part that cannot be stored; undefined if such a part is an error. */
  readonly replace: ((odd: unknown) => unknown) | undefined
  /** Takes large bytes; undefined where all bytes become text. */
  readonly bytesOut?: BytesOut | undefined
}

function lossy(value: unknown, context: EncodeContext): unknown {
  try {
    return tagged(value, '', context)
  } catch {
    return context.replace?.(value)
  }
}

/**
 * Decodes a text from {@link encode}.
 * @throws {SyntaxError} for a text that does not come from `encode`
 * @throws {SerializationError} for an instance of a class that is not registered, or a tag of another version of Teasel
 *
 * @example
 * ```ts
 * decode('{"n":1,"big":{"$":"bigint","v":"2"}}') // { n: 1, big: 2n }
 * ```
 */
export function decode(text: string): unknown {
  const value: unknown = JSON.parse(text)
  if (!text.includes('"$"')) return value
  try {
    return revive(value)
  } catch (cause) {
    if (SerializationError.is(cause)) throw cause
    throw new SyntaxError(`The text does not come from encode: ${messageOf(cause)}`, { cause })
  }
}

/**
 * Decodes a text whose large bytes are beside it. They become parts of the value.
 * @throws {Error} for a text that does not come from {@link encodeWithBytes}, or comes with other bytes
 */
export function decodeWithBytes({ text, bytes }: Encoded): unknown {
  if (bytes === undefined) return decode(text)
  const bytesIn = new BytesIn(bytes)
  const value = revive(JSON.parse(text), (stored) => bytesIn.read(stored))
  bytesIn.assertTaken()
  return value
}

/** A container that is being looked through, and those around it: a cycle is not plain. */
interface Around {
  readonly value: object
  readonly above: Around | undefined
}

/** True when JSON represents a value exactly. */
export const isAsIs = (value: unknown): boolean => isPlain(value, undefined)

function isPlain(value: unknown, above: Around | undefined): boolean {
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

function isPlainAllDown(value: object, above: Around | undefined): boolean {
  for (let one = above; one !== undefined; one = one.above) if (one.value === value) return false
  const kind = kindOf(value)
  if ((kind !== 'list' && kind !== 'record') || (!isChecked(value) && nonDataPart(value, kind) !== undefined))
    return false
  const here = { value, above }
  return kind === 'list' ? isPlainList(value as readonly unknown[], here) : isPlainRecord(value as State, here)
}

function isPlainList(value: readonly unknown[], here: Around): boolean {
  for (let i = 0; i < value.length; i++) if (!isPlain(value[i], here)) return false
  return true
}

function isPlainRecord(value: State, here: Around): boolean {
  if (Object.hasOwn(value, '$')) return false
  for (const key of Object.keys(value)) if (!isPlain(value[key], here)) return false
  return true
}

function tagged(value: unknown, path: string, context: EncodeContext): unknown {
  // With `replace`, parts are encoded one by one: checking an object as a whole may throw.
  if ((context.replace === undefined || typeof value !== 'object') && isAsIs(value)) return value
  switch (typeof value) {
    case 'undefined':
      return { $: 'undefined' }
    case 'number':
      return { $: 'number', v: Object.is(value, -0) ? '-0' : String(value) }
    case 'bigint':
      return { $: 'bigint', v: String(value) }
    case 'object':
      return value === null ? null : container(value, path, context)
    default:
      throw new SerializationError(path, describeValue(value))
  }
}

function container(value: object, path: string, context: EncodeContext): unknown {
  const { above, replace, bytesOut } = context
  if (above.has(value)) throw new SerializationError(path, 'a circular reference')
  above.add(value)
  try {
    const inner: Inner = (item, at) => (replace === undefined ? tagged(item, at, context) : lossy(item, context))
    return form(privateCopyOf(value), path, inner, bytesOut)
  } finally {
    above.delete(value)
  }
}

type Bytes = ArrayBufferView | ArrayBuffer
type Inner = (item: unknown, path: string) => unknown

function form(value: object, path: string, inner: Inner, bytesOut: BytesOut | undefined): unknown {
  if (value instanceof Held) return heldForm(value, path, inner)
  const kind = kindOf(value)
  const odd = kind && nonDataPart(value, kind)
  if (odd !== undefined) throw new SerializationError(`${path}${odd.at}`, odd.got)
  switch (kind) {
    case 'list':
      return (value as readonly unknown[]).map((item, i) => inner(item, `${path}[${i}]`))
    case 'record':
      return record(value as State, path, inner)
    case 'date':
      return dateForm((value as Date).getTime())
    case 'map':
      return { $: 'map', v: [...(value as ReadonlyMap<unknown, unknown>)].map(entryForm(path, inner)) }
    case 'set':
      return { $: 'set', v: [...(value as ReadonlySet<unknown>)].map((item, i) => inner(item, `${path}.values[${i}]`)) }
    case 'bytes':
      return bytesOut?.formOf(value as Bytes) ?? { $: 'bytes', ...fromBytes(value as Bytes) }
    case 'class': {
      const known = classOf(value)
      return { $: 'class', n: known?.name, v: inner(known?.save(value), path) }
    }
    default:
      // A failure can always be stored: its name, its message, its properties.
      if (value instanceof Error) return { $: 'error', ...errorParts(value, (item) => inner(item, path)) }
      throw new SerializationError(path, describeValue(value))
  }
}

const dateForm = (time: number): object => ({ $: 'date', v: Number.isNaN(time) ? null : time })

function heldForm({ tag, name, value }: Held, path: string, inner: Inner): unknown {
  if (tag === 'date') return dateForm(value as number)
  if (tag === 'bytes') return { $: tag, n: name, v: base64(value as Uint8Array) }
  return { $: tag, ...(name !== undefined && { n: name }), v: inner(value, path) }
}

const entryForm =
  (path: string, inner: Inner) =>
  ([key, item]: readonly [unknown, unknown], i: number): readonly unknown[] => [
    inner(key, `${path}.keys[${i}]`),
    inner(item, `${path}.get(${describeValue(key)})`),
  ]

function record(value: State, path: string, inner: Inner): unknown {
  const entries = Object.keys(value).map(
    (key) => [key, inner(value[key], path === '' ? key : `${path}.${key}`)] as const,
  )
  return Object.hasOwn(value, '$') ? { $: 'object', v: entries } : Object.fromEntries(entries)
}
