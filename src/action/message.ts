import type { StandardSchemaV1 } from '@standard-schema/spec'
import { InputError } from '../errors.js'
import { describeValue, isPlainObject } from '../internal/guards.js'
import { checkOptions } from '../internal/options.js'
import { copyData } from '../state/copy-data.js'
import { deepFreeze } from '../state/freeze.js'
import { assertSchema, formatIssue, validate } from '../state/schema.js'
import { type MessageSchemas, rememberBody, schemasOf } from './message-schemas.js'

/** A message to an application. Made by the function that {@link defineMessage} returns. */
export interface Message<out Kind extends string = string, out Body = unknown> {
  /** The name of its kind. */
  readonly kind: Kind
  /** Its content, as parsed by its schema. */
  readonly body: Body
}

/** A message with its sender: the key of a sibling branch, or `''` for a message from outside. */
export interface Received<out Kind extends string = string, out Body = unknown> extends Message<Kind, Body> {
  readonly from: string
}

/** Makes a typed message, recognises it, and identifies it to a receiver. */
export interface MessageKind<Kind extends string, Body> {
  /**
   * Makes a message.
   * @throws {InputError} when the body does not fit the schema
   */
  (body: Body): Message<Kind, Body>
  /** Its name. */
  readonly kind: Kind
  /** Narrows a message to this kind. */
  is(message: Message): message is Received<Kind, Body>
  /** Types only, absent at run time. */
  readonly '~received': Received<Kind, Body>
}

export interface AnyMessageKind {
  readonly kind: string
  readonly '~received': Received
}

/**
 * Defines a kind of message.
 *
 * @param kind name, unique among the messages of an application
 * @param body Standard Schema of the content; `type<T>()` validates nothing
 * @returns a function that makes a message and throws an {@link InputError} when the body does not fit the schema
 *
 * @example
 * ```ts
 * const hint = defineMessage('hint', type<string>())
 * const message = hint('look there') // { kind: 'hint', body: 'look there' }
 * ```
 *
 */
export function defineMessage<const Kind extends string, Schema extends StandardSchemaV1>(
  kind: Kind,
  body: Schema,
): MessageKind<Kind, StandardSchemaV1.InferOutput<Schema>> {
  if (typeof kind !== 'string' || kind === '')
    throw new TypeError(`defineMessage takes a name, not ${describeValue(kind)}.`)
  assertSchema(`defineMessage("${kind}")`, body)
  type Body = StandardSchemaV1.InferOutput<Schema>
  const make = (value: Body): Message<Kind, Body> => {
    const result = validate(body, value)
    if (result.issues !== undefined) throw new InputError(`Message "${kind}"`, result.issues.map(formatIssue))
    return Object.freeze({ kind, body: result.value as Body })
  }
  const is = (message: Message): message is Received<Kind, Body> => message.kind === kind
  const made = Object.assign(make, { kind, is }) as MessageKind<Kind, Body>
  rememberBody(made, body)
  return made
}

/**
 * The result of sending a message.
 *
 * - `delivered`: a waiting action received it.
 * - `queued`: it is in the mailbox, or stored, until an action asks for its kind.
 * - `dropped`: it has no receiver: an unknown path, a settled branch, an application that does not run.
 * - `refused`: the mailbox is full; it holds 1 000 messages.
 */
export type Delivery = 'delivered' | 'queued' | 'dropped' | 'refused'

/**
 * The result of a cancel.
 *
 * - `cancelled`: the target ran, waited or was queued, and is cancelled, by this call or an earlier one.
 * - `settled`: the target has ended; a branch has its result.
 * - `unknown`: there is no such target: an unknown key or path, or a path to a visit of a map that has ended.
 */
export type CancelAnswer = 'cancelled' | 'settled' | 'unknown'

/** @throws {TypeError} for a value that is not a message */
export function assertMessage(message: unknown): void {
  if (isPlainObject(message) && typeof message['kind'] === 'string') return
  throw new TypeError(
    `send takes a message, not ${describeValue(message)}. Define its kind, and make one: defineMessage('hint', schema)(body).`,
  )
}

/** Limits of a wait. Default: none; it waits until its step ends. */
export interface WaitLimitOptions {
  /** Withdraws the wait: it rejects with the signal's reason. */
  readonly signal?: AbortSignal
  /**
   * Maximum wait for each message, in milliseconds, 0 or more. 0 takes only messages already present. The moment at
   * which it ends is stored: a resume does not start it anew.
   */
  readonly timeoutMs?: number
  /**
   * Latest end of the wait, in epoch milliseconds, by the wall clock. A past moment takes only messages already present.
   */
  readonly until?: number
}

/** A question, and limits of the wait for its answer. */
export interface WaitOptions extends WaitLimitOptions {
  /**
   * What is asked: plain data, such as a text and the choices. Whoever shows the question finds it in the `pending` of
   * the run, in the `wait` event and in the store. Copied and frozen. Default: none.
   */
  readonly ask?: unknown
}

/** {@link WaitLimitOptions}, validated. */
export type WaitLimits = { readonly [K in keyof WaitLimitOptions]: WaitLimitOptions[K] | undefined }

export const NO_LIMITS: WaitLimits = Object.freeze({})

