import { mostCollected } from '../internal/collected.js'
import { isInstance, isObject, messageOf, nameOf, tryGet } from '../internal/guards.js'
import { hashId } from '../internal/ids.js'
import type { CancelCause } from '../lifecycle/events.js'
import { type Payload, payloadOf } from './payload.js'

/** An error as JSON. */
export interface ErrorData {
  readonly name: string
  readonly message: string
  /** The `code` of an error of Teasel, and of many others. */
  readonly code?: string
  readonly stack?: string
  /** Equal for errors of the same kind: a hash of name, code, and message without its numbers. */
  readonly fingerprint?: string
  readonly cause?: ErrorData
  /** The errors that it collects; of a `ParallelError` the failures of its branches. At most 20, and 5 of each of those. */
  readonly errors?: readonly ErrorData[]
  /** Its other fields. */
  readonly fields?: { readonly [name: string]: Payload }
}

/** A cancel as JSON. */
export interface CancelData {
  /** The source: a sibling's key, `watch`, `app`, `parent` … */
  readonly by: string
  /** What kind of cancel it was. */
  readonly cause: CancelCause
  /** The given reason, in the form of the codec. */
  readonly reason: Payload
  /** Epoch milliseconds. */
  readonly at: number
}

/** Maximum depth of causes and collected errors: they may be circular. */
const DEEPEST = 8

const OWN = new Set(['name', 'message', 'stack', 'cause', 'errors', 'code', 'results'])

/**
 * An error as JSON data: its name, message, code, stack, cause, the errors that it collects, and its other fields. Of a
 * `ParallelError` the failures of up to 20 branches, and of each that is one of up to 5 of its own. Never throws: a thrown value that is no error, a getter that
 * throws, and a circular cause are described.
 *
 * @example
 * ```ts
 * errorData(new RangeError('too much')).name // 'RangeError'
 * ```
 */
export const errorData = (thrown: unknown): ErrorData => dataOf(thrown, 0, 0)

/** @param level how many collecting errors are around it */
function dataOf(thrown: unknown, depth: number, level: number): ErrorData {
  if (!isInstance(thrown, Error)) return withFingerprint({ name: 'Error', message: messageOf(thrown) })
  const name = nameOf(thrown) || 'Error'
  const message = messageOf(thrown)
  const code = get(thrown, 'code')
  const stack = get(thrown, 'stack')
  const head = { name, message, ...(typeof code === 'string' && { code }), ...(typeof stack === 'string' && { stack }) }
  if (depth === DEEPEST) return withFingerprint(head)
  const cause = get(thrown, 'cause')
  const errors = collected(thrown).slice(0, mostCollected(level))
  const fields = fieldsOf(thrown)
  return withFingerprint({
    ...head,
    ...(cause !== undefined && { cause: dataOf(cause, depth + 1, level) }),
    ...(errors.length > 0 && { errors: errors.map((one) => dataOf(one, depth + 1, level + 1)) }),
    ...(Object.keys(fields).length > 0 && { fields }),
  })
}

const get = (of: object, name: string): unknown => tryGet(() => Reflect.get(of, name) as unknown)

/** The errors of an `AggregateError`, or the failures of a `ParallelError`. */
function collected(error: Error): readonly unknown[] {
  const errors = get(error, 'errors')
  if (Array.isArray(errors)) return errors
  const results = get(error, 'results')
  if (!Array.isArray(results)) return []
  const failures = results.filter((one) => isObject(one) && get(one, 'status') === 'failed')
  return failures.map((one) => get(one, 'error')).filter((one) => one !== undefined)
}

function fieldsOf(error: Error): { readonly [name: string]: Payload } {
  const names = tryGet(() => Object.keys(error)) ?? []
  const own = names.filter((name) => !OWN.has(name) && get(error, name) !== undefined)
  return Object.fromEntries(own.map((name) => [name, payloadOf(get(error, name))]))
}

function withFingerprint(data: ErrorData): ErrorData {
  const { name, code = '', message } = data
  return { ...data, fingerprint: hashId([name, code, message.replace(/\d+/g, '0')]).slice(0, 16) }
}
