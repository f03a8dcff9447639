import { assertExecutorChoice, chosen, type Executor } from '../action/executor.js'
import type { Inputs } from '../action/inputs.js'
import { FAILURE_OPTIONS, type FailurePolicy, NO_POLICY, parsePolicy } from '../action/retry.js'
import { ContractError } from '../errors.js'
import { describeValue, isAsyncIterable, isIterable, isPlainObject, isThenable, messageOf } from '../internal/guards.js'
import { suggest } from '../internal/nearest.js'

/** One entry of a source, separated from its options. */
export interface ParsedEntry extends FailurePolicy {
  readonly thing: unknown
  readonly key: string | undefined
  readonly inputs: Inputs | undefined
  /** Undefined for that of its runnable or its map. */
  readonly executor: Executor | null | undefined
}

/** A source of any form: with known length, or pulled one by one. */
export type Entries<T> =
  | { readonly kind: 'known'; readonly length: number; readonly at: (index: number) => T }
  | { readonly kind: 'pulled'; readonly waits: false; readonly iterator: Iterator<T> }
  | { readonly kind: 'pulled'; readonly waits: true; readonly iterator: AsyncIterator<T> }

/** An entry with its name in a record; undefined for other sources. */
export interface KeyedEntry {
  readonly entry: unknown
  readonly name: string | undefined
}

/**
 * Reads a source.
 * @param option name of the option, for messages: `states`
 * @throws {ContractError} for a value that is not a source
 */
export function entriesOf(subject: string, option: string, items: unknown): Entries<KeyedEntry> {
  if (Array.isArray(items)) {
    const list = items as readonly unknown[]
    return { kind: 'known', length: list.length, at: (i) => ({ entry: list[i], name: undefined }) }
  }
  if (isAsyncIterable(items))
    return { kind: 'pulled', waits: true, iterator: keyedAsync(items[Symbol.asyncIterator]()) }
  if (isIterable(items)) return { kind: 'pulled', waits: false, iterator: keyed(items[Symbol.iterator]()) }
  if (isPlainObject(items)) {
    const names = Object.keys(items)
    return { kind: 'known', length: names.length, at: (i) => ({ entry: items[names[i] ?? ''], name: names[i] }) }
  }
  const hint = isThenable(items)
    ? ` For branches that come later, write an async generator: async *${option}() { … }.`
    : ''
  throw sourceFault(
    subject,
    `${option} gave ${describeValue(items)}. A source is an array, a record, a generator or an async generator.${hint}`,
  )
}

/** Wraps an iterator's values, and forwards `return`. */
function keyed(iterator: Iterator<unknown>): Iterator<KeyedEntry> {
  return {
    next: () => wrap(iterator.next()),
    return: () => {
      iterator.return?.()
      return { done: true, value: undefined }
    },
  }
}

function keyedAsync(iterator: AsyncIterator<unknown>): AsyncIterator<KeyedEntry> {
  return {
    next: async () => wrap(await iterator.next()),
    return: async () => {
      await iterator.return?.()
      return { done: true, value: undefined }
    },
  }
}

function wrap(result: IteratorResult<unknown>): IteratorResult<KeyedEntry> {
  return result.done === true
    ? { done: true, value: undefined }
    : { done: false, value: { entry: result.value, name: undefined } }
}

/** The explicit key of an entry, without parsing the rest of it. */
export function keyOfEntry({ entry, name }: KeyedEntry): string | undefined {
  const options: unknown = Array.isArray(entry) ? entry[1] : undefined
  return isPlainObject(options) && typeof options['key'] === 'string' ? options['key'] : name
}

const OPTIONS = `key inputs executor ${FAILURE_OPTIONS}`.split(' ')

/**
 * Separates an entry from its options: `thing` or `[thing, { key, inputs, retry, timeoutMs, fallback }]`.
 * @throws {ContractError} for options of another shape
 */
export function parseEntry(subject: string, option: string, { entry, name }: KeyedEntry): ParsedEntry {
  if (!Array.isArray(entry)) return { thing: entry, key: name, inputs: undefined, executor: undefined, ...NO_POLICY }
  const [thing, options] = entry as readonly unknown[]
  if (entry.length !== 2 || !isPlainObject(options)) {
    throw sourceFault(
      subject,
      `${option} gave an array of ${entry.length}. An entry is the thing, or [thing, { ${OPTIONS.join(', ')} }].`,
    )
  }
  return { thing, ...parseOptions(subject, option, options, name) }
}

/** Parses the options of an entry or a task. */
export function parseOptions(
  subject: string,
  option: string,
  options: Readonly<Record<string, unknown>>,
  name: string | undefined,
): Omit<ParsedEntry, 'thing'> {
  const unknown = Object.keys(options).find((option) => !OPTIONS.includes(option))
  if (unknown !== undefined) {
    throw sourceFault(
      subject,
      `${option} gave an entry with the option "${unknown}". ${suggest(unknown, OPTIONS, 'options')}`,
    )
  }
  const { key, inputs } = options
  if (key !== undefined && typeof key !== 'string') {
    throw sourceFault(subject, `${option} gave an entry with the key ${describeValue(key)}. A key is a string.`)
  }
  if (inputs !== undefined && !isPlainObject(inputs)) {
    throw sourceFault(
      subject,
      `${option} gave an entry whose inputs are ${describeValue(inputs)}. Inputs are a record.`,
    )
  }
  return {
    key: key ?? name,
    inputs,
    executor: executorOf(subject, option, options),
    ...policyOf(subject, option, options),
  }
}

function executorOf(
  subject: string,
  option: string,
  { executor }: Readonly<Record<string, unknown>>,
): Executor | null | undefined {
  try {
    assertExecutorChoice(executor)
  } catch (error) {
    throw sourceFault(subject, `${option} gave an invalid entry: ${messageOf(error)}`, error)
  }
  return chosen(executor)
}

function policyOf(subject: string, option: string, options: Readonly<Record<string, unknown>>): FailurePolicy {
  try {
    return parsePolicy(options)
  } catch (error) {
    throw sourceFault(subject, `${option} gave an invalid entry: ${messageOf(error)}`, error)
  }
}

/** Makes the error for an invalid source, with its map. */
export function sourceFault(subject: string, message: string, cause?: unknown): ContractError {
  return new ContractError(subject, { kind: 'source', message }, message, cause === undefined ? undefined : { cause })
}
