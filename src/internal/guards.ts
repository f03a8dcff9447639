/** True for every object except functions. */
export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** True for every value with a `then` method. */
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

/** The own property of a record by a user-given name; ignores inherited members. */
export function ownValue<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined
}

/** Makes objects with this prototype count as plain. */
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

/** The return value of `look`; undefined when it throws: a getter, a revoked proxy, a bad `toString`. */
export function tryGet<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}

/** A safe `instanceof` for thrown values: a revoked proxy throws when its class is checked. */
export function isInstance<T>(value: unknown, Class: abstract new (...args: never) => T): value is T {
  return tryGet(() => value instanceof Class) === true
}

/** Longest text of a value in a message; a value's own text may be of any length. */
const LONGEST = 10_000

/** The text of any value; values without one are described. Never throws. */
function textOf(value: unknown): string {
  const text = tryGet(() => String(value)) ?? describeValue(value)
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}… (${text.length} characters)` : text
}

/** The message of an error, or the text of any other thrown value. Never throws. */
export function messageOf(thrown: unknown): string {
  const message = isInstance(thrown, Error) ? tryGet(() => thrown.message) : thrown
  return textOf(typeof message === 'string' || !isInstance(thrown, Error) ? message : describeValue(thrown))
}

/** The name of a value; empty when it has none. Never throws. */
export function nameOf(named: { readonly name?: unknown }): string {
  const name = tryGet(() => named.name)
  return typeof name === 'string' ? name : ''
}

/** The cause of an error; undefined when it has none, or reading it throws. */
export function causeOf(error: unknown): unknown {
  return isInstance(error, Error) ? tryGet(() => error.cause) : undefined
}

/** Converts a thrown value to an `Error` that promises can carry: one with a `then` is wrapped. Never throws. */
export function toError(thrown: unknown): Error {
  if (isInstance(thrown, Error) && tryGet(() => isThenable(thrown)) === false) return thrown
  return new Error(isInstance(thrown, Error) ? messageOf(thrown) : describeValue(thrown), { cause: thrown })
}

/** Calls an observer: its throw or rejection goes to `fault`, which must not throw. */
export function observe<T>(observer: (seen: T) => unknown, seen: T, fault: (error: unknown) => void): void {
  try {
    const answer = observer(seen)
    if (isThenable(answer)) answer.then(undefined, fault)
  } catch (error) {
    fault(error)
  }
}

/** A short description of a value for messages: `"text"`, `42`, `an array`, `a Map`. Never throws. */
export function describeValue(value: unknown): string {
  return tryGet(() => kindOf(value)) ?? 'an object that cannot be read'
}

function kindOf(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'symbol') return 'a symbol'
  if (!isObject(value)) return String(value)
  if (Array.isArray(value)) return 'an array'
  if (isAsyncIterable(value)) return 'an async iterable'
  if (isIterable(value) && 'next' in value) return 'a generator'
  const name: unknown = value.constructor?.name
  return typeof name !== 'string' || name === '' || name === 'Object'
    ? 'an object'
    : `${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${name}`
}

/** Closes a switch over a union: a missing member does not compile. */
export function assertNever(value: never): never {
  throw new TypeError(`Unexpected ${describeValue(value)}.`)
}
