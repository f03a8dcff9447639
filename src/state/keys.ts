import { describeValue } from '../internal/guards.js'
import type { Flat, Name, OptionalKeys } from '../internal/type-tools.js'

declare const refused: unique symbol

/** The type of a key that an action, map or reducer returns without declaring it. */
export interface NotDeclaredInWrites {
  readonly [refused]: never
}

/** Forbidden keys, each named. */
export type Refuse<Keys extends PropertyKey> = { readonly [K in Keys]: NotDeclaredInWrites }

/** `'key'` must be set when the action starts; `'key?'` may be unset. */
export type ReadName<S> = Name<S> | `${Name<S>}?`
type Maybe<N> = N extends `${infer K}?` ? K : never
type Sure<N> = N extends `${string}?` ? never : N
type Held<S, K extends keyof S> = [K & OptionalKeys<S>] extends [never] ? Pick<S, K> : Required<Pick<S, K>>

/** The part of the state `S` visible to an action with the reads `N`. */
export type ReadsOf<S, N extends string> = [Maybe<N>] extends [never]
  ? Held<S, N & keyof S>
  : Flat<Held<S, Sure<N> & keyof S> & { [K in Maybe<N> & keyof S]?: S[K] | undefined }>

/** The update of an action with the writes `W`. */
export type WritesOf<S, W extends keyof S> = Held<S, W>

/** Parsed reads: names without their `?`. */
export interface Reads {
  readonly required: readonly string[]
  readonly optional: readonly string[]
  /** All names, in declaration order. */
  readonly names: readonly string[]
}

/**
 * Splits declared reads into required and optional ones.
 * @throws {TypeError} when a name is empty, `__proto__`, or declared twice
 */
export function parseReads(declared: readonly string[]): Reads {
  assertTexts('reads', declared)
  const optional = declared.filter((name) => name.endsWith('?')).map((name) => name.slice(0, -1))
  const required = declared.filter((name) => !name.endsWith('?'))
  return { required, optional, names: checkNames('reads', [...required, ...optional]) }
}

/** @throws {TypeError} for a value that is not a list of texts */
export function assertTexts(subject: string, names: unknown, takes = 'state keys'): void {
  if (!Array.isArray(names)) throw new TypeError(`${subject} is ${describeValue(names)}. It takes a list of ${takes}.`)
  const other: unknown = names.find((name) => typeof name !== 'string')
  if (other !== undefined) throw new TypeError(`${subject} holds ${describeValue(other)}. It takes a list of ${takes}.`)
}

/**
 * Rejects names that cannot be state keys.
 * @throws {TypeError} when a name is empty, `__proto__`, or declared twice
 */
export function checkNames(subject: string, names: readonly string[]): readonly string[] {
  assertTexts(subject, names)
  const seen = new Set<string>()
  for (const name of names) {
    if (name === '' || name === '__proto__') {
      throw new TypeError(`${subject} holds ${JSON.stringify(name)}, which cannot be the name of a state key.`)
    }
    if (seen.has(name)) throw new TypeError(`${subject} names "${name}" twice. Name it once.`)
    seen.add(name)
  }
  return names
}
