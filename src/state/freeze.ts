import { ContractError } from '../errors.js'
import { describeValue } from '../internal/guards.js'
import { classOf } from './classes.js'
import { copyBytes, type Kind, kindOf, oddPart } from './kind.js'

// Owns: what may enter the state, and that nothing which code holds can change it afterwards.
// V1  Plain objects and arrays are frozen once, all the way down, as they enter.
// V2  Of what cannot be frozen (Map, Set, Date, bytes, registered classes) a copy is kept that no code is given. Whoever
//     reads gets a copy of it; what is stored and compared is the copy that is kept.
// V3  What is frozen is never copied.

/** The data of an application: immutable, replaced as a whole by each commit. */
export type State = Readonly<Record<string, unknown>>

const OPEN = 0
const FROZEN = 1
/** It is, or holds, something that cannot be frozen. */
const COPIED = 2

// Whatever was looked at, so that each is walked once in its life. `OPEN`: being walked now.
const walked = new WeakMap<object, typeof OPEN | typeof FROZEN | typeof COPIED>()
/** What cannot be frozen, and the copy that is kept of it (V2). */
const kept = new WeakMap<object, object>()
/** Whether any state of this process held something that cannot be frozen: else readers need not be asked. */
let anyCopied = false
/** Whether the value that enters holds something that entered before, and may have been changed since. */
let stale = false

/**
 * Freezes a value that enters the state, all the way down.
 *
 * Map, Set, Date, bytes and registered classes cannot be frozen: a copy of them is kept.
 * @param path where it stands, for the message: `answers.gpt4`
 * @returns the value; a copy of it where it holds such a thing that entered before, because that one may have been
 *   changed meanwhile and is what an earlier state holds
 * @throws {ContractError} for a function, symbol, instance of a class, cycle, accessor or hole, with its path
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

/** Freezes whatever the keys of a record hold. Answers the record, or another one where a value was copied. */
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

function isLeaf(value: unknown): boolean {
  return typeof value === 'object' ? value === null : typeof value !== 'function' && typeof value !== 'symbol'
}

/** Answers whether something lies below that cannot be frozen. */
function walk(value: unknown, subject: string, path: string): boolean {
  if (isLeaf(value)) return false
  if (typeof value !== 'object' || value === null) throw refused(subject, path, describeValue(value))
  const known = walked.get(value)
  if (known === OPEN) throw refused(subject, path, 'a reference to what it stands in')
  if (known === COPIED) stale = true
  if (known !== undefined) return known === COPIED
  walked.set(value, OPEN)
  try {
    const copied = walkInside(value, subject, path)
    walked.set(value, copied ? COPIED : FROZEN)
    return copied
  } catch (error) {
    walked.delete(value) // refused: looked at afresh next time
    throw error
  }
}

function walkInside(value: object, subject: string, path: string): boolean {
  const kind = kindOf(value)
  if (kind === undefined) throw refused(subject, path, describeValue(value))
  const odd = oddPart(value, kind)
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

/** True for what need not be looked at. */
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

/** With the errors that it holds. What else it carries belongs to others, and is left as it is. */
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
  new ContractError(subject, { kind: 'unsupported-value', key, got })

/** True for what was looked at as it entered a state. */
export const isChecked = (value: object): boolean => walked.has(value)

/** True where a value, or something in it, cannot be frozen: Map, Set, Date, bytes, registered classes. */
export const isMutable = (value: object): boolean => walked.get(value) === COPIED

/** The copy that is kept of what cannot be frozen; of anything else the value itself. */
export const keptOf = (value: object): object => kept.get(value) ?? value

/** What the copies of readers are of. */
const origins = new WeakMap<object, object>()

/** The value as a reader may have it: itself where it is frozen, else a copy of its own. */
export function isolate(value: unknown): unknown {
  if (!anyCopied || typeof value !== 'object' || value === null || walked.get(value) !== COPIED) return value
  const copy = copyOf(value, PRIVATE) as object
  origins.set(copy, value)
  return copy
}

/** What a reader sees, as the state holds it: whatever the reader did to its own copies. */
export function heldState(view: State): State {
  const held: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(view))
    held[key] = typeof value === 'object' && value !== null ? (origins.get(value) ?? value) : value
  return Object.freeze(held)
}

/** A state whose parts that cannot be frozen are copies of the reader's own; itself where it has none. */
export function ownState(state: State): State {
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

/** A state as it is shown outside: the same copy each time that it is asked for. */
export function shownState(state: State): State {
  const known = anyCopied ? shown.get(state) : state
  if (known !== undefined) return known
  const own = ownState(state)
  shown.set(state, own)
  return own
}

/** How a copy is made. */
interface Copying {
  /** What a part that cannot be frozen is copied from. */
  readonly from: (leaf: object) => object
  readonly freeze: boolean
}
const PRIVATE: Copying = { from: keptOf, freeze: true }
const ANEW: Copying = { from: (leaf) => leaf, freeze: true }
/** For the `load` of a class, which may keep what it is given. */
const LOOSE: Copying = { from: keptOf, freeze: false }

/** A copy of everything in it that can be changed; the rest is shared (V3). */
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
