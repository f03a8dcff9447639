import { ContractError } from '../errors.js'
import { describeValue, isPlainObject } from '../internal/guards.js'

/** The data of an application: immutable, replaced as a whole by each commit. */
export type State = Readonly<Record<string, unknown>>

// Containers that were frozen, so that each is walked once in its life. `true`: it holds something that cannot be
// frozen (Map, Set, Date, bytes), so a branch gets a copy of its own.
const walked = new WeakMap<object, boolean>()

/**
 * Freezes a value that enters the state, all the way down.
 *
 * Map, Set, Date and bytes cannot be frozen; they are shared by the steps of one application and copied for a branch
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
    value instanceof ArrayBuffer
  )
}

/** The value as another application may have it: itself where it is frozen, else a frozen copy. */
export function isolate(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || walked.get(value) !== true) return value
  const copy: unknown = structuredClone(value)
  deepFreeze(copy, 'State', '')
  return copy
}
