import type { JsonPatchStep } from '../client/api.js'
import { isPlainObject } from '../internal/guards.js'
import { apply, diff, type Patch as StoredPatch } from '../persistence/patch.js'
import type { Json, Payload } from '../read/payload.js'
import type { Patch } from '../read/tree.js'

// Owns: the difference of two states, in both of its forms.

/** Undefined if they are equal. @param before undefined: nothing was there */
export const differenceOf = (before: Payload | undefined, after: Payload | undefined): Patch | undefined =>
  diff(before ?? {}, after ?? {}) as Patch | undefined

/** The operations that make a patched value of a value (RFC 6902). */
export function jsonPatchOf(before: Json, patch: Patch | undefined): readonly JsonPatchStep[] {
  if (patch === undefined) return []
  const steps: JsonPatchStep[] = []
  add(steps, '', before, patch)
  return steps
}

function add(steps: JsonPatchStep[], path: string, before: Json | undefined, patch: Patch): void {
  const whole = (): void => {
    steps.push({ op: 'replace', path, value: apply(before, patch as StoredPatch) as Json })
  }
  if (patch[0] === '{' && isPlainObject(before) && !('$' in before)) {
    const [, changed, gone] = patch
    for (const key of gone) steps.push({ op: 'remove', path: `${path}/${token(key)}` })
    for (const [key, one] of Object.entries(changed)) {
      const below = `${path}/${token(key)}`
      if (Object.hasOwn(before, key)) add(steps, below, before[key] as Json, one)
      else steps.push({ op: 'add', path: below, value: apply(undefined, one as StoredPatch) as Json })
    }
  } else if (patch[0] === '[' && Array.isArray(before)) {
    const [, changed, length, items] = patch
    for (let i = before.length - 1; i >= length; i--) steps.push({ op: 'remove', path: `${path}/${i}` })
    for (const [i, one] of Object.entries(changed)) add(steps, `${path}/${i}`, before[Number(i)] as Json, one)
    for (const [i, value] of items.entries()) steps.push({ op: 'add', path: `${path}/${length + i}`, value })
  } else whole()
}

/** @see RFC 6901 */
const token = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1')
