import { ContractError } from '../errors.js'
import { describeValue, isPlainObject } from '../internal/guards.js'
import { classOf } from './classes.js'

/** The data of an application: immutable, replaced as a whole by each commit. */
export type State = Readonly<Record<string, unknown>>

// Containers that were frozen, so that each is walked once in its life. `true`: it holds something that cannot be
// frozen (Map, Set, Date, bytes), so a branch gets a copy of its own.
const walked = new WeakMap<object, boolean>()

/**
 * Freezes a value that enters the state, all the way down.
 *
 * Map, Set, Date, bytes and registered classes cannot be frozen; they are shared by the steps of one application and copied for a branch
 * that reads them.
 * @param path where it stands, for the message: `answers.gpt4`
 * @throws {ContractError} for a function, symbol or instance of a class, with its path
 */
export function deepFreeze(value: unknown, subject: string, path: string): void {
  if (!isLeaf(value)) walk(value, subject, path)
}

/** Freezes whatever the keys of a record hold. */
export function freezeAll(record: Readonly<Record<string, unknown>>, subject: string): void {
  for (const key of Object.keys(record)) deepFreeze(record[key], subject, key)
}

function isLeaf(value: unknown): boolean {
  return typeof value === 'object' ? value === null : typeof value !== 'function' && typeof value !== 'symbol'
}

/** Answers whether something mutable lies below. */
function walk(value: unknown, subject: string, path: string): boolean {
  if (typeof value !== 'object' || value === null) {
    if (typeof value !== 'function' && typeof value !== 'symbol') return false
    throw new ContractError(subject, { kind: 'unsupported-value', key: path, got: describeValue(value) })
  }
  const known = walked.get(value)
  if (known !== undefined) return known
  walked.set(value, false) // before its parts, so that a cycle ends
  try {
    const mutable = walkInside(value, subject, path)
    if (mutable) walked.set(value, true)
    return mutable
  } catch (error) {
    walked.delete(value) // refused: looked at afresh next time
    throw error
  }
}

function walkInside(value: object, subject: string, path: string): boolean {
  if (Array.isArray(value)) {
    let mutable = false
    for (let i = 0; i < value.length; i++) {
      const item: unknown = value[i]
      if (isLeaf(item)) continue
      if (walk(item, subject, `${path}[${i}]`)) mutable = true
    }
    Object.freeze(value)
    return mutable
  }
  if (isPlainObject(value)) {
    let mutable = false
    for (const key of Object.keys(value)) {
      const item = value[key]
      if (isLeaf(item)) continue
      if (walk(item, subject, `${path}.${key}`)) mutable = true
    }
    Object.freeze(value)
    return mutable
  }
  if (isCopied(value)) return true
  if (value instanceof Error) return false
  throw new ContractError(subject, { kind: 'unsupported-value', key: path, got: describeValue(value) })
}

function isCopied(value: object): boolean {
  return (
    value instanceof Date ||
    value instanceof Map ||
    value instanceof Set ||
    ArrayBuffer.isView(value) ||
    value instanceof ArrayBuffer ||
    classOf(value) !== undefined
  )
}

/** The value as another application may have it: itself where it is frozen, else a frozen copy. */
export function isolate(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || walked.get(value) !== true) return value
  const copy = copyOf(value)
  deepFreeze(copy, 'State', '')
  return copy
}

/** True where a value, or something in it, can be changed in place though it is in state: Map, Set, Date, bytes. */
export function isMutable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && walked.get(value) === true
}

/** A copy of everything in it that can be changed; the rest is shared. */
function copyOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || walked.get(value) === false) return value
  if (Array.isArray(value)) return value.map(copyOf)
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [copyOf(key), copyOf(item)]))
  if (value instanceof Set) return new Set([...value].map(copyOf))
  const known = classOf(value)
  if (known !== undefined) return known.load(copyOf(known.save(value)))
  if (!isPlainObject(value)) return structuredClone(value)
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copyOf(item)]))
}
