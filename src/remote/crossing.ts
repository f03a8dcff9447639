import type { Message, Received } from '../action/message.js'
import { isOutside, sealMessage } from '../action/message.js'
import { assertBytes, type Encoded } from '../codec/attached-bytes.js'
import { decodeWithBytes, describedWithBytes, encodeWithBytes, isAsIs } from '../codec/encode.js'
import * as errors from '../errors.js'
import type { Plan } from '../graph/plan.js'
import { defined } from '../internal/defined.js'
import type { AnyEvent } from '../lifecycle/events.js'
import type { SafeLogger } from '../lifecycle/logger.js'
import type { ProgressEvent } from '../lifecycle/report-events.js'
import type { EventSource } from '../runtime/event-source.js'
import type { BranchHost, ReportedProgress } from '../runtime/map/branch-handle.js'
import { storedIdOf, storedMessage } from '../runtime/message/inbox.js'
import { freezeAll, type State } from '../state/freeze.js'
import * as storeErrors from '../store-errors.js'
import { assertFits } from './frame-size.js'
import type { EventData, MessageData, UpFrame } from './frames.js'

// Owns: values on their way through a channel: as text, with large bytes beside it, and back.
// X1  A value that is no data is refused with its path, so that one frame fails and not the worker.
// X2  An error is one of its class again, with its message, its cause and its fields; it is another object.

/**
 * A frame as it crosses.
 * @param carriesBytes whether the channel carries bytes beside texts
 * @throws {SerializationError} for a value that is no data
 */
export function seal(frame: object, carriesBytes: boolean): Encoded {
  for (const value of Object.values(frame)) if (!isAsIs(value)) return encodeWithBytes(frame, carriesBytes)
  return { text: JSON.stringify(frame), bytes: undefined } // the frame itself was made here: only its values are looked through
}

/** The same, with words in place of values that are no data. */
export const sealInWords = describedWithBytes

/**
 * The frame of a text, and of the bytes beside it. Both may come from anywhere.
 * @param most the most bytes that it takes
 * @throws {SyntaxError | SerializationError | TypeError | RangeError} for what no frame was made of, or a frame that is too large
 */
export function open(encoded: Encoded, most: number): unknown {
  if (encoded.bytes !== undefined) assertBytes(encoded.bytes)
  assertFits(encoded, most)
  return decodeWithBytes(encoded)
}

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

/** Given by the owner of a branch to each event. */
const OF_OWNER: ReadonlySet<string> = new Set(['runId', 'incarnation', 'seq', 'time', 'action'])
/** The same for all events of a branch itself. */
const OF_BRANCH: ReadonlySet<string> = new Set(['appId', 'path'])

/** An event as it crosses. @param own whether the branch itself is its source */
export function eventData(event: AnyEvent, own: boolean): EventData {
  const data: Record<string, unknown> = {}
  for (const [field, value] of Object.entries(event))
    if (!OF_OWNER.has(field) && !(own && OF_BRANCH.has(field))) data[field] = value
  if (event.type === 'branch.settled') data['result'] = { ...event.result, appId: event.result.appId }
  return data as unknown as EventData
}

/** The fields that the owner numbers. */
const NUMBERED = { runId: '', incarnation: 0, seq: 0, time: 0 }

/** A chunk that has crossed; it is not numbered yet. */
export const crossedChunk = (
  { source, sequenceId }: Pick<Extract<UpFrame, { readonly type: 'chunk' }>, 'source' | 'sequenceId'>,
  chunk: unknown,
  { appId, path }: Pick<EventSource, 'appId' | 'path'>,
): AnyEvent => ({
  type: 'chunk',
  source,
  chunk,
  action: path[0]?.map ?? source,
  sequenceId,
  runId: '',
  incarnation: 0,
  seq: 0,
  time: 0,
  appId,
  path,
})

/** An event that has crossed; it is not numbered yet. @param origin the branch that it comes through */
export function crossedEvent(data: EventData, { appId, path }: Pick<EventSource, 'appId' | 'path'>): AnyEvent {
  const { type } = data
  const source = 'source' in data ? { action: path[0]?.map } : undefined
  const event: Record<string, unknown> = { ...NUMBERED, appId, path, ...source, ...data }
  for (const field of ['error', 'reason']) if (field in event) thrown(event[field])
  if (type === 'branch.settled')
    for (const field of ['error', 'reason']) thrown(Reflect.get(Object(data['result']), field))
  return event as unknown as AnyEvent
}

/** The progress of a branch, from its event. */
export function reportedIn({ source, fraction, done, total, message, time }: ProgressEvent): ReportedProgress {
  return { action: source, progress: { ...defined({ fraction, done, total, message }), at: time } }
}

/** Hands a line of a worker to the logger. */
export function writeLog(
  { level, text, data, at }: Extract<UpFrame, { readonly type: 'log' }>,
  logger: SafeLogger,
): void {
  if (at === undefined) logger[level](text, thrown(data))
  else logger.record({ level, text, data: thrown(data), ...at })
}

/** Sends a message of a branch to its siblings. @param key the key of the branch */
export function sendOn(frame: Extract<UpFrame, { readonly type: 'send' }>, map: BranchHost, key: string): void {
  const message = messageOf(frame.message)
  if (frame.key === null) map.broadcast(message, key)
  else map.deliver(frame.key, message, frame.to)
}

/** A state that has crossed, as its application holds it. */
export function stateOf({ graph }: Plan, state: State): State {
  return graph.rules.freeze ? Object.freeze({ ...freezeAll(state, 'A state from a channel') }) : state
}

export function dataOf(message: Received): MessageData {
  const { kind, body, from } = message
  const id = storedIdOf(message)
  return { kind, body, from: isOutside(message) ? null : from, ...(id !== undefined && { id }) }
}

export function messageOf({ kind, body, from, id }: MessageData): Received {
  const message = sealMessage({ kind, body } satisfies Message, from ?? undefined)
  return id === undefined ? message : storedMessage(message, id)
}
