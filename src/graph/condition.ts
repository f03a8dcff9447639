import { ContractError } from '../errors.js'
import { describeValue, isObject, isPlainObject, ownValue } from '../internal/guards.js'
import { equal } from '../state/equal.js'
import { freezeAll, type State } from '../state/freeze.js'
import { kindOf } from '../state/kind.js'

/** A predicate over the whole state; an unset key is `undefined`. */
export type Condition<in S> = (args: { readonly state: Readonly<S> }) => boolean

/** A predicate over the error of an action and the state before it. */
export type ErrorCondition<in S> = (args: { readonly state: Readonly<S>; readonly error: unknown }) => boolean

/** Shorthand condition: every named key holds an equal value. Values are compared by content; `-0` equals `0`. */
export type Equals<S> = { readonly [K in keyof S]?: S[K] }

/** The type of `when`. */
export type When<S> = Condition<S> | Equals<S>

/** An operand of a compound condition. A record does not determine the type of the state; its context does. */
type Part<S> = Condition<S> | Equals<NoInfer<S>>

/** A compiled condition. */
export type Predicate = (args: { readonly state: never; readonly error?: unknown }) => unknown

const names = new WeakMap<object, string>()

function named<F extends object>(fn: F, name: string): F {
  names.set(fn, name)
  return fn
}

/**
 * True when all conditions hold. Evaluated in order up to the first false one, so a later condition may rely on an
 * earlier one.
 *
 * @example
 * ```ts
 * const good = and<{ verdict?: string; stars?: number[] }>({ verdict: 'good' }, ({ state }) => state.stars !== undefined)
 * good({ state: { verdict: 'bad' } }) // false
 * ```
 * @see Burr `Condition.__and__` in burr/core/action.py
 */
export function and<S>(...conditions: readonly Part<S>[]): Condition<S> {
  const all = conditions.map((condition) => toPredicate<S>(condition))
  return named((args) => all.every((test) => ask(test, args)), joined(conditions, 'and'))
}

/** True when any condition holds. Evaluated in order up to the first true one. */
export function or<S>(...conditions: readonly Part<S>[]): Condition<S> {
  const any = conditions.map((condition) => toPredicate<S>(condition))
  return named((args) => any.some((test) => ask(test, args)), joined(conditions, 'or'))
}

/** True when the condition does not hold. */
export function not<S>(condition: Part<S>): Condition<S> {
  const test = toPredicate<S>(condition)
  return named((args) => !ask(test, args), `not (${conditionName(condition)})`)
}

function ask<S>(test: Condition<S>, args: { readonly state: Readonly<S> }): boolean {
  const answer: unknown = test(args)
  if (typeof answer !== 'boolean')
    throw new TypeError(`${conditionName(test)} returned a ${typeof answer}, not true or false`)
  return answer
}

/** Converts a condition to a function. */
export function toPredicate<S>(condition: When<S>): Condition<S> {
  if (typeof condition === 'function') return condition
  if (!isCondition(condition)) throw new TypeError(noCondition('A condition', condition))
  const unfit = unfitCondition(condition)
  if (unfit !== undefined) throw new TypeError(`A condition ${unfit}`)
  // A private copy, so that later mutations of the record do not change the condition.
  const entries = Object.entries(freezeAll(condition as State, 'A condition'))
  return named(
    ({ state }) =>
      entries.every(([key, value]) => equal(ownValue(state as Readonly<Record<string, unknown>>, key), value)),
    conditionName(condition),
  )
}

/** True for a valid `when`. */
export function isCondition(value: unknown): boolean {
  return typeof value === 'function' || isPlainObject(value)
}

/** Why a record can never hold: it compares a key with a value that state cannot hold. Undefined for a valid record. */
export function unfitCondition(condition: unknown): string | undefined {
  if (!isPlainObject(condition)) return undefined
  try {
    freezeAll(condition, 'A condition')
    return undefined
  } catch (error) {
    if (!(error instanceof ContractError) || error.fault.kind !== 'unsupported-value') throw error
    const { key, got } = error.fault
    return `compares ${key} with ${got}, which state cannot hold. For that, write a function: ({ state }) => boolean.`
  }
}

/** Formats the message for a value that is not a condition. */
export function noCondition(subject: string, value: unknown): string {
  return `${subject} is ${describeValue(value)}. It takes ({ state }) => boolean, or a record of the values of keys.`
}

function joined(conditions: readonly unknown[], word: string): string {
  return conditions.map((condition) => bracketed(conditionName(condition), word)).join(` ${word} `)
}

const bracketed = (name: string, word: string): string => (word === 'and' && name.includes(' or ') ? `(${name})` : name)

const LONGEST_NAME = 60

/** Display name of a condition: its given name, `verdict = "good"`, or the expression of a short arrow function. */
export function conditionName(condition: unknown): string {
  if (typeof condition === 'function') return names.get(condition) ?? fromSource(condition)
  if (!isPlainObject(condition)) return 'condition'
  return Object.entries(condition)
    .map(([key, value]) => `${key} = ${printed(value)}`)
    .join(', ')
}

/** Prints any value on one line, as JSON where possible. */
function printed(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'symbol' || typeof value === 'function') return describeValue(value)
  if (!isObject(value)) return typeof value === 'string' ? JSON.stringify(value) : `${value}`
  switch (kindOf(value)) {
    case 'list':
      return `[${(value as readonly unknown[]).map(printed).join(',')}]`
    case 'record':
      return `{${Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}:${printed(item)}`)}}`
    case 'date':
      return `Date(${(value as Date).getTime()})`
    case 'map':
      return `Map${printed([...(value as ReadonlyMap<unknown, unknown>)])}`
    case 'set':
      return `Set${printed([...(value as ReadonlySet<unknown>)])}`
    default:
      return describeValue(value)
  }
}

// biome-ignore lint/complexity/noBannedTypes: any function, of which only name and source text are read
function fromSource(fn: Function): string {
  if (fn.name !== '' && fn.name !== 'when') return fn.name
  const source = String(fn).replace(/\s+/g, ' ')
  const body = /^(?:async )?(?:\([^)]*\)|\w+) ?=> ?([^\s{].*)$/.exec(source)?.[1]
  return body !== undefined && body.length <= LONGEST_NAME ? body : 'condition'
}
