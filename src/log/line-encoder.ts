import { plainForReaders } from '../codec/encode.js'
import { isObject } from '../internal/guards.js'
import type { AnyEvent } from '../lifecycle/events.js'
import type { Payload } from '../read/payload.js'
import type { State } from '../state/freeze.js'
import type { TrackedRun } from '../tracking/tracker.js'
import type { AppLine, EventLine } from './lines.js'
import { type Redact, redacted } from './redact.js'
import { StateLines, type StatePart } from './state-lines.js'

// Owns: events of one part of a log as its lines.
// N1  Nothing of a user is in a line that `redact` has not kept.

/** What the encoder of one part is given. */
export interface EncoderSettings {
  readonly redact: Redact | undefined
  /** Gets the errors of `redact`. */
  readonly fault: (error: unknown) => void
}

/** Fields that the line has in another form, or that follow from its application. */
const DROPPED = 'type seq time runId incarnation appId path action state update'
/** Fields that the program names, not its data. */
const STRUCTURE =
  'source sequenceId attempt status durationMs recovered to condition onError level delayMs at key index kinds from since until id total policy delivery by cause count results done failed cancelled sinceMs interceptor where next visit kind concurrency worker span parent name fraction'
/** How a field is written; any other one is data. */
const FORMS: ReadonlyMap<string, 'dropped' | 'structure'> = new Map([
  ...DROPPED.split(' ').map((name) => [name, 'dropped'] as const),
  ...STRUCTURE.split(' ').map((name) => [name, 'structure'] as const),
])
/** Of a result, what its line does not have beside it. */
const OF_RESULT = ['inputs', 'attempts', 'startedAt', 'endedAt', 'recovered', 'error', 'reason', 'by'] as const

interface TrackedApp {
  readonly number: number
  readonly states: StateLines
}

type Fields = Record<string, unknown>

/** A line, and its member that is JSON already. */
export interface EncodedLine {
  readonly line: EventLine
  readonly state: StatePart | undefined
}

export class LineEncoder {
  readonly #settings: EncoderSettings
  readonly #apps = new Map<string, TrackedApp>()
  #told = new WeakMap<object, number>()
  #count = 0

  constructor(settings: EncoderSettings) {
    this.#settings = settings
  }

  /** The number of an application, and the line that gives it, if it has none yet. */
  numberOf({ appId, path }: Pick<AnyEvent, 'appId' | 'path'>): { readonly app: number; readonly line?: AppLine } {
    const known = this.#apps.get(appId)
    if (known !== undefined) return { app: known.number }
    const app = this.#count++
    this.#apps.set(appId, { number: app, states: new StateLines() })
    return { app, line: { type: 'app', app, appId, path: path.map(({ map, visit, key }) => [map, visit, key]) } }
  }

  /** Forgets an application: it has settled. If it comes again, it gets another number. */
  forget(appId: string): void {
    this.#apps.delete(appId)
  }

  /** The state of the root before its first event, for the head. */
  first({ appId }: Pick<TrackedRun, 'appId'>, state: State): StatePart {
    const states = new StateLines()
    this.#apps.set(appId, { number: this.#count++, states })
    return states.add(state, 0, this.#prepare())
  }

  /** A value as it may be written. */
  payload(value: unknown, ...path: readonly string[]): Payload {
    const plain = (typeof value === 'string' ? value : plainForReaders(value)) as Payload
    const { redact, fault } = this.#settings
    return redact === undefined ? plain : redacted(redact, path, plain, fault)
  }

  #prepare(): ((state: Payload) => Payload) | undefined {
    const { redact, fault } = this.#settings
    return redact && ((state) => redacted(redact, ['state'], state, fault))
  }

  /**
   * The line of an event.
   * @param seq its number in its log
   * @param at offset of the line in bytes
   */
  line(event: AnyEvent, seq: number, at: number): EncodedLine {
    const known = this.#apps.get(event.appId)
    const line: Fields = { type: event.type, seq, time: event.time, app: known?.number }
    const state = this.#fields(event, line, seq, at, known?.states)
    return { line: line as unknown as EventLine, state }
  }

  #fields(
    event: AnyEvent,
    line: Fields,
    seq: number,
    at: number,
    states: StateLines | undefined,
  ): StatePart | undefined {
    for (const name in event) {
      const value: unknown = event[name as keyof AnyEvent]
      const form = FORMS.get(name)
      if (value === undefined || form === 'dropped') continue
      if (form === 'structure') line[name] = typeof value === 'object' ? plainForReaders(value) : value
      else if (name === 'error') line['error'] = this.#error(value, seq, 'error')
      else if (name === 'result') line['result'] = this.#result(value as Fields, seq)
      else if (name === 'message' && isObject(value)) line['message'] = this.#message(value)
      else line[name] = this.payload(value, name)
    }
    if (event.type === 'branch.settled') return void this.#firstState(event, line)
    if (event.type !== 'step.end' || event.status !== 'done') return undefined
    line['update'] = Object.keys(event.update)
    return states?.add(event.state, at, this.#prepare())
  }

  /** The state of a branch that has committed nothing stands in no other line. */
  #firstState({ appId, result }: Extract<AnyEvent, { type: 'branch.settled' }>, line: Fields): void {
    const isKnown = this.#apps.get(appId)?.states.isEmpty === false
    if (!isKnown && 'state' in result) line['state'] = this.payload(result.state, 'state')
  }

  /** An error of the same part is written once. */
  #error(error: unknown, seq: number, ...path: readonly string[]): unknown {
    const before = isObject(error) ? this.#told.get(error) : undefined
    if (before !== undefined) return { $: 'same', seq: before }
    if (isObject(error)) this.#told.set(error, seq)
    return this.payload(error, ...path)
  }

  #result(result: Fields, seq: number): Fields {
    const kept: Fields = {}
    for (const name of OF_RESULT) {
      const value = result[name]
      if (value === undefined) continue
      if (name === 'error') kept[name] = this.#error(value, seq, 'error')
      else kept[name] = name === 'inputs' || name === 'reason' ? this.payload(value, name) : value
    }
    return kept
  }

  #message(message: object): Fields {
    const { body, ...rest } = message as Fields
    return { ...rest, ...(body !== undefined && { body: this.payload(body, 'message', 'body') }) }
  }
}
