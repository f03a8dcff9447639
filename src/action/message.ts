import type { StandardSchemaV1 } from '@standard-schema/spec'
import { InputError } from '../errors.js'
import { describeValue, isPlainObject } from '../internal/guards.js'
import { demandSchema, tell, validate } from '../state/schema.js'

/** What one application sends to another. Made by what {@link defineMessage} returns. */
export interface Message<out Kind extends string = string, out Body = unknown> {
  /** The name of its kind. */
  readonly kind: Kind
  /** What it carries, as its schema gave it. */
  readonly body: Body
}

/** A message with its sender: the key of a sibling branch, or `''` from outside. */
export interface Received<out Kind extends string = string, out Body = unknown> extends Message<Kind, Body> {
  readonly from: string
}

/** Makes a typed message, recognises it, and names it to a receiver. */
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
 * @param kind its name, unique among the messages of an application
 * @param body a Standard Schema of what it carries; `type<T>()` checks nothing
 * @returns a function that makes one. It throws an {@link InputError} where the body does not fit the schema.
 *
 * @example
 * ```ts
 * const hint = defineMessage('hint', type<string>())
 * const message = hint('look there') // { kind: 'hint', body: 'look there' }
 * ```
 */
export function defineMessage<const Kind extends string, Schema extends StandardSchemaV1>(
  kind: Kind,
  body: Schema,
): MessageKind<Kind, StandardSchemaV1.InferOutput<Schema>> {
  if (typeof kind !== 'string' || kind === '')
    throw new TypeError(`defineMessage takes a name, not ${describeValue(kind)}.`)
  demandSchema(`defineMessage("${kind}")`, body)
  type Body = StandardSchemaV1.InferOutput<Schema>
  const make = (value: Body): Message<Kind, Body> => {
    const result = validate(body, value)
    if (result.issues !== undefined) throw new InputError(`Message "${kind}"`, result.issues.map(tell))
    return Object.freeze({ kind, body: result.value as Body })
  }
  const is = (message: Message): message is Received<Kind, Body> => message.kind === kind
  return Object.assign(make, { kind, is }) as MessageKind<Kind, Body>
}

/**
 * What became of a message.
 *
 * - `delivered`: an action that waited for it has it.
 * - `queued`: it lies in the mailbox, or is stored, until an action asks for its kind.
 * - `dropped`: nobody is there: a path that leads nowhere, a branch that has settled, an application that does not run.
 * - `refused`: the mailbox is full; it holds 1 000 messages.
 */
export type Delivery = 'delivered' | 'queued' | 'dropped' | 'refused'

/** @throws {TypeError} for what is no message */
export function demandMessage(message: unknown): void {
  if (isPlainObject(message) && typeof message['kind'] === 'string') return
  throw new TypeError(
    `send takes a message, not ${describeValue(message)}. Define its kind, and make one: defineMessage('hint', schema)(body).`,
  )
}

/**
 * The names of the kinds that a reader asks for.
 * @throws {TypeError} for what is no kind
 */
export function kindNames(reader: string, kinds: readonly AnyMessageKind[]): readonly string[] {
  const other: unknown = kinds.find((kind) => typeof (kind as AnyMessageKind | undefined)?.kind !== 'string')
  if (other === undefined && kinds.length > 0) return Object.freeze(kinds.map(({ kind }) => kind))
  throw new TypeError(
    `${reader} takes kinds of message${kinds.length === 0 ? '' : `, not ${describeValue(other)}`}. Define them: defineMessage('hint', schema).`,
  )
}
