import { inWords, partsOf } from './value-words.js'

// Owns: the difference of two states, line by line, with the path of each change.

/** One change. */
export interface Change {
  readonly path: string
  readonly kind: 'added' | 'removed' | 'changed' | 'grown'
  readonly before?: string
  readonly after?: string
}

const MOST_CHANGES = 400
const LINE = 600

/** The changes from one state to another, in the order of the later one. */
export function changesOf(before: unknown, after: unknown): readonly Change[] {
  const found: Change[] = []
  compare(before, after, '', found)
  return found
}

const isSame = (a: unknown, b: unknown): boolean => a === b || JSON.stringify(a) === JSON.stringify(b)

function compare(before: unknown, after: unknown, path: string, found: Change[]): void {
  if (found.length >= MOST_CHANGES || isSame(before, after)) return
  const [was, now] = [partsOf(before), partsOf(after)]
  if (was === undefined || now === undefined || Array.isArray(before) !== Array.isArray(after)) {
    if (typeof before === 'string' && typeof after === 'string' && before !== '' && after.startsWith(before))
      found.push({ path, kind: 'grown', after: after.slice(before.length) })
    else found.push({ path, kind: 'changed', before: inWords(before, LINE), after: inWords(after, LINE) })
    return
  }
  const isList = Array.isArray(after)
  const below = (name: string): string => (isList ? `${path}[${name}]` : path === '' ? name : `${path}.${name}`)
  const old = new Map(was)
  for (const [name, value] of now) {
    if (old.has(name)) compare(old.get(name), value, below(name), found)
    else found.push({ path: below(name), kind: 'added', after: inWords(value, LINE) })
    old.delete(name)
  }
  for (const [name, value] of old) found.push({ path: below(name), kind: 'removed', before: inWords(value, LINE) })
}
