import type { Json, Payload } from '../read/payload.js'
import { payloadOf } from '../read/payload.js'

/**
 * Decides what of a value is written. It is called for every value of a user before anything of it is encoded for the
 * log: for a state, a chunk, a message as a whole, then for each part that it has kept.
 *
 * @param path where the value stands: `['state', 'user', 'password']`, `['chunk']`, `['error', 'message']`
 * @param value the value in the form of the codec: a Date is `{ $: 'date', v: 0 }`
 * @returns the value itself to keep it; another one, which is written instead; undefined to remove it
 */
export type Redact = (path: readonly (string | number)[], value: Json) => unknown

const REMOVED: Payload = { $: 'redacted' }

/** A value as it may be written. A part whose `redact` throws is removed. @param fault gets the error */
export function redacted(
  redact: Redact,
  path: readonly (string | number)[],
  value: Payload,
  fault: (error: unknown) => void,
): Payload {
  let kept: unknown
  try {
    kept = redact(path, value)
  } catch (error) {
    fault(error)
    return REMOVED
  }
  if (kept === undefined) return REMOVED
  if (kept !== value) return payloadOf(kept)
  if (typeof value !== 'object' || value === null) return value
  const inner = (name: string | number, part: Payload): Payload => redacted(redact, [...path, name], part, fault)
  if (Array.isArray(value)) return value.map((part: Payload, i) => inner(i, part))
  const record = value as { readonly [key: string]: Json }
  if ('$' in record) return redactedTag(record, inner)
  return Object.fromEntries(Object.entries(record).map(([key, part]) => [key, inner(key, part)]))
}

type Inner = (name: string | number, part: Payload) => Payload

function redactedTag(tagged: { readonly [key: string]: Json }, inner: Inner): Payload {
  const { $: tag, v } = tagged
  switch (tag) {
    case 'error':
      return redactedError(tagged, inner)
    case 'map':
    case 'object':
      return {
        ...tagged,
        v: (v as readonly (readonly [Json, Json])[]).map(([key, part]) => [key, inner(nameOf(key), part)]),
      }
    case 'set':
      return { ...tagged, v: (v as readonly Json[]).map((part, i) => inner(i, part)) }
    case 'class':
      return { ...tagged, v: inner('value', v as Payload) }
    default:
      return tagged
  }
}

const nameOf = (key: Json): string | number =>
  typeof key === 'string' || typeof key === 'number' ? key : JSON.stringify(key)

/** An error without its stack, if its message changed: the stack repeats it. */
function redactedError(error: { readonly [key: string]: Json }, inner: Inner): Payload {
  const { message, stack, props, ...rest } = error
  const kept = inner('message', message as Payload)
  const text = typeof kept === 'string' ? kept : '(redacted)'
  const fields = (Array.isArray(props) ? props : []) as readonly (readonly [string, Json])[]
  const trace = text !== message || stack === undefined ? undefined : inner('stack', stack)
  return {
    ...rest,
    message: text,
    ...(typeof trace === 'string' && { stack: trace }),
    props: fields.map(([name, part]) => [name, inner(name, part)]),
  }
}
