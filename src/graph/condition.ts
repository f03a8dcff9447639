import { ContractError } from '../errors.js'
import { describeValue, isObject, isPlainObject, ownValue } from '../internal/guards.js'
import { equal } from '../state/equal.js'
import { freezeAll, type State } from '../state/freeze.js'
import { kindOf } from '../state/kind.js'

/** A predicate over the state. It sees the whole state; a key that is not set yet is `undefined`. */
export type Condition<in S> = (args: { readonly state: Readonly<S> }) => boolean

/** A predicate over what an action threw, and the state before it. */
export type ErrorCondition<in S> = (args: { readonly state: Readonly<S>; readonly error: unknown }) => boolean

/** Shorthand: every named key holds an equal value. Whatever state may hold is compared by content; `-0` is `0`. */
export type Equals<S> = { readonly [K in keyof S]?: S[K] }

/** What can stand in `when`. */
export type When<S> = Condition<S> | Equals<S>

/** A part of a larger condition. A record says nothing of what else the state holds: where it stands says that. */
type Part<S> = Condition<S> | Equals<NoInfer<S>>

/** A condition as the engine asks it. */
export type Predicate = (args: { readonly state: never; readonly error?: unknown }) => unknown

const names = new WeakMap<object, string>()

function named<F extends object>(fn: F, name: string): F {
  names.set(fn, name)
  return fn
}

/**
 * True when all conditions are, asked in order; after the first false one no further is asked, so a later condition may
 * rely on what an earlier one made sure of.
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

/** True when one condition is, asked in order; after the first true one no further is asked. */
export function or<S>(...conditions: readonly Part<S>[]): Condition<S> {
  const any = conditions.map((condition) => toPredicate<S>(condition))
  return named((args) => any.some((test) => ask(test, args)), joined(conditions, 'or'))
}

/** True when the condition is not. */
export function not<S>(condition: Part<S>): Condition<S> {
  const test = toPredicate<S>(condition)
  return named((args) => !ask(test, args), `not (${conditionName(condition)})`)
}

function ask<S>(test: Condition<S>, args: { readonly state: Readonly<S> }): boolean {
  const answer: unknown = test(args)
  if (typeof answer !== 'boolean')
    throw new TypeError(`${conditionName(test)} answered ${typeof answer}, not true or false`)
  return answer
}

/** The condition as a function; an equality record becomes one. */
export function toPredicate<S>(condition: When<S>): Condition<S> {
  if (typeof condition === 'function') return condition
  if (!isCondition(condition)) throw new TypeError(noCondition('A condition', condition))
  const unfit = unfitCondition(condition)
  if (unfit !== undefined) throw new TypeError(`A condition ${unfit}`)
  // Copies of what can be changed: a condition stays what it was when it was declared.
  const entries = Object.entries(freezeAll(condition as State, 'A condition'))
  return named(
    ({ state }) =>
      entries.every(([key, value]) => equal(ownValue(state as Readonly<Record<string, unknown>>, key), value)),
    conditionName(condition),
  )
}

/** Whether a value can stand in `when`. */
export function isCondition(value: unknown): boolean {
  return typeof value === 'function' || isPlainObject(value)
}

/** Why a record can never hold: it asks for what state cannot hold. */
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

/** Says that a value is no condition. */
export function noCondition(subject: string, value: unknown): string {
  return `${subject} is ${describeValue(value)}. It takes ({ state }) => boolean, or a record of the values that keys hold.`
}

function joined(conditions: readonly unknown[], word: string): string {
  return conditions.map((condition) => bracketed(conditionName(condition), word)).join(` ${word} `)
}

const bracketed = (name: string, word: string): string => (word === 'and' && name.includes(' or ') ? `(${name})` : name)

const LONGEST_NAME = 60

/** What a person reads for a condition: its given name, `verdict = "good"`, or the expression of a short arrow function. */
export function conditionName(condition: unknown): string {
  if (typeof condition === 'function') return names.get(condition) ?? fromSource(condition)
  if (!isPlainObject(condition)) return 'condition'
  return Object.entries(condition)
    .map(([key, value]) => `${key} = ${printed(value)}`)
    .join(', ')
}

/** A value on one line, whatever it is: JSON where it has any. */
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
