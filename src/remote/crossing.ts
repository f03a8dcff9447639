import type { Message, Received } from '../action/message.js'
import { isOutside, sealMessage } from '../action/message.js'
import { decode, encode, plainDescribed } from '../codec/encode.js'
import * as errors from '../errors.js'
import type { Plan } from '../graph/plan.js'
import type { AnyEvent } from '../lifecycle/events.js'
import { freezeAll, type State } from '../state/freeze.js'
import * as storeErrors from '../store-errors.js'
import type { MessageData } from './frames.js'

// Owns: values on their way through a channel: as text, and back.
// X1  A value that is no data is refused with its path, so that one frame fails and not the worker.
// X2  An error is one of its class again, with its message, its cause and its fields; it is another object.

/**
 * A frame as text.
 * @throws {SerializationError} for a value that is no data
 */
export const seal = (frame: object): string => encode(frame)

/** The same, with words in place of values that are no data. */
export const sealInWords = (frame: object): string => JSON.stringify(plainDescribed(frame))

/** The frame of a text. @throws {SyntaxError | SerializationError} for a text that no frame was made of */
export const open = (text: string): unknown => decode(text)

const classes = new Map<string, object>(
  Object.entries({ ...errors, ...storeErrors }).flatMap(([name, value]) =>
    typeof value === 'function' && value.prototype instanceof Error ? [[name, value.prototype as object] as const] : [],
  ),
)

/** A thrown value that has crossed: an error of Teasel gets its class again (X2). */
export function thrown(value: unknown): unknown {
  if (!(value instanceof Error)) return value
  const prototype = Symbol.for('teasel.error') in value ? classes.get(value.name) : undefined
  if (prototype !== undefined) Object.setPrototypeOf(value, prototype)
  if (value.cause !== undefined) thrown(value.cause)
  if (value instanceof AggregateError) value.errors.forEach(thrown)
  return value
}

/** The fields of an event that are data; the result of a branch is made plain. */
export function plainEvent(event: AnyEvent): object {
  if (event.type !== 'branch.settled') return event
  const { result } = event
  return { ...event, result: { ...result, appId: result.appId } }
}

/** An event that has crossed. */
export function crossedEvent(event: AnyEvent): AnyEvent {
  for (const field of ['error', 'reason']) if (field in event) thrown(Reflect.get(event, field))
  if (event.type === 'branch.settled') for (const field of ['error', 'reason']) thrown(Reflect.get(event.result, field))
  return event
}

/** A state that has crossed, as its application holds it. */
export function stateOf({ graph }: Plan, state: State): State {
  return graph.rules.freeze ? Object.freeze({ ...freezeAll(state, 'A state from a channel') }) : state
}

export const dataOf = (message: Received): MessageData => ({
  kind: message.kind,
  body: message.body,
  from: isOutside(message) ? null : message.from,
})

export const messageOf = ({ kind, body, from }: MessageData): Received =>
  sealMessage({ kind, body } satisfies Message, from ?? undefined)