/** The arguments of a reader, parsed. */
export interface ReaderArgs {
  readonly kinds: readonly string[]
  readonly limits: WaitLimits
  readonly ask: unknown
  /** JSON Schemas of the kinds. */
  schemas(): MessageSchemas | undefined
}

/**
 * Parses the arguments of a reader: kinds, and optionally {@link WaitOptions} at the end.
 * @throws {TypeError | RangeError} for arguments that are neither, and for invalid options
 * @throws {ContractError} when `ask` is no plain data
 */
export function readerArgs(reader: string, given: readonly unknown[]): ReaderArgs {
  const last = given.at(-1)
  if (!isPlainObject(last) || 'kind' in last) return argsOf(reader, given, NO_LIMITS, undefined)
  checkOptions(reader, last, reader === 'messages' ? LIMITS : `${LIMITS} ask`)
  const { ask } = last
  const frozen = ask === undefined ? undefined : deepFreeze(copyData(ask), reader, 'ask')
  return argsOf(reader, given.slice(0, -1), parseLimits(reader, last), frozen)
}

function argsOf(reader: string, given: readonly unknown[], limits: WaitLimits, ask: unknown): ReaderArgs {
  const kinds = kindNames(reader, given)
  return { kinds, limits, ask, schemas: () => schemasOf(given as readonly AnyMessageKind[]) }
}

const LIMITS = 'signal timeoutMs until'

function parseLimits(reader: string, { signal, timeoutMs, until }: Readonly<Record<string, unknown>>): WaitLimits {
  checkSignal(reader, signal)
  if (timeoutMs !== undefined && !(typeof timeoutMs === 'number' && timeoutMs >= 0))
    throw new RangeError(`${reader}: timeoutMs is ${describeValue(timeoutMs)}; it takes milliseconds, 0 or more.`)
  if (until !== undefined && !(typeof until === 'number' && !Number.isNaN(until)))
    throw new RangeError(
      `${reader}: until is ${describeValue(until)}; it takes epoch milliseconds: Date.now() + 60_000.`,
    )
  const open = signal === undefined && timeoutMs === undefined && until === undefined
  return open ? NO_LIMITS : { signal, timeoutMs, until }
}

function checkSignal(reader: string, signal: unknown): asserts signal is AbortSignal | undefined {
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new TypeError(`${reader}: signal is ${describeValue(signal)}. It takes an AbortSignal: controller.signal.`)
}

/** The end of a sleep: a duration, or a moment. */
export type SleepOptions = {
  /** Ends the sleep: it rejects with the signal's reason. */
  readonly signal?: AbortSignal
} & (
  | {
      /** How long, in milliseconds. */
      readonly ms: number
      readonly until?: never
    }
  | {
      /** Until when, by the wall clock: epoch milliseconds, or a `Date`. */
      readonly until: number | Date
      readonly ms?: never
    }
)

/**
 * Parses the argument of `sleep`.
 * @throws {TypeError | RangeError} for an invalid one
 */
export function sleepLimits(given: unknown): WaitLimits {
  checkOptions('sleep', given, 'ms until signal')
  const { ms, until, signal } = given as { readonly [name: string]: unknown }
  checkSignal('sleep', signal)
  if ((ms === undefined) === (until === undefined))
    throw new TypeError('sleep takes { ms } or { until }: sleep({ ms: 60_000 }).')
  const end = until instanceof Date ? until.getTime() : until
  if (ms !== undefined && !(typeof ms === 'number' && ms >= 0 && ms < Infinity))
    throw new RangeError(`sleep: ms is ${describeValue(ms)}; it takes milliseconds, 0 or more.`)
  if (end !== undefined && !(typeof end === 'number' && Number.isFinite(end)))
    throw new RangeError(`sleep: until is ${describeValue(until)}; it takes epoch milliseconds, or a Date.`)
  return { signal, timeoutMs: ms, until: end }
}

/** Lists of one name, by the kind: many branches may wait for the same. */
const namesOfOne = new WeakMap<AnyMessageKind, readonly string[]>()

/**
 * Names of the kinds that a reader takes.
 * @throws {TypeError} for a value that is not a kind
 */
function kindNames(reader: string, kinds: readonly unknown[]): readonly string[] {
  const [first] = kinds
  const known = kinds.length === 1 ? namesOfOne.get(first as AnyMessageKind) : undefined
  if (known !== undefined) return known
  const names = kinds.map((kind) => (kind as AnyMessageKind | null | undefined)?.kind)
  const other = kinds.find((_, i) => typeof names[i] !== 'string')
  if (kinds.length > 0 && names.every((name) => typeof name === 'string')) {
    if (kinds.length === 1) namesOfOne.set(first as AnyMessageKind, names)
    return Object.freeze(names)
  }
  throw new TypeError(
    `${reader} takes kinds of message${kinds.length === 0 ? '' : `, not ${describeValue(other)}`}. Define them: defineMessage('hint', schema).`,
  )
}

/** Messages of a sibling with an empty key: `from` alone does not distinguish them from messages from outside. */
const nameless = new WeakSet<Received>()

/** Copies a message for its receivers, so that later changes by the sender do not reach them. */
export function sealMessage({ kind, body }: Message, from: string | undefined): Received {
  const message = { kind, body: copyData(body), from: from ?? '' }
  if (from === '') nameless.add(message)
  return message
}

/** True for a message from outside. */
export const isOutside = (message: Received): boolean => message.from === '' && !nameless.has(message)
