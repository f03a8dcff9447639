import { plainForReaders } from '../codec/encode.js'
import { reviveKnown } from '../codec/revive.js'
import { describeValue, isPlainObject } from '../internal/guards.js'
import type { AnyEvent } from '../lifecycle/events.js'
import { positionOf } from '../read/cursor.js'

// Owns: events as plain JSON data.
// E1  Encoding an event never throws: a part that cannot be stored becomes `{ "$": "unsupported", "of": … }`.
// E2  A reader passes on unknown fields and tags, so that it can read events of a newer version.

/** The version of this form. It is sent once at the head of a stream or a log, not with each event. */
export const WIRE_VERSION = 1

/** An event as JSON data: its fields, with `path` as `[map, visit, key]` triples, without `action`, which follows from them. */
export interface WireEvent {
  readonly type: AnyEvent['type']
  readonly seq: number
  readonly time: number
  readonly runId: string
  readonly incarnation: number
  readonly appId: string
  readonly path: readonly (readonly [map: string, visit: number, key: string])[]
  readonly [field: string]: unknown
}

/**
 * Encodes an event as plain JSON data. State, chunks, errors and messages go by the codec; a part that cannot be stored
 * is replaced by a tag, so encoding never throws.
 *
 * @example
 * ```ts
 * const counter = defineState<{ n: number }>()
 * const add = counter.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
 * const app = createApplication(counter.graph({ actions: { add } }), { entrypoint: 'add', state: { n: 0 } })
 * const lines: string[] = []
 * app.on('*', (event) => lines.push(JSON.stringify(encodeEvent(event))))
 * await app.run()
 * decodeEvent(JSON.parse(lines[0] ?? '')).type // 'run.start'
 * ```
 */
export function encodeEvent(event: AnyEvent): WireEvent {
  const { path, action: _, ...fields } = event as AnyEvent & { readonly action?: string }
  const wire: Record<string, unknown> = { path: path.map(({ map, visit, key }) => [map, visit, key]) }
  for (const [name, value] of Object.entries(fields))
    if (value !== undefined) wire[name] = plainForReaders(name === 'result' ? { ...value } : value)
  return wire as WireEvent
}

/**
 * Restores an event from {@link encodeEvent}. Errors have their name, message, code and cause; `SomeError.is(error)`
 * recognizes them. Values that were replaced stay tags.
 * @throws {SyntaxError} for a value that is no encoded event
 */
export function decodeEvent(wire: unknown): AnyEvent {
  if (!isPlainObject(wire) || typeof wire['type'] !== 'string' || !Array.isArray(wire['path']))
    throw new SyntaxError(`This is no encoded event: ${describeValue(wire)}.`)
  const { path, ...fields } = wire as unknown as WireEvent
  const segments = path.map(([map, visit, key]) => Object.freeze({ map, visit, key }))
  const values = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, reviveKnown(value)]))
  const source: unknown = values['source']
  const action = typeof source === 'string' ? { action: segments[0]?.map ?? source } : {}
  return { ...values, ...action, path: Object.freeze(segments) } as unknown as AnyEvent
}

/** The position of an event in its run, `incarnation.seq`: a cursor. Everything up to it has been received. */
export const cursorOf = ({ incarnation, seq }: Pick<AnyEvent, 'incarnation' | 'seq'>): string => `${incarnation}.${seq}`

/**
 * Compares two cursors: negative when the first is earlier.
 * @throws {SyntaxError} for a text that is no cursor
 */
export function compareCursors(a: string, b: string): number {
  const [x, y] = [numbersOf(a), numbersOf(b)]
  return x[0] - y[0] || x[1] - y[1]
}

function numbersOf(cursor: string): readonly [number, number] {
  const position = positionOf(cursor)
  if (position !== undefined) return position
  throw new SyntaxError(
    `${describeValue(cursor)} is no position of an event. It takes incarnation.seq, such as "0.17".`,
  )
}
