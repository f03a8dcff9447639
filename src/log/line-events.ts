import type { Payload } from '../read/payload.js'
import type { WirePath } from '../read/wire-path.js'
import type { WireEvent } from '../wire/events.js'
import type { LoadRef } from './blob-ref.js'
import { chunksOf } from './chunk-merge.js'
import { type EventLine, type HeadLine, isApp, isChunks, isHead, isSame, type LogLine } from './lines.js'
import { StateReading } from './step-lines.js'

// Owns: the events of a log, from its lines.
// V1  They are the events that its writer got, except for the times between merged chunks.

interface ReadApp {
  readonly appId: string
  readonly path: WirePath
  readonly state: StateReading
}

/** Names of fields that a line has for its own form. */
const OF_LINE = new Set('app patch base queued update state error result'.split(' '))

export class LineEvents {
  readonly #load: LoadRef
  #head: HeadLine | undefined
  #apps = new Map<number, ReadApp>()
  #errors = new Map<number, unknown>()
  /** States of applications by id: a part goes on where the part before ended. */
  #states = new Map<string, StateReading>()

  constructor(load: LoadRef) {
    this.#load = load
  }

  /** The events of a line, in order. */
  add(line: LogLine): readonly WireEvent[] {
    if (isHead(line)) this.#begin(line)
    else if (isApp(line)) {
      const { app, appId, path } = line
      this.#apps.set(app, { appId, path, state: this.#stateOf(appId) })
    } else if (isChunks(line)) return this.#chunks(line)
    else return this.#event(line)
    return []
  }

  #stateOf(appId: string): StateReading {
    const known = this.#states.get(appId)
    if (known !== undefined) return known
    const made = new StateReading(this.#load)
    this.#states.set(appId, made)
    return made
  }

  #begin(head: HeadLine): void {
    this.#apps = new Map()
    this.#errors = new Map()
    if (this.#head?.incarnation !== head.incarnation) this.#states = new Map()
    this.#head = head
    if (head.state !== undefined) this.#stateOf(head.runId).begin(head.state)
  }

  #wire(app: ReadApp, fields: { readonly [name: string]: unknown }): WireEvent {
    const { runId = '', incarnation = 0 } = this.#head ?? {}
    const { appId, path } = app
    return { ...fields, runId, incarnation, appId, path } as unknown as WireEvent
  }

  #chunks(line: Parameters<typeof chunksOf>[0]): readonly WireEvent[] {
    const app = this.#apps.get(line.app)
    return app === undefined ? [] : chunksOf(line).map((one) => this.#wire(app, { type: 'chunk', ...one }))
  }

  #event(line: EventLine): readonly WireEvent[] {
    const app = this.#apps.get(line.app)
    if (app === undefined) return []
    const fields: Record<string, unknown> = {}
    for (const [name, value] of Object.entries(line)) if (!OF_LINE.has(name)) fields[name] = value
    if (line['error'] !== undefined) fields['error'] = this.#errorOf(line['error'], line.seq)
    if (line.type === 'step.end' && line['status'] === 'done') Object.assign(fields, stepFields(line, app.state))
    if (line.type === 'run.end' && app.state.state !== undefined) fields['state'] = app.state.state
    if (line['result'] !== undefined) fields['result'] = this.#result(line, app)
    const event = this.#wire(app, fields)
    const { queued } = line
    if (queued === undefined) return [event]
    const { source, sequenceId, key, index } = fields
    const before = { type: 'branch.queued', seq: queued[0], time: queued[1], source, sequenceId, key, index }
    return [this.#wire(app, before), event]
  }

  #errorOf(error: unknown, seq: number): unknown {
    if (isSame(error)) return this.#errors.get(error.seq) ?? error
    this.#errors.set(seq, error)
    return error
  }

  #result(line: EventLine, { state: reading, appId }: ReadApp): unknown {
    if (line.state !== undefined) reading.begin(line.state)
    const { state } = reading
    const { error, ...rest } = line['result'] as { readonly [name: string]: unknown }
    const { key, index, status } = line as { readonly [name: string]: unknown }
    this.#states.delete(appId)
    return {
      ...{ key, index, status },
      ...rest,
      ...(error !== undefined && { error: this.#errorOf(error, line.seq) }),
      ...(state !== undefined && { state }),
    }
  }
}

function stepFields(line: EventLine, reading: StateReading): { readonly [name: string]: unknown } {
  reading.add(line)
  const { state } = reading
  if (typeof state !== 'object' || state === null || Array.isArray(state)) return {}
  const record = state as { readonly [key: string]: Payload }
  const keys = Array.isArray(line['update']) ? (line['update'] as readonly string[]) : []
  const update = Object.fromEntries(keys.flatMap((key) => (Object.hasOwn(record, key) ? [[key, record[key]]] : [])))
  return { update, state }
}
