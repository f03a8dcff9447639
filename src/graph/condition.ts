import { describeValue, isPlainObject } from '../internal/guards.js'

/** A predicate over the state. It sees the whole state; a key that is not set yet is `undefined`. */
export type Condition<in S> = (args: { readonly state: Readonly<S> }) => boolean

/** A predicate over what an action threw, and the state before it. */
export type ErrorCondition<in S> = (args: { readonly state: Readonly<S>; readonly error: unknown }) => boolean

/** Shorthand: every named key holds an equal value. Plain objects and arrays are compared by content. */
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
  const entries = Object.entries(condition)
  return named(
    ({ state }) => entries.every(([key, value]) => equal(Reflect.get(state as object, key), value)),
    conditionName(condition),
  )
}

/** Whether a value can stand in `when`. */
export function isCondition(value: unknown): boolean {
  return typeof value === 'function' || isPlainObject(value)
}

/** Says that a value is no condition. */
export function noCondition(subject: string, value: unknown): string {
  return `${subject} is ${describeValue(value)}. It takes ({ state }) => boolean, or a record of the values that keys hold.`
}

function equal(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, i) => equal(item, b[i]))
  if (!isPlainObject(a) || !isPlainObject(b)) return false
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((key) => key in b && equal(a[key], b[key]))
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
    .map(([key, value]) => `${key} = ${JSON.stringify(value)}`)
    .join(', ')
}

// biome-ignore lint/complexity/noBannedTypes: any function, of which only name and source text are read
function fromSource(fn: Function): string {
  if (fn.name !== '' && fn.name !== 'when') return fn.name
  const source = String(fn).replace(/\s+/g, ' ')
  const body = /^(?:async )?(?:\([^)]*\)|\w+) ?=> ?([^\s{].*)$/.exec(source)?.[1]
  return body !== undefined && body.length <= LONGEST_NAME ? body : 'condition'
}
