import { isAsIs } from '../codec/encode.js'
import { Held } from '../codec/held.js'
import { isPlainObject } from '../internal/guards.js'
import { ascending, inOrder, type Placed, placesOf } from './key-order.js'

// The difference of two values, as plain data. Identical objects are equal values (held.ts), so a list that grew by one
// item costs one item, whatever its length.

/**
 * - `['=', value]`: a new value.
 * - `['~', text]`: text appended.
 * - `['[', { index: patch }, length, items]`: items changed, the list cut to a length, items appended.
 * - `['<', [[from, to], …], [[place, items], …]]`: the ranges of a list that stay, and inserted items.
 * - `['{', { key: patch }, gone, places?]`: keys changed or added, keys removed, and keys that moved.
 */
export type Patch =
  | readonly ['=', unknown]
  | readonly ['~', string]
  | readonly ['[', Readonly<Record<string, Patch>>, number, readonly unknown[]]
  | readonly ['<', readonly Stretch[], readonly Added[]]
  | readonly ['{', Readonly<Record<string, Patch>>, readonly string[], (readonly Placed[])?]

type Stretch = readonly [from: number, to: number]
type Added = readonly [place: number, items: readonly unknown[]]
type Plain = Readonly<Record<string, unknown>>

/** Shorter texts are stored whole. */
const SHORT = 64

/**
 * The patch between two held values ({@link hold}).
 * @returns undefined when they are equal
 */
export function diff(before: unknown, after: unknown): Patch | undefined {
  if (Object.is(before, after)) return undefined
  if (typeof before === 'string' && typeof after === 'string') {
    const grew = before.length >= SHORT && after.length > before.length && after.startsWith(before)
    return grew ? ['~', after.slice(before.length)] : ['=', after]
  }
  if (Array.isArray(before) && Array.isArray(after)) return diffLists(before, after)
  if (isPlainObject(before) && isPlainObject(after)) return diffRecords(before, after)
  if (after instanceof Held && after.isLike(before)) return diffHeld(before, after)
  return ['=', after]
}

/** A tagged value is stored as a record. */
function diffHeld(before: Held, after: Held): Patch | undefined {
  const v = diff(before.value, after.value)
  return v === undefined || v[0] === '=' ? v && ['=', after] : ['{', { v }, []]
}

function diffLists(before: readonly unknown[], after: readonly unknown[]): Patch | undefined {
  const [was, now] = [[...before], [...after]] // V8 reads a frozen list three times slower
  const kept = Math.min(before.length, after.length)
  const changed: Record<string, Patch> = {}
  let count = 0
  for (let i = 0; i < kept; i++) {
    // Identity settles most items of a long list; none of them is compared by its content.
    if (Object.is(was[i], now[i])) continue
    if (count === 0 && (isElsewhere(after[i], before) || isElsewhere(before[i], after))) return diffMoved(before, after)
    const patch = diff(before[i], after[i])
    if (patch === undefined) continue
    count += 1
    if (count > kept >> 1) return diffMoved(before, after) // shifted, or rebuilt
    changed[i] = patch
  }
  if (count === 0 && before.length === after.length) return undefined
  return ['[', changed, kept, after.slice(kept)]
}

/** The patch of a list whose items moved. */
function diffMoved(before: readonly unknown[], after: readonly unknown[]): Patch {
  const was = new Map<unknown, number>()
  for (const [i, item] of before.entries()) if (worthKeeping(item) && !was.has(item)) was.set(item, i)
  const places = after.map((item) => was.get(item) ?? -1)
  const still = ascending(places)
  if (still.size === 0) return ['=', after]
  const stretches: [number, number][] = []
  const added: [number, unknown[]][] = []
  for (const [i, item] of after.entries()) {
    const place = still.has(i) ? (places[i] ?? -1) : -1
    const last = stretches.at(-1)
    const more = added.at(-1)
    if (place >= 0 && last?.[1] === place) last[1] += 1
    else if (place >= 0) stretches.push([place, place + 1])
    else if (more !== undefined && more[0] + more[1].length === i) more[1].push(item)
    else added.push([i, [item]])
  }
  return ['<', stretches, added]
}

