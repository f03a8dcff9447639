import { encode } from '../codec/encode.js'
import { hold } from '../codec/held.js'
import { isPlainObject } from '../internal/guards.js'
import type { State } from '../state/freeze.js'
import { apply, diff, type Patch } from './patch.js'

// What a branch has of the application above it is stored once, with that one: in the first row of a branch stands where
// to find it, and what is different.

/** What is stored of an application: the step, and the state as it was held. */
export interface ParentState {
  readonly appId: string
  readonly sequenceId: number
  readonly epoch: number
  readonly held: State
}

/** In the place of a value: the key that it has above, and what changed. */
interface Pointer {
  readonly $: 'above'
  readonly v: string
  readonly p?: Patch
}

/** A text shorter than this is written whole. */
const SHORT = 64
const isLarge = (value: unknown): boolean =>
  typeof value === 'string' ? value.length >= SHORT : typeof value === 'object' && value !== null

const keys = new WeakMap<State, ReadonlyMap<unknown, string>>()

/** The keys of a state by what they hold. */
function keysOf(held: State): ReadonlyMap<unknown, string> {
  let known = keys.get(held)
  if (known === undefined) {
    known = new Map(Object.keys(held).flatMap((key) => (isLarge(held[key]) ? [[held[key], key] as const] : [])))
    keys.set(held, known)
  }
  return known
}

/** JSON of a state that is told over the one above. */
export interface EncodedState {
  readonly json: string
  readonly held: State
  readonly at: ParentState
}

/**
 * @returns undefined where it has nothing of what is above
 * @throws {SerializationError} with the path of what cannot be stored
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
    return undefined // refused with its path, as the value is written
  }
}

const pointer = (key: string, patch?: Patch): string =>
  `{"$":"above","v":${JSON.stringify(key)}${patch === undefined ? '' : `,"p":${encode(patch)}`}}`

/**
 * The stored form of a state that was told over another one.
 * @throws {SyntaxError} when the other one lacks what it refers to
 */
export function resolveAgainstParent(state: State, above: State): State {
  const entries = Object.entries(state).map(([key, item]) => {
    if (!isPlainObject(item) || item['$'] !== 'above') return [key, item] as const
    const { v, p } = item as unknown as Pointer
    if (!Object.hasOwn(above, v)) throw new SyntaxError(`it refers to the key "${v}" above, which is not stored there.`)
    return [key, apply(above[v], p)] as const
  })
  return Object.fromEntries(entries)
}
