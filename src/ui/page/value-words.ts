import { bytes, isoMoment, visible } from './words.js'

// Owns: values in the form of the codec, as words and as parts.

type Tagged = { readonly $: string; readonly v?: unknown; readonly [part: string]: unknown }

const isTagged = (value: unknown): value is Tagged =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && typeof Reflect.get(value, '$') === 'string'

/** The parts of a list or a record; undefined for what has none. */
export function partsOf(value: unknown): readonly (readonly [string, unknown])[] | undefined {
  if (Array.isArray(value)) return value.map((one, i) => [String(i), one])
  if (typeof value !== 'object' || value === null) return undefined
  if (!isTagged(value)) return Object.entries(value)
  const { v } = value
  if (value.$ === 'set' && Array.isArray(v)) return v.map((one, i) => [String(i), one])
  if (value.$ === 'object' && Array.isArray(v)) return entriesOf(v, String)
  if (value.$ === 'map' && Array.isArray(v)) return entriesOf(v, (key) => inWords(key, 60))
  if (value.$ === 'error' || value.$ === 'class') return Object.entries(value).filter(([name]) => name !== '$')
  return undefined
}

const entriesOf = (
  entries: readonly unknown[],
  name: (key: unknown) => string,
): readonly (readonly [string, unknown])[] =>
  entries.map((entry) => (Array.isArray(entry) ? [name(entry[0]), entry[1]] : ['', entry]))

/** A value in one line. */
export function inWords(value: unknown, most = 120): string {
  const text = wordsOf(value, most)
  return visible(text.length > most ? `${text.slice(0, most - 1)}…` : text)
}

function wordsOf(value: unknown, most: number): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, most))
  if (isTagged(value)) return value.$ === 'object' ? recordWords(partsOf(value) ?? [], most) : taggedWords(value)
  if (Array.isArray(value)) {
    if (value.length === 0) return '[]'
    const first = value.slice(0, 4).map((one) => wordsOf(one, most / 3))
    return `[${first.join(', ')}${value.length > 4 ? `, … ${value.length}` : ''}]`
  }
  if (typeof value === 'object' && value !== null) return recordWords(Object.entries(value), most)
  return String(value)
}

function recordWords(entries: readonly (readonly [string, unknown])[], most: number): string {
  const first = entries.slice(0, 4).map(([name, one]) => `${name}: ${wordsOf(one, most / 3)}`)
  return `{ ${first.join(', ')}${entries.length > 4 ? ', …' : ''} }`
}

function taggedWords({ $: tag, ...parts }: Tagged): string {
  switch (tag) {
    case 'date':
      return isoMoment(parts.v)
    case 'bigint':
      return `${String(parts.v)}n`
    case 'undefined':
      return 'undefined'
    case 'ref':
      return `${String(parts['p'])}… (${bytes(Number(parts['n']))})`
    case 'cut':
      return `cut (${bytes(Number(parts['n']))})`
    case 'unsupported':
      return `not data: ${String(parts['of'])}`
    case 'error':
      return `${String(parts['name'])}: ${String(parts['message'])}`
    case 'map':
    case 'set':
      return `${tag} of ${Array.isArray(parts.v) ? parts.v.length : 0}`
    default:
      return `${tag} ${parts.v === undefined ? '' : wordsOf(parts.v, 60)}`.trim()
  }
}
