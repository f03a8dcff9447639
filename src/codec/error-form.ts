import { TeaselError } from '../errors.js'
import { mostCollected } from '../internal/collected.js'
import { describeValue, isInstance, isObject, messageOf, nameOf, tryGet } from '../internal/guards.js'
import { errorClass, errorOfClass } from '../state/kind.js'

/** The stored form of an error. */
export interface StoredError {
  readonly name: string
  readonly message: string
  readonly stack?: string
  /** Its cause, its errors, and its other properties. */
  readonly props: readonly (readonly [string, unknown])[]
  /** Its built-in class, if its name is another. */
  readonly made?: string
  /** Set for an error of Teasel: the restored error is recognized by its `code`. */
  readonly ours?: true
}

const BRAND = Symbol.for('teasel.error')
const HIDDEN = ['cause', 'errors']
const OWN = new Set(['name', 'message', 'stack', ...HIDDEN])

/**
 * The parts of an error to store. A property that cannot be stored (a request, a socket) or read becomes its
 * description, so that a failure can always be stored.
 */
export function errorParts(error: Error, inner: (value: unknown) => unknown): StoredError {
  const keep = (key: string): unknown => {
    const got = tryGet(() => ({ value: Reflect.get(error, key) as unknown }))
    if (got === undefined) return 'cannot be read'
    return tryGet(() => ({ form: form(key, got.value) }))?.form ?? describeValue(got.value)
  }
  const ours = isInstance(error, TeaselError) || BRAND in error
  const form = (key: string, value: unknown): unknown =>
    ours && key === 'results' && Array.isArray(value) ? summariesOf(value, inner) : inner(value)
  const names = [
    ...HIDDEN.filter((key) => Object.hasOwn(error, key)),
    ...Object.keys(error).filter((key) => !OWN.has(key)),
  ]
  const stack: unknown = tryGet(() => error.stack)
  const made = tryGet(() => errorClass(error))
  return {
    name: nameOf(error),
    message: messageOf(error),
    ...(typeof stack === 'string' ? { stack } : {}),
    props: names.map((key) => [key, keep(key)]),
    ...(made === undefined || made === classByName(nameOf(error)) ? {} : { made }),
    ...(ours ? { ours: true } : {}),
  }
}

/** How many results are around the error whose parts are told now. */
let level = 0

/** The results of a `ParallelError`: the key and the status of each, and the first errors. */
function summariesOf(results: readonly unknown[], inner: (value: unknown) => unknown): readonly unknown[] {
  let left = mostCollected(level)
  level += 1
  try {
    return results.map((result) => {
      if (!isObject(result)) return inner(result)
      const { key, status, error } = result as Readonly<Record<string, unknown>>
      return inner({ key, status, ...(error !== undefined && left-- > 0 && { error }) })
    })
  } finally {
    level -= 1
  }
}

const BUILT_IN = ['AggregateError', 'EvalError', 'RangeError', 'ReferenceError', 'SyntaxError', 'TypeError', 'URIError']

const classByName = (name: string): string => (BUILT_IN.includes(name) ? name : 'Error')

/** Restores an error: of its built-in class, otherwise an `Error` with its name. */
export function errorFrom({ name, message, stack, props, made, ours }: StoredError): Error {
  const error = errorOfClass(made ?? classByName(name), message, name)
  const define = (key: PropertyKey, value: unknown, enumerable = false): void =>
    void Object.defineProperty(error, key, { value, enumerable, writable: true, configurable: true })
  if (error.name !== name) define('name', name)
  define('stack', stack)
  for (const [key, value] of props) define(key, value, !HIDDEN.includes(key))
  if (ours === true) define(BRAND, true)
  return error
}
