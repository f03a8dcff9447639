import { describeValue, isPlainObject } from '../internal/guards.js'

// Owns: rules for data of another place: what a value has to be, and what is wrong with it.
// R1  A record with a key that its rule does not name is refused: `__proto__` and `constructor` are such keys.
// R2  Fields are read only where the record itself has them.

/** What a value has to be. */
export interface Rule {
  /** In words, for messages: `a whole number from 0`. */
  readonly want: string
  /** Where that is all: the answer of `typeof`, or that it may be anything. Records check it without a call. */
  readonly only: 'string' | 'boolean' | 'anything' | undefined
  fits(value: unknown): boolean
  /** What is wrong with a value that does not fit. */
  fault(value: unknown, at: string): string
}

const rule = (want: string, fits: (value: unknown) => boolean, fault?: Rule['fault'], only?: Rule['only']): Rule => ({
  want,
  only,
  fits,
  fault: fault ?? ((value, at) => `${at} is ${shortened(value)}; it takes ${want}`),
})

/** Whatever it is, it does not fill the log. */
function shortened(value: unknown): string {
  const words = describeValue(value)
  return words.length > 80 ? `${words.slice(0, 80)} …` : words
}

export const anything: Rule = rule('anything', () => true, undefined, 'anything')
export const text: Rule = rule('a text', (value) => typeof value === 'string', undefined, 'string')
export const flag: Rule = rule('true or false', (value) => typeof value === 'boolean', undefined, 'boolean')
export const number: Rule = rule('a finite number', (value) => typeof value === 'number' && Number.isFinite(value))
/** A finite number within bounds. */
export const between = (least: number, most: number): Rule =>
  rule(`a number from ${least} to ${most}`, (value) => typeof value === 'number' && value >= least && value <= most)
/** A length of time, milliseconds. */
export const duration: Rule = rule('a number from 0', (value) => typeof value === 'number' && value >= 0)

/** Counts beyond this are made up, and would not add up exactly. */
const MOST = 2 ** 40

/** A whole number. @param least the least that it may be @param most the most that it may be */
export const whole = (least: number, most = MOST): Rule =>
  rule(
    most === MOST ? `a whole number from ${least}` : `a whole number from ${least} to ${most}`,
    (value) => Number.isInteger(value) && (value as number) >= least && (value as number) <= most,
  )

/** One of some words. */
export function oneOf(...words: readonly string[]): Rule {
  const known = new Set<unknown>(words)
  return rule(words.join(', '), (value) => known.has(value))
}

/** Whatever one of some rules takes. */
export const oneIn = (want: string, ...rules: readonly Rule[]): Rule =>
  rule(want, (value) => rules.some((one) => one.fits(value)))

/** It may be undefined, or absent. */
export const maybe = (one: Rule): Rule & { readonly optional: true } => ({
  optional: true,
  only: one === anything ? one.only : undefined,
  want: `${one.want}, or nothing`,
  fits: (value) => value === undefined || one.fits(value),
  fault: (value, at) => one.fault(value, at),
})

export const orNull = (one: Rule): Rule =>
  rule(`${one.want}, or null`, (value) => value === null || one.fits(value), one.fault)

export const listOf = (one: Rule): Rule =>
  rule(
    `a list`,
    (value) => {
      if (!Array.isArray(value)) return false
      for (let i = 0; i < value.length; i++) if (!one.fits(value[i])) return false
      return true
    },
    (value, at) => {
      if (!Array.isArray(value)) return `${at} is ${shortened(value)}; it takes a list`
      const i = value.findIndex((item) => !one.fits(item))
      return one.fault(value[i], `${at}[${i}]`)
    },
  )

/** A record with any keys. @param one what each value has to be */
export const recordOf = (one: Rule = anything): Rule =>
  rule(
    'a record',
    (value) => isPlainObject(value) && (one === anything || Object.values(value).every((item) => one.fits(item))),
    (value, at) => {
      if (!isPlainObject(value)) return `${at} is ${shortened(value)}; it takes a record`
      const [key, item] = Object.entries(value).find(([, each]) => !one.fits(each)) ?? ['', undefined]
      return one.fault(item, `${at}.${key}`)
    },
  )

/** The fields of a record, by name. */
export type Fields = Readonly<Record<string, Rule & { readonly optional?: true }>>

/** A record with these fields and no others (R1). */
export function record(fields: Fields): Rule {
  const entries = Object.entries(fields).map(([name, one], i) => ({
    name,
    one,
    only: one.only,
    needed: one.optional !== true,
    next: i + 1,
  }))
  const byName = new Map(entries.map((entry) => [entry.name, entry]))
  const most = entries.filter(({ needed }) => needed).length
  const fits = (value: unknown): boolean => {
    if (!isPlainObject(value)) return false
    const keys = Object.keys(value) // R2
    let left = most
    let expected = entries[0]
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as string
      const entry = expected?.name === key ? expected : byName.get(key) // most come in their order
      if (entry === undefined) return false
      const { only } = entry
      if (only === undefined ? !entry.one.fits(value[key]) : only !== 'anything' && typeof value[key] !== only)
        return false
      if (entry.needed) left -= 1
      expected = entries[entry.next]
    }
    return left === 0
  }
  return rule('a record', fits, (value, at) => {
    if (!isPlainObject(value)) return `${at} is ${shortened(value)}; it takes a record`
    const odd = Object.keys(value).find((key) => !Object.hasOwn(fields, key))
    if (odd !== undefined) return `${at} has the unknown key ${describeValue(odd)}`
    const wrong = entries.find(({ name, one, needed }) =>
      Object.hasOwn(value, name) ? !one.fits(value[name]) : needed,
    )
    if (wrong === undefined) return `${at} is no plain record`
    const { name, one } = wrong
    return Object.hasOwn(value, name) ? one.fault(value[name], `${at}.${name}`) : `${at} lacks ${name}`
  })
}

const isRule = (one: Fields | Rule): one is Rule => typeof one['fits'] === 'function'

/** One of several records, told apart by a field. */
export function oneBy(field: string, kinds: Readonly<Record<string, Fields | Rule>>): Rule {
  const rules = new Map<unknown, Rule>(
    Object.entries(kinds).map(([kind, one]) => [kind, isRule(one) ? one : record({ [field]: anything, ...one })]),
  )
  const ruleOf = (value: unknown): Rule | undefined =>
    isPlainObject(value) && Object.hasOwn(value, field) ? rules.get(value[field]) : undefined
  const want = `a record whose ${field} is one of ${Object.keys(kinds).join(', ')}`
  return rule(
    want,
    (value) => ruleOf(value)?.fits(value) === true,
    (value, at) => {
      const kind = ruleOf(value)
      if (kind !== undefined) return kind.fault(value, at)
      return isPlainObject(value)
        ? `${at} has the unknown ${field} ${shortened(Object.hasOwn(value, field) ? value[field] : undefined)}`
        : `${at} is ${shortened(value)}; it takes a record`
    },
  )
}
