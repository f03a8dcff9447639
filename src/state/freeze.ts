import { ContractError } from '../errors.js'
import { describeValue } from '../internal/guards.js'
import { classOf } from './classes.js'
import { copyBytes, type Kind, kindOf, nonDataPart } from './kind.js'

// Owns: which values may enter a state, and that no code can change them afterwards.
// V1  Plain objects and arrays are deep-frozen once, when they enter.
// V2  Values that cannot be frozen (Map, Set, Date, bytes, registered classes) are kept as a private copy. Every reader
//     gets a copy of it; storing and comparing use the private copy.
// V3  Frozen values are never copied.

/** The data of an application: immutable, replaced as a whole by each commit. */
export type State = Readonly<Record<string, unknown>>

const OPEN = 0
const FROZEN = 1
/** It is, or contains, a value that cannot be frozen. */
const COPIED = 2

// Every visited object, so that each is walked once. `OPEN` marks one that is being walked.
const walked = new WeakMap<object, typeof OPEN | typeof FROZEN | typeof COPIED>()
/** Private copies of values that cannot be frozen (V2). */
const kept = new WeakMap<object, object>()
/** True once any state of this process held a value that cannot be frozen; until then views need no copies. */
let anyCopied = false
/** True when the entering value contains a value that entered before, and may have been changed since. */
let stale = false

/**
 * Deep-freezes a value that enters the state.
 *
 * Map, Set, Date, bytes and registered classes cannot be frozen: a private copy is kept.
 * @param path path of the value, for the message: `answers.gpt4`
 * @returns the value itself; a copy when it contains an unfreezable value that entered before, since that one may have
 * changed meanwhile and belongs to an earlier state
 * @throws {ContractError} for a function, symbol, class instance, cycle, accessor or hole, with its path
 */
export function deepFreeze(value: unknown, subject: string, path: string): unknown {
  if (isLeaf(value)) return value
  stale = false
  walk(value, subject, path)
  if (!stale) return value
  const copy = copyOf(value, ANEW)
  walk(copy, subject, path)
  return copy
}

/** Deep-freezes every value of a record. Returns the record, or a new one when a value was copied. */
export function freezeAll(record: State, subject: string): State {
  let made: Record<string, unknown> | undefined
  for (const key of Object.keys(record)) {
    const value = deepFreeze(record[key], subject, key)
    if (value === record[key]) continue
    made ??= { ...record }
    made[key] = value
  }
  return made ?? record
}

// Texts first: most of long lists is text.
function isLeaf(value: unknown): boolean {
  if (typeof value === 'string') return true
  return typeof value === 'object' ? value === null : typeof value !== 'function' && typeof value !== 'symbol'
}

/** Freezes a value recursively; returns true when it contains a value that cannot be frozen. */
function walk(value: unknown, subject: string, path: string): boolean {
  if (isLeaf(value)) return false
  if (typeof value !== 'object' || value === null) throw refused(subject, path, describeValue(value))
  const known = walked.get(value)
  if (known === OPEN) throw refused(subject, path, 'a circular reference')
  if (known === COPIED) stale = true
  if (known !== undefined) return known === COPIED
  walked.set(value, OPEN)
  try {
    const copied = walkInside(value, subject, path)
    walked.set(value, copied ? COPIED : FROZEN)
    return copied
  } catch (error) {
    walked.delete(value) // rejected: walk it again next time
    throw error
  }
}

function walkInside(value: object, subject: string, path: string): boolean {
  const kind = kindOf(value)
  if (kind === undefined) throw refused(subject, path, describeValue(value))
  const odd = nonDataPart(value, kind)
  if (odd !== undefined) throw refused(subject, `${path}${odd.at}`, odd.got)
  switch (kind) {
    case 'list':
      return walkList(value as readonly unknown[], subject, path)
    case 'record':
      return walkRecord(value as State, subject, path)
    case 'error':
      return freezeError(value)
    case 'map':
      walkMap(value as ReadonlyMap<unknown, unknown>, subject, path)
      break
    case 'set':
      walkSet(value as ReadonlySet<unknown>, subject, path)
  }
  anyCopied = true
  kept.set(value, copyLeaf(value, kind, PRIVATE))
  return true
}

/** True for a value that needs no walk. */
const isDone = (item: unknown): boolean => isLeaf(item) || walked.get(item as object) === FROZEN

function walkList(list: readonly unknown[], subject: string, path: string): boolean {
  let copied = false
  for (let i = 0; i < list.length; i++) if (!isDone(list[i]) && walk(list[i], subject, `${path}[${i}]`)) copied = true
  Object.freeze(list)
  return copied
}

function walkRecord(record: State, subject: string, path: string): boolean {
  let copied = false
  for (const key of Object.keys(record))
    if (!isDone(record[key]) && walk(record[key], subject, `${path}.${key}`)) copied = true
  Object.freeze(record)
  return copied
}

