import { encode } from '../codec/encode.js'
import { hold } from '../codec/held.js'
import { isPlainObject } from '../internal/guards.js'
import type { State } from '../state/freeze.js'
import { apply, diff, type Patch } from './patch.js'

// A branch and its parent share large values. They are stored once, with the parent: the first row of a branch holds
// pointers to them, and patches.

/** The last stored state of the parent, and its step. */
export interface ParentState {
  readonly appId: string
  readonly sequenceId: number
  readonly epoch: number
  readonly held: State
}

/** Stored in place of a value: the key of the value in the parent's state, and the patch to apply. */
interface Pointer {
  readonly $: 'above'
  readonly v: string
  readonly p?: Patch
}

/** Shorter texts are stored whole. */
const SHORT = 64
const isLarge = (value: unknown): boolean =>
  typeof value === 'string' ? value.length >= SHORT : typeof value === 'object' && value !== null

const keys = new WeakMap<State, ReadonlyMap<unknown, string>>()

/** The keys of a state, by their large values. */
function keysOf(held: State): ReadonlyMap<unknown, string> {
  let known = keys.get(held)
  if (known === undefined) {
    known = new Map(Object.keys(held).flatMap((key) => (isLarge(held[key]) ? [[held[key], key] as const] : [])))
    keys.set(held, known)
  }
  return known
}

/** A state encoded against the parent's. */
export interface EncodedState {
  readonly json: string
  readonly held: State
  readonly at: ParentState
}

/**
 * Encodes a state against the parent's.
 * @returns undefined if they share no large value
 * @throws {SerializationError} with the path of a value that cannot be stored
 */
export function encodeAgainstParent(state: State, at: ParentState, loose: boolean): EncodedState | undefined {
  if ('$' in state) return undefined
  const known = keysOf(at.held)
  if (known.size === 0) return undefined
  let found = false
  const parts: string[] = []
  const held: Record<string, unknown> = {}
  for (const key of Object.keys(state)) {
    const value = hold(state[key], Object.hasOwn(at.held, key) ? at.held[key] : undefined, loose)
    Object.defineProperty(held, key, { value, enumerable: true })
    const pointer = pointerTo(value, key, at.held, known)
    found ||= pointer !== undefined
    parts.push(`${JSON.stringify(key)}:${pointer ?? encode(state[key], key)}`)
  }
  return found ? { json: `{${parts.join(',')}}`, held, at } : undefined
}

function pointerTo(value: unknown, key: string, above: State, known: ReadonlyMap<unknown, string>): string | undefined {
  if (!isLarge(value)) return undefined
  const same = known.get(value)
  if (same !== undefined) return pointer(same)
  if (!Object.hasOwn(above, key) || !isLarge(above[key])) return undefined
  const patch = diff(above[key], value)
  if (patch?.[0] === '=') return undefined
  try {
    return pointer(key, patch)
  } catch {
    return undefined // encoding the whole value throws with its path
  }
}

const pointer = (key: string, patch?: Patch): string =>
  `{"$":"above","v":${JSON.stringify(key)}${patch === undefined ? '' : `,"p":${encode(patch)}`}}`

/**
 * Resolves the pointers of a state into the parent's.
 * @throws {SyntaxError} when the parent's state lacks a key
 */
export function resolveAgainstParent(state: State, above: State): State {
  const entries = Object.entries(state).map(([key, item]) => {
    if (!isPlainObject(item) || item['$'] !== 'above') return [key, item] as const
    const { v, p } = item as unknown as Pointer
    if (!Object.hasOwn(above, v))
      throw new SyntaxError(`it refers to the key "${v}" of its parent, which is not stored.`)
    return [key, apply(above[v], p)] as const
  })
  return Object.fromEntries(entries)
}
