import { isObject, isPlainObject } from '../internal/guards.js'
import { classOf } from './classes.js'

// Owns: the kinds of objects that a state may hold. Validation, copying, equality and the codec all use this list.
// Does not own: how each of them treats a kind.

/** A kind of object that state may hold. */
export type Kind = 'list' | 'record' | 'date' | 'map' | 'set' | 'bytes' | 'error' | 'class'

const platform = (name: string): { readonly prototype: object } | undefined => Reflect.get(globalThis, name)

// Buffer exists only on Node, Float16Array only on newer platforms.
const BYTES =
  'ArrayBuffer DataView Buffer Int8Array Uint8Array Uint8ClampedArray Int16Array Uint16Array Int32Array Uint32Array Float16Array Float32Array Float64Array BigInt64Array BigUint64Array'
    .split(' ')
    .map((name) => [name, platform(name)?.prototype] as const)
const ERRORS = 'Error EvalError RangeError ReferenceError SyntaxError TypeError URIError AggregateError DOMException'
  .split(' ')
  .map((name) => [name, platform(name)?.prototype] as const)

const builtIn = new Map<unknown, Kind>([
  [Date.prototype, 'date'],
  [Map.prototype, 'map'],
  [Set.prototype, 'set'],
  ...BYTES.map(([, prototype]): [unknown, Kind] => [prototype, 'bytes']),
  ...ERRORS.map(([, prototype]): [unknown, Kind] => [prototype, 'error']),
])

builtIn.delete(undefined) // types that this platform lacks

const BRAND = Symbol.for('teasel.error')

/**
 * The kind of an object; undefined for an object that state cannot hold. A subclass is not its base class: a store
 * would return it as another type.
 */
export function kindOf(value: object): Kind | undefined {
  if (classOf(value) !== undefined) return 'class'
  const prototype: unknown = Object.getPrototypeOf(value)
  // The prototype of arrays is an array itself, in every realm.
  if (Array.isArray(value)) return Array.isArray(prototype) ? 'list' : undefined
  if (isPlainObject(value)) return inherits(prototype) ? undefined : 'record'
  const kind = builtIn.get(prototype)
  if (kind === 'bytes') return isShared(value) ? undefined : kind
  return kind ?? (value instanceof Error && BRAND in value ? 'error' : undefined)
}

/**
 * True for a prototype that may carry inherited members such as `toJSON`: not `Object.prototype` of any realm, nor the
 * prototype of a view.
 */
const inherits = (prototype: unknown): boolean =>
  isObject(prototype) && Object.getPrototypeOf(prototype) === null && !Object.hasOwn(prototype, 'isPrototypeOf')

/** True for bytes that another thread may change. */
const isShared = (value: object): boolean =>
  ArrayBuffer.isView(value) && Object.prototype.toString.call(value.buffer) !== '[object ArrayBuffer]'

/** A part of an object that neither a copy nor a store would keep. */
export interface NonDataPart {
  /** Position after the path of the object: `.price`, `[3]`; empty for the object itself. */
  readonly at: string
  readonly got: string
}

/** The first part of an object that is not data, if any: an accessor, a symbol key, a hole. */
export function nonDataPart(value: object, kind: Kind): NonDataPart | undefined {
  if (kind === 'record') return nonDataInRecord(value)
  if (kind === 'list') return nonDataInList(value as readonly unknown[])
  if (kind !== 'map' && kind !== 'set' && kind !== 'date') return undefined
  const [key] = Reflect.ownKeys(value)
  return key === undefined ? undefined : onIt(key)
}

function nonDataInRecord(value: object): NonDataPart | undefined {
  for (const key of Object.getOwnPropertyNames(value)) {
    const found = Object.getOwnPropertyDescriptor(value, key)
    if (found === undefined) continue
    if (!('value' in found)) return { at: `.${key}`, got: 'a getter or setter' }
    if (found.enumerable !== true) return { at: `.${key}`, got: 'a property that is not enumerable' }
  }
  const [symbol] = Object.getOwnPropertySymbols(value)
  return symbol === undefined ? undefined : onIt(symbol)
}

function nonDataInList(value: readonly unknown[]): NonDataPart | undefined {
  const { length } = value
  // As many values as items, none of them missing. Keys would be made into texts, which takes three times as long.
  if (Object.values(value).length === length && !value.includes(undefined)) return undefined
  const keys = Object.keys(value)
  if (keys.length === length && (length === 0 || keys[length - 1] === String(length - 1))) return undefined
  const first = keys.findIndex((key, i) => key !== String(i))
  const at = first === -1 ? keys.length : first
  return at < length ? { at: `[${at}]`, got: 'a hole' } : onIt(keys[at] ?? '')
}

const onIt = (key: string | symbol): NonDataPart =>
  typeof key === 'symbol' ? { at: '', got: `the key ${String(key)}` } : { at: `.${key}`, got: 'an extra property' }

function nameIn(list: typeof BYTES, value: object): string | undefined {
  const prototype: unknown = Object.getPrototypeOf(value)
  return list.find((one) => one[1] === prototype)?.[0]
}

/** The stored name of a bytes type. */
export const bytesName = (value: object): string | undefined => nameIn(BYTES, value)

/** The built-in class of an error; undefined for a user-defined class or a subclass. */
export const errorClass = (value: object): string | undefined => nameIn(ERRORS, value)

/** Makes an error of a built-in class. */
export function errorOfClass(name: string, message: string, called: string): Error {
  const Made = ERRORS.find((one) => one[0] === name)?.[1]?.constructor ?? Error
  const args = { AggregateError: [[], message], DOMException: [message, called] }[name] ?? [message]
  return Reflect.construct(Made, args) as Error
}

/**
 * Makes a view of bytes over a buffer.
 * @param name stored name; a `Buffer` becomes a `Uint8Array` where the platform has none
 * @returns undefined for an unknown name
 */
export function bytesOver(name: string, buffer: ArrayBuffer): ArrayBufferView | ArrayBuffer | undefined {
  if (name === 'ArrayBuffer') return buffer
  const prototype = BYTES.find((one) => one[0] === name)?.[1]
  // A Buffer is a Uint8Array with another prototype; its constructor must not be called.
  if (name === 'Buffer') return Object.setPrototypeOf(new Uint8Array(buffer), prototype ?? Uint8Array.prototype)
  return prototype && (Reflect.construct(prototype.constructor, [buffer]) as ArrayBufferView)
}

/** Copies bytes, keeping their kind. A view is copied without the rest of its buffer. */
export function copyBytes(value: ArrayBufferView | ArrayBuffer): object {
  const name = bytesName(value) ?? ''
  if (value instanceof ArrayBuffer) return value.slice(0)
  const buffer = value.buffer.slice(value.byteOffset, value.byteOffset + value.byteLength)
  return bytesOver(name, buffer as ArrayBuffer) ?? value
}
