import { UiError } from '../client/ui-error.js'
import { describeValue, tryGet } from '../internal/guards.js'
import { suggest } from '../internal/nearest.js'
import { type MapVisitName, readMap, readPath, type WirePath } from '../read/wire-path.js'

/** Whether every store keeps a text. */
export const isText = (text: string): boolean => !/[\0\p{Surrogate}]/u.test(text)

/** Reads the search part of an address, and collects every fault of it. */
export class SearchQuery {
  readonly #params: URLSearchParams
  readonly #issues: string[] = []

  /** @param known names of the members, separated by spaces; `project` is one of every query */
  constructor(params: URLSearchParams, known: string) {
    this.#params = params
    const names = ['project', ...known.split(' ').filter((name) => name !== '')]
    for (const name of new Set(params.keys())) {
      if (!names.includes(name))
        this.#issues.push(`There is no "${short(name)}". ${suggest(short(name), names, 'members')}`)
      else if (name !== 'label' && params.getAll(name).length > 1) this.#issues.push(`${name} is given more than once.`)
      else if (!params.getAll(name).every(isText)) this.#issues.push(`${name} has a character that no store keeps.`)
    }
  }

  /** @throws {UiError} with every fault */
  done(): void {
    if (this.#issues.length > 0)
      throw new UiError('bad-query', `The query is invalid: ${this.#issues.join(' ')}`, { issues: this.#issues })
  }

  #fault(name: string, takes: string): undefined {
    this.#issues.push(`${name} is ${describeValue(this.#params.get(name))}; it takes ${takes}.`)
    return undefined
  }

  text(name: string): string | undefined {
    return this.#params.get(name) ?? undefined
  }

  /** A whole number. */
  whole(name: string, least = -1): number | undefined {
    const text = this.#params.get(name)
    if (text === null) return undefined
    const number = /^(-1|\d{1,16})$/.test(text) ? Number(text) : Number.NaN
    if (Number.isSafeInteger(number) && number >= least) return number
    return this.#fault(name, least < 0 ? 'a whole number' : `a whole number, ${least} or more`)
  }

  flag(name: string): boolean | undefined {
    const text = this.#params.get(name)
    if (text === null) return undefined
    return text === 'true' || text === 'false' ? text === 'true' : this.#fault(name, 'true or false')
  }

  /** Names, separated by commas. */
  list<T extends string = string>(name: string, known?: readonly T[]): readonly T[] | undefined {
    const text = this.#params.get(name)
    if (text === null) return undefined
    const parts = text.split(',').filter((one) => one !== '')
    const names = parts.map((one) => tryGet(() => decodeURIComponent(one)) ?? one)
    for (const one of known === undefined ? [] : names)
      if (!known?.includes(one as T))
        this.#issues.push(
          `${name} has the unknown value "${short(one)}". ${suggest(short(one), known ?? [], 'values')}`,
        )
    return names as T[]
  }

  /** The partition: null where none is given. */
  partition(): string | null {
    return this.#params.get('partition')
  }

  /** `label=customer:7`, any number of them. */
  labels(): Readonly<Record<string, string>> | undefined {
    const given = this.#params.getAll('label')
    if (given.length === 0) return undefined
    const entries = given.map((label) => {
      const colon = label.indexOf(':')
      const name = colon < 0 ? undefined : tryGet(() => decodeURIComponent(label.slice(0, colon)))
      if (name === undefined) this.#issues.push(`label is ${describeValue(label)}; it takes name:value.`)
      return [name ?? '', label.slice(colon + 1)] as const
    })
    return Object.fromEntries(entries)
  }

  path(): WirePath {
    const text = this.#params.get('path')
    if (text === null) return []
    return tryGet(() => readPath(text)) ?? this.#fault('path', 'a printed path: compare/gpt4') ?? []
  }

  /** A visit of a map: `fan`, `fan#2`. */
  map(): MapVisitName {
    const found = tryGet(() => readMap(this.#params.get('map') ?? ''))
    return found ?? this.#fault('map', 'a map and its visit: fan#2') ?? { map: '', visit: 1 }
  }
}

const short = (text: string): string => (text.length > 40 ? `${text.slice(0, 40)}…` : text)