const isElsewhere = (item: unknown, list: readonly unknown[]): boolean => worthKeeping(item) && list.includes(item)

/** Whether a reference to an item is shorter than the item. */
const worthKeeping = (item: unknown): boolean =>
  typeof item === 'string' ? item.length >= SHORT : typeof item === 'object' && item !== null

function diffRecords(before: Plain, after: Plain): Patch | undefined {
  const changed: [string, Patch][] = []
  const [keys, old] = [Object.keys(after), Object.keys(before)]
  for (const key of keys) {
    const patch = Object.hasOwn(before, key) ? diff(before[key], after[key]) : (['=', after[key]] as const)
    if (patch !== undefined) changed.push([key, patch])
  }
  if (keys.length === old.length && keys.every((key, i) => key === old[i]))
    return changed.length === 0 ? undefined : ['{', Object.fromEntries(changed), []]
  const gone = old.filter((key) => !Object.hasOwn(after, key))
  const places = placesOf(gone.length === 0 ? old : old.filter((key) => Object.hasOwn(after, key)), keys)
  if (places.length > 0) return ['{', Object.fromEntries(changed), gone, places]
  return changed.length === 0 && gone.length === 0 ? undefined : ['{', Object.fromEntries(changed), gone]
}

/** Whether JSON represents a patch exactly. Only values inside the patch are checked. */
export function isPatchAsIs(patch: Patch): boolean {
  switch (patch[0]) {
    case '=':
      return isAsIs(patch[1])
    case '~':
      return true
    case '[':
      return patch[3].every((item) => isAsIs(item)) && Object.values(patch[1]).every(isPatchAsIs)
    case '<':
      return patch[2].every(([, items]) => items.every((item) => isAsIs(item)))
    case '{':
      return !Object.hasOwn(patch[1], '$') && Object.values(patch[1]).every(isPatchAsIs)
  }
}

/** Applies a patch to the stored form of a value: JSON with tags. */
export function apply(before: unknown, patch: Patch | undefined): unknown {
  if (patch === undefined) return before
  switch (patch[0]) {
    case '=':
      return patch[1]
    case '~':
      return `${String(before)}${patch[1]}`
    case '[': {
      const [, changed, length, items] = patch
      const list = (before as readonly unknown[]).slice(0, length)
      for (const [index, one] of Object.entries(changed)) list[Number(index)] = apply(list[Number(index)], one)
      return list.concat(items)
    }
    case '<': {
      const [, stretches, added] = patch
      const rest = stretches.flatMap(([from, to]) => (before as readonly unknown[]).slice(from, to))
      let [list, used]: [unknown[], number] = [[], 0]
      for (const [place, items] of added) {
        const upTo = used + place - list.length
        list = list.concat(rest.slice(used, upTo), items)
        used = upTo
      }
      return list.concat(rest.slice(used))
    }
    case '{':
      return applyToRecord(before as Plain, patch)
  }
}

function applyToRecord(
  before: Plain,
  [, changed, gone, places = []]: Extract<Patch, readonly ['{', ...unknown[]]>,
): Plain {
  const record = new Map(entriesOf(before))
  for (const key of gone) record.delete(key)
  for (const [key, one] of entriesOf(changed)) record.set(key, apply(record.get(key), one as Patch))
  const ordered = inOrder([...record.keys()], places).map((key) => [key, record.get(key)] as const)
  // A user's record with the key "$" is stored as its entries; in any other record, "$" is the tag.
  const isTag = '$' in before && before['$'] !== 'object'
  return record.has('$') && !isTag ? { $: 'object', v: ordered } : Object.fromEntries(ordered)
}

const entriesOf = (stored: Plain): (readonly [string, unknown])[] =>
  stored['$'] === 'object' ? (stored['v'] as [string, unknown][]) : Object.entries(stored)
