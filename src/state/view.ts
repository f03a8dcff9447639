import { ContractError } from '../errors.js'
import { countAsPlain } from '../internal/guards.js'
import { list, suggest } from '../internal/nearest.js'
import { isolate, type State } from './freeze.js'
import type { Reads } from './keys.js'

// Names that code reads from any object without meaning state: promise checks, JSON, loggers, printers, test runners.
// Node's inspect reads "0" of the target of a proxy.
const READ_OF_ANY_OBJECT = new Set(
  '0 then toJSON inspect length href method setHeader message msg err tagName @@__IMMUTABLE_RECORD__@@ $$typeof nodeType asymmetricMatch @@__IMMUTABLE_ITERABLE__@@'.split(
    ' ',
  ),
)

/** Makes the view of one action: the keys that it reads of a state. */
export type ViewOf = (state: State) => State

/**
 * Compiles the reads of an action to a factory of its views.
 *
 * A view is a plain frozen object, with private copies of values that cannot be frozen. Reading a declared key costs as
 * much as reading any property. Any other string key reaches the prototype, a proxy shared by all views of the action,
 * which throws.
 * @param subject subject of the message: `Action "ask"`
 * @param keys keys that any action of the graph reads or writes; reading one of these undeclared is a mistake
 */
export function createViews(subject: string, reads: Reads, keys: ReadonlySet<string>): ViewOf {
  const optional = new Set(reads.optional)
  const { names } = reads
  function View(this: Record<string, unknown>, state: State): void {
    for (const key of names) if (Object.hasOwn(state, key)) this[key] = isolate(state[key])
  }
  const guard = new Proxy(Object.prototype, {
    get(target, key, receiver) {
      if (typeof key === 'string' && optional.has(key)) return undefined
      if (typeof key === 'symbol' || key in target) return Reflect.get(target, key, receiver)
      if (READ_OF_ANY_OBJECT.has(key) && !keys.has(key)) return undefined
      throw new ContractError(
        subject,
        { kind: 'undeclared-read', key, declared: names },
        `read the key "${key}", which it does not declare. Add it to reads. ${suggest(key, names, 'reads')}`,
      )
    },
    // Makes the view look like a plain object.
    getPrototypeOf: () => Object.prototype,
    set(_target, key, value, receiver) {
      // Only an optional key arrives here, while a view that has it is made: it becomes an own property of the view.
      return Reflect.defineProperty(receiver, key, { value, enumerable: true, writable: true, configurable: true })
    },
  })
  // Required names have a prototype of their own, so that setting one does not reach the proxy.
  View.prototype = Object.create(
    guard,
    Object.fromEntries(reads.required.map((key) => [key, { writable: true, value: undefined }])),
  )
  countAsPlain(View.prototype as object)
  const Made = View as unknown as new (state: State) => State
  return (state) => Object.freeze(new Made(state))
}

/**
 * Rejects a step whose required reads are unset.
 * @throws {ContractError} naming every unset key
 */
export function assertReads(subject: string, reads: Reads, state: State): void {
  for (const key of reads.required) {
    if (Object.hasOwn(state, key)) continue
    const keys = reads.required.filter((name) => !Object.hasOwn(state, name))
    throw new ContractError(
      subject,
      { kind: 'unset-read', keys, set: Object.keys(state) },
      `reads ${list(keys)}, which ${keys.length === 1 ? 'is' : 'are'} not set. Give it in the initial state, let an earlier action write it, or read ${list(keys.map((name) => `${name}?`))}.`,
    )
  }
}
