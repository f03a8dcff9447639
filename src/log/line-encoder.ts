import { plainForReaders } from '../codec/encode.js'
import { isObject } from '../internal/guards.js'
import type { AnyEvent } from '../lifecycle/events.js'
import type { Payload } from '../read/payload.js'
import type { State } from '../state/freeze.js'
import type { TrackedRun } from '../tracking/tracker.js'
import { InheritedValues } from './inherited-values.js'
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
  /** Writes a large value outside of the lines. @returns where it stands, as JSON; undefined if that failed */
  readonly outside: (json: string) => string | undefined
}

/** Fields that the line has in another form, or that follow from its application. */
const DROPPED = 'type seq time runId incarnation appId path action state update'
/** Fields that the program names, not its data. */
const STRUCTURE =
  'source sequenceId attempt status durationMs recovered to condition onError level delayMs at key index kinds from since until id total policy delivery by cause stored count results done failed cancelled sinceMs interceptor where next visit kind concurrency limit worker span parent name fraction'
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
  /** What it has from its parent, as a branch. */
  readonly inherited: InheritedValues | undefined
  /** Its path, while a map of it runs. */
  path: string | undefined
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
  /** What branches have from the application at a path, while its map runs. */
  readonly #above = new Map<string, InheritedValues>()
  #told = new WeakMap<object, number>()
  #count = 0

  constructor(settings: EncoderSettings) {
    this.#settings = settings
  }

  /** The number of an application, and the line that gives it, if it has none yet. */
  numberOf({ appId, path }: Pick<AnyEvent, 'appId' | 'path'>): { readonly app: number; readonly line?: AppLine } {
    const known = this.#apps.get(appId)
    if (known !== undefined) return { app: known.number }
    const inherited = this.#above.size === 0 ? undefined : this.#above.get(JSON.stringify(path.slice(0, -1)))
    const { number: app } = this.#meet(appId, inherited)
    return { app, line: { type: 'app', app, appId, path: path.map(({ map, visit, key }) => [map, visit, key]) } }
  }

  #meet(appId: string, inherited?: InheritedValues): TrackedApp {
    const app = { number: this.#count++, states: new StateLines(), inherited, path: undefined }
    this.#apps.set(appId, app)
    return app
  }

  /** Forgets an application: it has settled. If it comes again, it gets another number. */
  forget(appId: string): void {
    this.#endMap(this.#apps.get(appId))
    this.#apps.delete(appId)
  }

  #beginMap(app: TrackedApp | undefined, { path }: AnyEvent): void {
    const { redact, outside } = this.#settings
    if (app?.states.held === undefined || redact !== undefined) return
    app.path = JSON.stringify(path)
    this.#above.set(app.path, new InheritedValues(app.states.held, outside))
  }

  #endMap(app: TrackedApp | undefined): void {
    if (app?.path === undefined) return
    this.#above.delete(app.path)
    app.path = undefined
  }

  /** The state of the root before its first event, for the head. */
  first({ appId }: Pick<TrackedRun, 'appId'>, state: State): StatePart {
    return this.#meet(appId).states.add(state, 0, this.#prepare())
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
    this.#fields(event, line, seq)
    if (event.type === 'map.start') this.#beginMap(known, event)
    else if (event.type === 'step.end') this.#endMap(known)
    const state = known && this.#state(known, event, line, at)
    return { line: line as unknown as EventLine, state }
  }

  #fields(event: AnyEvent, line: Fields, seq: number): void {
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
  }

  #state({ states, inherited }: TrackedApp, event: AnyEvent, line: Fields, at: number): StatePart | undefined {
    // The state of a branch that has committed nothing stands in no other line.
    if (event.type === 'branch.settled')
      return states.isEmpty && 'state' in event.result
        ? states.add(event.result.state, at, this.#prepare(), inherited)
        : undefined
    if (event.type !== 'step.end' || event.status !== 'done') return undefined
    line['update'] = Object.keys(event.update)
    return states.add(event.state, at, this.#prepare(), inherited)
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