function walkMap(map: ReadonlyMap<unknown, unknown>, subject: string, path: string): void {
  let i = 0
  for (const [key, item] of map) {
    if (!isDone(key)) walk(key, subject, `${path}.keys[${i}]`)
    if (!isDone(item)) walk(item, subject, `${path}.get(${describeValue(key)})`)
    i += 1
  }
}

function walkSet(set: ReadonlySet<unknown>, subject: string, path: string): void {
  let i = 0
  for (const item of set) {
    if (!isDone(item)) walk(item, subject, `${path}.values[${i}]`)
    i += 1
  }
}

/** Freezes an error together with its nested errors. Its other properties are left as they are. */
function freezeError(error: object): false {
  if (Object.isFrozen(error)) return false
  Object.freeze(error)
  const part = (name: string): unknown => Object.getOwnPropertyDescriptor(error, name)?.value
  const errors = part('errors')
  const held: readonly unknown[] = Array.isArray(errors) ? Object.freeze(errors) : []
  for (const one of [part('cause'), ...held]) if (one instanceof Error) freezeError(one)
  return false
}

const refused = (subject: string, key: string, got: string): ContractError =>
  new ContractError(
    subject,
    { kind: 'unsupported-value', key, got },
    `would put ${got} into the state at ${key}. State holds plain objects, arrays, primitives, Date, Map, Set, bytes and Error; pass anything else as an input or by closure.`,
  )

/** True for a value that was checked when it entered a state. */
export const isChecked = (value: object): boolean => walked.has(value)

/** True when a value is, or contains, a value that cannot be frozen: Map, Set, Date, bytes, registered classes. */
export const isMutable = (value: object): boolean => walked.get(value) === COPIED

/** The private copy of a value that cannot be frozen; any other value itself. */
export const privateCopyOf = (value: object): object => kept.get(value) ?? value

/** Maps the copies of readers to their originals. */
const origins = new WeakMap<object, object>()

/** Returns a value for a reader: the value itself when frozen, else a new copy. */
export function isolate(value: unknown): unknown {
  if (!anyCopied || typeof value !== 'object' || value === null || walked.get(value) !== COPIED) return value
  const copy = copyOf(value, PRIVATE) as object
  origins.set(copy, value)
  return copy
}

/** Converts a view back to state values, ignoring changes that its reader made to copies. */
export function stateOfView(view: State): State {
  const held: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(view))
    held[key] = typeof value === 'object' && value !== null ? (origins.get(value) ?? value) : value
  return Object.freeze(held)
}

/** A state in which values that cannot be frozen are copies for one reader; the state itself when it has none. */
export function isolateState(state: State): State {
  if (!anyCopied) return state
  let own: Record<string, unknown> | undefined
  for (const key of Object.keys(state)) {
    const value = isolate(state[key])
    if (value === state[key]) continue
    own ??= { ...state }
    own[key] = value
  }
  return own === undefined ? state : Object.freeze(own)
}

const shown = new WeakMap<State, State>()

/** A state for outside readers: returns the same copy on every call. */
export function publicState(state: State): State {
  const known = anyCopied ? shown.get(state) : state
  if (known !== undefined) return known
  const own = isolateState(state)
  shown.set(state, own)
  return own
}

/** Options of a copy. */
interface Copying {
  /** Returns the source of the copy for a value that cannot be frozen. */
  readonly from: (leaf: object) => object
  readonly freeze: boolean
}
const PRIVATE: Copying = { from: privateCopyOf, freeze: true }
const ANEW: Copying = { from: (leaf) => leaf, freeze: true }
/** For the `load` of a class, which may keep its argument. */
const LOOSE: Copying = { from: privateCopyOf, freeze: false }

/** Copies everything mutable in a value; frozen parts are shared (V3). */
function copyOf(value: unknown, how: Copying): unknown {
  if (typeof value !== 'object' || value === null || (how.freeze && walked.get(value) === FROZEN)) return value
  const kind = kindOf(value)
  if (kind === undefined) return value
  if (kind !== 'list' && kind !== 'record') return copyLeaf(how.from(value), kind, how)
  const copy =
    kind === 'list'
      ? (value as readonly unknown[]).map((item) => copyOf(item, how))
      : Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copyOf(item, how)] as const))
  return how.freeze ? Object.freeze(copy) : copy
}

function copyLeaf(value: object, kind: Kind, how: Copying): object {
  const inner = (item: unknown): unknown => copyOf(item, how)
  switch (kind) {
    case 'map':
      return new Map([...(value as ReadonlyMap<unknown, unknown>)].map(([key, item]) => [inner(key), inner(item)]))
    case 'set':
      return new Set([...(value as ReadonlySet<unknown>)].map(inner))
    case 'date':
      return new Date((value as Date).getTime())
    case 'bytes':
      return copyBytes(value as ArrayBufferView | ArrayBuffer)
    case 'class': {
      const form = classOf(value)
      return form === undefined ? value : (form.load(copyOf(form.save(value), LOOSE)) as object)
    }
    default:
      return value
  }
}
