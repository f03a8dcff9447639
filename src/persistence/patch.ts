import { isPlainObject } from '../internal/guards.js'
import { isMutable } from '../state/freeze.js'

// What changed between two values, as plain data. Frozen parts that are the same object are the same value, so that a
// list that grew by one item costs one item, however long it is.

/**
 * - `['=', value]`: another value.
 * - `['~', text]`: text added at the end.
 * - `['[', { index: patch }, length, items]`: items changed, cut to a length, added at the end.
 * - `['{', { key: patch }, gone]`: keys changed or set, and keys that are gone.
 */
export type Patch =
  | readonly ['=', unknown]
  | readonly ['~', string]
  | readonly ['[', Readonly<Record<string, Patch>>, number, readonly unknown[]]
  | readonly ['{', Readonly<Record<string, Patch>>, readonly string[]]

/** A text shorter than this is written whole. */
const SHORT = 64

/** @returns undefined when nothing changed */
export function diff(before: unknown, after: unknown): Patch | undefined {
  if (Object.is(before, after) && !isMutable(after)) return undefined
  if (typeof before === 'string' && typeof after === 'string') {
    const grew = before.length >= SHORT && after.length > before.length && after.startsWith(before)
    return grew ? ['~', after.slice(before.length)] : ['=', after]
  }
  if (Array.isArray(before) && Array.isArray(after)) return diffLists(before, after)
  if (isPlainObject(before) && isPlainObject(after)) return diffRecords(before, after)
  return ['=', after]
}

function diffLists(before: readonly unknown[], after: readonly unknown[]): Patch {
  const kept = Math.min(before.length, after.length)
  const changed: Record<string, Patch> = {}
  let count = 0
  // Most of a long list, told by identity alone: not one of its items has to be looked into.
  const immutable = !isMutable(after)
  for (let i = 0; i < kept; i++) {
    if (immutable && Object.is(before[i], after[i])) continue
    const patch = diff(before[i], after[i])
    if (patch === undefined) continue
    count += 1
    if (count > kept >> 1) return ['=', after] // shifted, or made anew
    changed[i] = patch
  }
  return ['[', changed, kept, after.slice(kept)]
}

function diffRecords(before: Readonly<Record<string, unknown>>, after: Readonly<Record<string, unknown>>): Patch {
  const changed: [string, Patch][] = []
  for (const key of Object.keys(after)) {
    const patch = Object.hasOwn(before, key) ? diff(before[key], after[key]) : (['=', after[key]] as const)
    if (patch !== undefined) changed.push([key, patch])
  }
  const gone = Object.keys(before).filter((key) => !Object.hasOwn(after, key))
  return ['{', Object.fromEntries(changed), gone]
}

/** The value after a change. */
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
    case '{': {
      const [, changed, gone] = patch
      const record = before as Readonly<Record<string, unknown>>
      const kept =
        gone.length === 0 ? Object.entries(record) : Object.entries(record).filter(([key]) => !gone.includes(key))
      return Object.fromEntries([
        ...kept,
        ...Object.entries(changed).map(
          ([key, one]) => [key, apply(Object.hasOwn(record, key) ? record[key] : undefined, one)] as const,
        ),
      ])
    }
  }
}
