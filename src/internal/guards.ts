/** True for whatever has an identity, functions left out. */
export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** True for whatever `await` would wait for. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return isObject(value) && 'then' in value && typeof value.then === 'function'
}

export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return isObject(value) && Symbol.asyncIterator in value
}

export function isIterable(value: unknown): value is Iterable<unknown> {
  return isObject(value) && Symbol.iterator in value
}

const plainPrototypes = new WeakSet<object>()

/** Lets objects with this prototype count as plain. */
export function countAsPlain(prototype: object): void {
  plainPrototypes.add(prototype)
}

/** True for object literals and null-prototype objects, of any realm, and for views of a state. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (!isObject(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === null || prototype === Object.prototype) return true
  return Object.getPrototypeOf(prototype) === null || plainPrototypes.has(prototype as object)
}

/** What an error says, or whatever else was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}

/** What was thrown, as an `Error`. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(describeValue(thrown), { cause: thrown })
}

/** A short name of a value for messages: `"text"`, `42`, `an array`, `a Map`. */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'symbol') return 'a symbol'
  if (!isObject(value)) return String(value)
  if (Array.isArray(value)) return 'an array'
  if (isAsyncIterable(value)) return 'an async iterable'
  if (isIterable(value) && 'next' in value) return 'a generator'
  const name = value.constructor?.name
  return name === undefined || name === 'Object' ? 'an object' : `${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${name}`
}

/** Closes a switch over a union: a member that was forgotten does not compile. */
export function assertNever(value: never): never {
  throw new TypeError(`Unexpected ${describeValue(value)}.`)
}
