import type { Json, Payload } from '../read/payload.js'
import { fixed, type Piece, piece } from './print.js'
import { valueJson, valueText } from './words.js'

// Owns: the difference of two states, as a JSON Patch, and as lines for people.

/** One operation of a JSON Patch (RFC 6902), and the value that was there. */
export interface Change {
  readonly op: 'add' | 'remove' | 'replace'
  readonly path: string
  readonly value?: Payload
  readonly was?: Payload
}

/** The operations that make one value of another one. Items of lists are compared by their place. */
export function changesOf(before: Payload, after: Payload, path = ''): readonly Change[] {
  if (before === after) return []
  if (isList(before) && isList(after)) return changesOfLists(before, after, path)
  if (!isRecord(before) || !isRecord(after) || Object.hasOwn(before, '$') || Object.hasOwn(after, '$'))
    return JSON.stringify(before) === JSON.stringify(after) ? [] : [{ op: 'replace', path, value: after, was: before }]
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])]
  return keys.flatMap((key): readonly Change[] => {
    const at = `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`
    const [was, value] = [own(before, key), own(after, key)]
    if (was === undefined) return value === undefined ? [] : [{ op: 'add', path: at, value }]
    return value === undefined ? [{ op: 'remove', path: at, was }] : changesOf(was, value, at)
  })
}

function changesOfLists(before: readonly Json[], after: readonly Json[], path: string): readonly Change[] {
  const shared = Math.min(before.length, after.length)
  const inside = before.slice(0, shared).flatMap((was, i) => changesOf(was, after[i] ?? null, `${path}/${i}`))
  const added = after.slice(shared).map((value): Change => ({ op: 'add', path: `${path}/-`, value }))
  const removed = before.slice(shared).map((was, i): Change => ({ op: 'remove', path: `${path}/${shared + i}`, was }))
  return [...inside, ...added, ...removed.reverse()]
}

const isList = (value: Payload): value is readonly Json[] => Array.isArray(value)
type JsonRecord = { readonly [key: string]: Json }
const isRecord = (value: Payload): value is JsonRecord =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const own = (record: JsonRecord, key: string): Json | undefined =>
  Object.hasOwn(record, key) ? record[key] : undefined

/** A JSON Patch. */
export const patchOf = (changes: readonly Change[]): readonly Omit<Change, 'was'>[] =>
  changes.map(({ was: _, ...operation }) => operation)

/** `~ /draft "a" → "b"`. */
export const linesOfChanges = (changes: readonly Change[]): Piece[][] =>
  changes.map(({ op, path, value, was }) => {
    const [before, after] = [was === undefined ? '' : valueJson(was), value === undefined ? '' : valueJson(value)]
    const name = piece(path === '' ? '(whole)' : path)
    if (op === 'add') return [fixed('  + ', 'green'), name, fixed(' '), piece(valueText(after), 'green')]
    if (op === 'remove') return [fixed('  - ', 'red'), name, fixed(' '), piece(valueText(before), 'red')]
    const [from, to] = apart(before, after)
    return [fixed('  ~ ', 'yellow'), name, fixed(' '), piece(from, 'red'), fixed(' → '), piece(to, 'green')]
  })

const NEAR = 12
const LONGEST = 60

/** Two texts around the first place where they differ. */
function apart(before: string, after: string): readonly [string, string] {
  if (before.length <= LONGEST && after.length <= LONGEST) return [before, after]
  let same = 0
  while (same < before.length && before[same] === after[same]) same++
  const from = Math.max(0, same - NEAR)
  const part = (text: string): string =>
    `${from > 0 ? '…' : ''}${text.slice(from, from + LONGEST)}${from + LONGEST < text.length ? '…' : ''}`
  return [part(before), part(after)]
}
