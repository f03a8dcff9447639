import { InputError } from '../errors.js'
import { describeValue, isObject, isPlainObject } from '../internal/guards.js'
import { suggest } from '../internal/nearest.js'
import { type CursorKind, type CursorPlace, placeOf, positionOf } from './cursor.js'
import { readPath, type WirePath } from './wire-path.js'

const DEFAULT_LIMIT = 50
const LARGEST_LIMIT = 1000

/** Reads the members of a query, and collects every fault of it. */
export class QueryCheck {
  readonly #subject: string
  readonly #query: Readonly<Record<string, unknown>>
  readonly #issues: string[] = []

  /** @param known names of the members, separated by spaces */
  constructor(subject: string, query: unknown, known: string) {
    this.#subject = subject
    const names = known.split(' ')
    this.#query = isPlainObject(query) ? query : {}
    if (!isPlainObject(query)) this.#issues.push(`It takes a record, not ${describeValue(query)}.`)
    for (const name of Object.keys(this.#query))
      if (!names.includes(name)) this.#issues.push(`There is no "${name}". ${suggest(name, names, 'members')}`)
  }

  /** @throws {InputError} with every fault */
  done(): void {
    if (this.#issues.length > 0) throw new InputError(this.#subject, this.#issues)
  }

  #fault(name: string, takes: string): undefined {
    this.#issues.push(`${name} is ${describeValue(this.#query[name])}; it takes ${takes}.`)
    return undefined
  }

  #get(name: string): unknown {
    return Object.hasOwn(this.#query, name) ? this.#query[name] : undefined
  }

  text(name: string): string | undefined {
    const value = this.#get(name)
    return value === undefined || typeof value === 'string' ? value : this.#fault(name, 'a string')
  }

  needed(name: string): string {
    const value = this.#get(name)
    return typeof value === 'string' ? value : (this.#fault(name, 'a string') ?? '')
  }

  texts(name: string): readonly string[] | undefined {
    const value = this.#get(name)
    if (value === undefined) return undefined
    if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value
    return this.#fault(name, 'a list of strings')
  }

  flag(name: string): boolean | undefined {
    const value = this.#get(name)
    return value === undefined || typeof value === 'boolean' ? value : this.#fault(name, 'true or false')
  }

  time(name: string): number | undefined {
    const value = this.#get(name)
    return value === undefined || Number.isFinite(value)
      ? (value as number | undefined)
      : this.#fault(name, 'epoch milliseconds')
  }

  /** A whole number. */
  whole(name: string, least: number, most = Number.MAX_SAFE_INTEGER): number | undefined {
    const value = this.#get(name)
    if (value === undefined) return undefined
    if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return value as number
    const range = most === Number.MAX_SAFE_INTEGER ? `, ${least} or more` : ` from ${least} to ${most}`
    return this.#fault(name, `a whole number${range}`)
  }

  limit(): number {
    return this.whole('limit', 1, LARGEST_LIMIT) ?? DEFAULT_LIMIT
  }

  /** The partition; undefined for all. */
  partition(): string | null | undefined {
    const value = this.#get('partitionKey')
    if (value === '*') return undefined
    if (value === undefined || value === null) return null
    return typeof value === 'string' ? value : (this.#fault('partitionKey', "a string, null or '*'") ?? null)
  }

  /** One partition. */
  onePartition(): string | null {
    const value = this.#get('partitionKey')
    if (value === undefined || value === null) return null
    return typeof value === 'string' ? value : (this.#fault('partitionKey', 'a string or null') ?? null)
  }

  labels(): Readonly<Record<string, string>> | undefined {
    const value = this.#get('labels')
    if (value === undefined) return undefined
    if (isPlainObject(value) && Object.values(value).every((one) => typeof one === 'string'))
      return value as Readonly<Record<string, string>>
    return this.#fault('labels', 'a record of strings')
  }

  /** One of some names, or a list of them; undefined: any. */
  oneOrMany<T extends string>(name: string, known: readonly T[]): readonly T[] | undefined {
    const value = this.#get(name)
    if (value === undefined) return undefined
    const given: readonly unknown[] = Array.isArray(value) ? value : [value]
    for (const one of given) {
      if (typeof one !== 'string') this.#fault(name, 'a name, or a list of names')
      else if (!known.includes(one as T))
        this.#issues.push(`${name} has the unknown value "${one}". ${suggest(one, known, 'values')}`)
    }
    return given as readonly T[]
  }

  path(): WirePath {
    const value = this.#get('path')
    if (value === undefined) return []
    return readPath(value) ?? this.#fault('path', "a path: 'compare/gpt4', or its segments") ?? []
  }

  /** The position of an event; undefined without one. */
  position(name: string): string | undefined {
    const value = this.#get(name)
    if (value === undefined) return undefined
    const isPosition = typeof value === 'string' && positionOf(value) !== undefined
    return isPosition ? value : this.#fault(name, 'the position of an event, incarnation.seq: "0.17"')
  }

  signal(name: string): AbortSignal | undefined {
    const value = this.#get(name)
    const isSignal = isObject(value) && 'aborted' in value && 'addEventListener' in value
    return value === undefined || isSignal ? (value as AbortSignal | undefined) : this.#fault(name, 'an AbortSignal')
  }

  /**
   * The place of a cursor; undefined without one.
   * @param valid the types of its parts, one letter each: s text, n number, i index from 0, 0 text or null
   */
  after(kind: CursorKind, valid: string): CursorPlace | undefined {
    const value = this.#get('after')
    if (value === undefined) return undefined
    const place = typeof value === 'string' ? placeOf(kind, value, valid.length) : undefined
    const fits = place?.every((part, i) => {
      const type = valid[i]
      if (type === 'i') return Number.isSafeInteger(part) && (part as number) >= 0
      return typeof part === (type === 'n' ? 'number' : 'string') || (type === '0' && part === null)
    })
    return fits === true ? place : this.#fault('after', 'the `after` of the page before, of the same list')
  }
}
