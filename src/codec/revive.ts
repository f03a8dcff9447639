import { describeValue, isInstance, tryGet } from '../internal/guards.js'
import { classNamed } from '../state/classes.js'
import { SerializationError } from '../store-errors.js'
import { type StoredBytes, toBytes } from './bytes.js'
import { errorFrom, type StoredError } from './error-form.js'

/**
 * Restores a value for a reader. A tag that is unknown, such as `unsupported`, or damaged, stays as it is. An error is
 * restored around such parts: its words and its causes do not depend on them.
 */
export function reviveKnown(value: unknown): unknown {
  try {
    return revive(value)
  } catch (error) {
    if (isInstance(error, RangeError) && /call stack/i.test(error.message)) throw error // It is nested too deeply.
    if (Array.isArray(value)) return value.map(reviveKnown)
    const record = value as Record<string, unknown>
    if (Object.hasOwn(record, '$')) return tryGet(() => errorAround(record as Tagged)) ?? value
    return Object.fromEntries(Object.entries(record).map(([key, item]) => [key, reviveKnown(item)]))
  }
}

/** An error whose parts are restored each by itself; undefined for another tag. */
function errorAround({ $: tag, ...parts }: Tagged): Error | undefined {
  if (tag !== 'error') return undefined
  const { props, ...rest } = parts as StoredError
  return errorFrom({ ...rest, props: props.map(([key, item]) => [key, reviveKnown(item)]) })
}

/**
 * Restores a value: replaces tags by their values. A value without tags is returned itself; the argument is not
 * changed.
 * @param bytes reads bytes; returns undefined for those of an unknown kind
 */
export function revive(value: unknown, bytes = toBytes): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return reviveList(value, bytes)
  if (Object.hasOwn(value, '$')) return untag(value as Tagged, bytes)
  const record = value as Record<string, unknown>
  let made: [string, unknown][] | undefined
  for (const [i, key] of Object.keys(record).entries()) {
    const item = record[key]
    const back = revive(item, bytes)
    if (back !== item) made ??= Object.entries(record)
    if (made !== undefined) made[i] = [key, back]
  }
  return made === undefined ? value : Object.fromEntries(made)
}

function reviveList(list: readonly unknown[], bytes: typeof toBytes): unknown {
  let made: unknown[] | undefined
  for (const [i, item] of list.entries()) {
    const back = revive(item, bytes)
    if (back !== item) made ??= [...list]
    if (made !== undefined) made[i] = back
  }
  return made ?? list
}

type Tagged = { readonly $: unknown; readonly n?: unknown; readonly v?: unknown } & Partial<StoredBytes & StoredError>

function untag(value: Tagged, bytes: typeof toBytes): unknown {
  switch (value.$) {
    case 'undefined':
      return undefined
    case 'number':
      return Number(value.v)
    case 'bigint':
      return BigInt(String(value.v))
    case 'object':
      return Object.fromEntries(revive(value.v, bytes) as [string, unknown][])
    case 'date':
      return new Date(value.v === null ? Number.NaN : Number(value.v))
    case 'map':
      return new Map(revive(value.v, bytes) as [unknown, unknown][])
    case 'set':
      return new Set(revive(value.v, bytes) as unknown[])
    case 'bytes':
      return bytes(value as StoredBytes) ?? unknown(`bytes of the kind ${describeValue(value.n)}`)
    case 'error':
      return errorFrom({
        ...(value as StoredError),
        props: revive(value.props, bytes) as StoredError['props'],
      })
    case 'class':
      return instance(String(value.n), revive(value.v, bytes))
    default:
      return unknown(`a value with the tag ${describeValue(value.$)}`)
  }
}

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
