import { isPlainObject, tryGet } from '../internal/guards.js'
import { apply, type Patch as StoredPatch } from '../persistence/patch.js'
import type { Payload } from '../read/payload.js'
import type { Patch, StepRecord } from '../read/tree.js'
import type { WirePath } from '../read/wire-path.js'
import { isRef, type LoadRef } from './blob-ref.js'
import { stepStart, tookOf } from './fold-parts.js'
import { stepRecord } from './fold-tree.js'
import { FoldedApp, type FoldedStep } from './folded.js'
import { type ChunksLine, type EventLine, type HeadLine, isChunks, isSame } from './lines.js'

type State = { readonly [key: string]: Payload }

/** The state of one application, from its lines. */
export class StateReading {
  /** In the form of the codec; undefined while it is unknown. */
  state: Payload | undefined
  readonly #load: LoadRef

  constructor(load: LoadRef) {
    this.#load = load
  }

  begin(state: Payload | undefined): void {
    const whole = isRef(state) ? this.#load(state) : state
    this.state = isPlainObject(whole) ? this.#filled(whole as State) : whole
  }

  /** A state with the values that stand in files of their own; undefined if one of the files is gone. */
  #filled(state: State): Payload | undefined {
    if (!Object.values(state).some(isRef)) return state
    const entries = Object.entries(state).map(
      ([key, value]) => [key, isRef(value) ? this.#load(value) : value] as const,
    )
    if (entries.some(([, value]) => value === undefined)) return undefined
    return Object.fromEntries(entries) as State
  }

  /** @returns the patch, if the line has one */
  add({ state, patch }: EventLine): Patch | undefined {
    if (state !== undefined) this.begin(state)
    if (patch === undefined || patch === null) return undefined
    const change = (isRef(patch) ? this.#load(patch) : patch) as Patch | undefined
    const before = this.state
    // A damaged change fits no state: it is unknown then, until a line has a whole one.
    const after = change === undefined ? undefined : tryGet(() => apply(before, change as StoredPatch) as Payload)
    this.state = before === undefined ? undefined : after
    return change
  }
}

/** The steps of one application, from its lines in the order of a log. */
export class StepLines {
  readonly state: StateReading
  /** The step under way; undefined between two steps. */
  open: FoldedStep | undefined
  readonly #app: FoldedApp
  readonly #errors = new Map<number, unknown>()

  constructor(appId: string, path: WirePath, load: LoadRef) {
    this.state = new StateReading(load)
    this.#app = new FoldedApp(appId, path, undefined, 0, 0)
  }

  /** Called with the head of each part, for the root. @returns the state that no step made, if it is a new one */
  begin({ epoch, part, sequenceId, state, time, next }: HeadLine, isRoot: boolean): StepRecord | undefined {
    const isFirst = this.#app.since === 0
    const isOther = part === 0 && (isFirst ? sequenceId < 0 : epoch > this.#app.epoch)
    this.#app.since = time
    this.#app.epoch = isRoot ? epoch : 0
    this.open = undefined
    if (isRoot) this.state.begin(state)
    if (!isOther || !isRoot) return undefined
    const { appId, path } = this.#app
    const placed = isFirst ? 'start' : 'rewind'
    const took = next === undefined || isFirst ? {} : { took: { to: next } }
    return { appId, path, action: '', sequenceId, epoch, status: 'done', placed, endedAt: time, ...took }
  }

  /** @returns a step whose attempt has ended */
  add(line: EventLine | ChunksLine): StepRecord | undefined {
    if (isChunks(line)) return void this.#chunks(line)
    const { type, seq } = line
    if (line['error'] !== undefined && !isSame(line['error'])) this.#errors.set(seq, line['error'])
    if (type === 'step.start') {
      stepStart(this.#app, line)
      this.open = this.#app.step
    } else if (type === 'transition' && this.open !== undefined) this.open.took = tookOf(line)
    else if (type === 'step.end') return this.#end(line)
    return undefined
  }

  #chunks({ n, time: [firstAt, lastAt], text, items }: ChunksLine): void {
    if (this.open === undefined) return
    const { chunks } = this.open
    const bytes = (chunks?.bytes ?? 0) + (text?.length ?? JSON.stringify(items).length)
    this.open.chunks = { count: (chunks?.count ?? 0) + n, bytes, firstAt: chunks?.firstAt ?? firstAt, lastAt }
  }

  #end(line: EventLine): StepRecord {
    const { time, source: action = '', sequenceId = 0 } = line
    const { status, attempt, durationMs, recovered, error, update } = line as {
      readonly [name: string]: unknown
    }
    const { appId, path, epoch } = this.#app
    const patch = this.state.add(line)
    const made: FoldedStep = this.open ?? { appId, path, action, sequenceId, epoch, status: 'running' }
    this.open = undefined
    made.status = status as FoldedStep['status']
    if (typeof attempt === 'number') made.attempt = attempt
    made.endedAt = time
    if (typeof durationMs === 'number') made.durationMs = durationMs
    made.startedAt ??= time - (typeof durationMs === 'number' ? durationMs : 0)
    if (recovered === true) made.recovered = true
    if (error !== undefined) made.error = isSame(error) ? this.#errors.get(error.seq) : error
    if (patch !== undefined) made.patch = patch
    const values = updateOf(update, this.state.state)
    if (values !== undefined) made.update = values
    return stepRecord(made)
  }
}

/** The update of a step: the values of its keys in the state after it. */
function updateOf(keys: unknown, state: Payload | undefined): Payload | undefined {
  if (!Array.isArray(keys) || typeof state !== 'object' || state === null || Array.isArray(state)) return undefined
  const record = state as { readonly [key: string]: Payload }
  if (Object.hasOwn(record, '$')) return undefined
  const names = keys.filter((key): key is string => typeof key === 'string' && Object.hasOwn(record, key))
  return Object.fromEntries(names.map((name) => [name, record[name] as Payload]))
}
