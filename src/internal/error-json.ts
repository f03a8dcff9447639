import { causeOf, describeValue, isInstance, isObject, isPlainObject, messageOf, nameOf, tryGet } from './guards.js'

// Errors as plain JSON. Errors come from user code: getters may throw, and causes may be circular.

/** An error as plain JSON: its name, message, own fields, and its cause and errors in the same form. */
export interface ErrorJson {
  readonly name: string
  readonly message: string
  /** The `code` of an error of Teasel, and of many others. */
  readonly code?: unknown
  readonly cause?: unknown
  readonly [field: string]: unknown
}

/** Maximum depth of a value; anything deeper is described in words. */
const DEEPEST = 12

/** Converts an error to plain JSON. Never throws. */
export function errorJson(error: Error): ErrorJson {
  return jsonOf(error, []) as ErrorJson
}

/** The innermost cause of an error; the error itself without a cause. In a cycle, the last error before it repeats. */
export function rootCauseOf(error: unknown): unknown {
  const seen = new Set<unknown>()
  let root = error
  for (let one = error; one !== undefined && !seen.has(one); one = causeOf(one)) {
    seen.add(one)
    root = one
  }
  return root
}

function jsonOf(value: unknown, above: readonly unknown[]): unknown {
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return value
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (above.includes(value)) return 'a circular reference'
  if (above.length > DEEPEST) return describeValue(value)
  return tryGet(() => formOf(value, [...above, value])) ?? describeValue(value)
}

function formOf(value: unknown, above: readonly unknown[]): unknown {
  if (isInstance(value, Error)) return partsOf(value, above)
  if (Array.isArray(value)) return value.map((item) => jsonOf(item, above))
  if (!isObject(value)) return undefined
  if ('toJSON' in value && typeof value.toJSON === 'function') return jsonOf(value.toJSON(), above)
  return isPlainObject(value) ? fieldsOf(value, Object.keys(value), above) : undefined
}

function partsOf(error: Error, above: readonly unknown[]): object {
  const hidden = ['cause', 'errors'].filter((name) => Object.hasOwn(error, name))
  const own = Object.keys(error).filter((name) => !['name', 'message', 'stack', ...hidden].includes(name))
  return {
    name: nameOf(error) || 'Error',
    message: messageOf(error),
    ...fieldsOf(error, [...own, ...hidden], above),
  }
}

/** Own fields with a value; a field that throws is replaced by a note. */
function fieldsOf(of: object, names: readonly string[], above: readonly unknown[]): object {
  const fields = names.map((name) => {
    const got = tryGet(() => ({ value: Reflect.get(of, name) as unknown }))
    return [name, got === undefined ? 'cannot be read' : got.value === undefined ? undefined : jsonOf(got.value, above)]
  })
  return Object.fromEntries(fields) as object
}
