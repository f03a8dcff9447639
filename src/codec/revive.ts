import { describeValue } from '../internal/guards.js'
import { classNamed } from '../state/classes.js'
import { bytesOver } from '../state/kind.js'
import { SerializationError } from '../store-errors.js'
import type { BytesIn } from './beside.js'
import { type StoredBytes, toBytes } from './bytes.js'
import { errorFrom, type StoredError } from './error-form.js'

/** Restores a value for a reader. An unknown tag, such as `unsupported`, stays as it is. */
export function reviveKnown(value: unknown): unknown {
  try {
    return revive(value)
  } catch (error) {
    if (!SerializationError.is(error)) throw error
    if (Array.isArray(value)) return value.map(reviveKnown)
    const record = value as Record<string, unknown>
    if (Object.hasOwn(record, '$')) return value
    return Object.fromEntries(Object.entries(record).map(([key, item]) => [key, reviveKnown(item)]))
  }
}

/**
 * Restores a value: replaces tags by their values. A value without tags is returned itself; the argument is not
 * changed.
 * @param beside bytes that the value names; undefined where it holds all bytes itself
 */
export function revive(value: unknown, beside?: BytesIn): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return reviveList(value, beside)
  if (Object.hasOwn(value, '$')) return untag(value as Tagged, beside)
  const record = value as Record<string, unknown>
  let made: [string, unknown][] | undefined
  for (const [i, key] of Object.keys(record).entries()) {
    const item = record[key]
    const back = revive(item, beside)
    if (back !== item) made ??= Object.entries(record)
    if (made !== undefined) made[i] = [key, back]
  }
  return made === undefined ? value : Object.fromEntries(made)
}

function reviveList(list: readonly unknown[], beside: BytesIn | undefined): unknown {
  let made: unknown[] | undefined
  for (const [i, item] of list.entries()) {
    const back = revive(item, beside)
    if (back !== item) made ??= [...list]
    if (made !== undefined) made[i] = back
  }
  return made ?? list
}

type Tagged = { readonly $: unknown; readonly n?: unknown; readonly v?: unknown; readonly i?: unknown } & Partial<
  StoredBytes & StoredError
>

function untag(value: Tagged, beside: BytesIn | undefined): unknown {
  switch (value.$) {
    case 'undefined':
      return undefined
    case 'number':
      return Number(value.v)
    case 'bigint':
      return BigInt(String(value.v))
    case 'object':
      return Object.fromEntries(revive(value.v, beside) as [string, unknown][])
    case 'date':
      return new Date(value.v === null ? Number.NaN : Number(value.v))
    case 'map':
      return new Map(revive(value.v, beside) as [unknown, unknown][])
    case 'set':
      return new Set(revive(value.v, beside) as unknown[])
    case 'bytes':
      return bytesIn(value, beside) ?? unknown(`bytes of the kind ${describeValue(value.n)}`)
    case 'error':
      return errorFrom({
        ...(value as StoredError),
        props: revive(value.props, beside) as StoredError['props'],
      })
    case 'class':
      return instance(String(value.n), revive(value.v, beside))
    default:
      return unknown(`a value with the tag ${describeValue(value.$)}`)
  }
}

const bytesIn = (value: Tagged, beside: BytesIn | undefined): ArrayBufferView | ArrayBuffer | undefined =>
  beside === undefined || value.i === undefined
    ? toBytes(value as StoredBytes)
    : bytesOver(String(value.n), beside.take(value.i))

function instance(name: string, data: unknown): unknown {
  const known = classNamed(name)
  if (known !== undefined) return known.load(data)
  throw new SerializationError(
    '',
    `an instance of "${name}"`,
    `Register the class before it is read: registerClass("${name}", …).`,
    'read',
  )
}

function unknown(type: string): never {
  throw new SerializationError('', type, 'It was written by another version of Teasel.', 'read')
}
