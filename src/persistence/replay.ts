import { TeaselError } from '../errors.js'
import { isPlainObject, messageOf } from '../internal/guards.js'
import { deepFreeze, type State } from '../state/freeze.js'
import { decode, FORMAT } from './codec.js'
import type { Posted, Row, Tail } from './driver.js'
import { SerializationError, SnapshotError } from './errors.js'
import { corrupt } from './faults.js'
import { apply } from './patch.js'
import type {
  CancelledNote,
  FailedNote,
  ForkedFrom,
  FullData,
  Hanging,
  ManifestEntry,
  Notes,
  PatchData,
  StepEndMark,
  WaitingNote,
} from './record.js'

/** How far an application is. */
export type StoredStatus = 'running' | 'waiting' | 'halted' | 'finished' | 'failed' | 'cancelled'

/** A fan-out that had begun and was not committed. */
export interface StoredMap {
  readonly map: string
  readonly visit: number
  readonly version: number
  /** The entries by index, as far as they are recorded. */
  readonly entries: ReadonlyMap<number, ManifestEntry>
  /** How many there are; undefined while the generator had not ended. */
  readonly total: number | undefined
  /** `watch` had said that there are enough. */
  readonly settled: boolean
}

/** What is stored of an application, put together. */
export interface StoredRecord {
  readonly appId: string
  readonly state: State
  /** Whether a whole state is stored: not where there are only notes to its first step. */
  readonly based: boolean
  /** The last committed action. */
  readonly position: string | undefined
  /** The action that was chosen to run next. */
  readonly next: string | undefined
  /** The number of the last committed step, -1 before the first. */
  readonly sequenceId: number
  readonly epoch: number
  /** The user's own version of the records, see `version`. */
  readonly version: number
  readonly status: StoredStatus
  /** When the first row that is read was written, and the last one; epoch milliseconds × 1024. */
  readonly order: number
  readonly visits: Readonly<Record<string, number>>
  readonly waiting: WaitingNote | undefined
  readonly failed: FailedNote | undefined
  /** The order of the row that says so. */
  readonly failedAt: number
  readonly cancelled: CancelledNote | undefined
  /** How the run of a branch ended. */
  readonly end: StepEndMark | undefined
  readonly startedAt: number | undefined
  /** Which attempt of the branch it is at. */
  readonly attempts: number
  /** How many attempts at the next step had failed when the branch was last tried again. */
  readonly tries: number
  /** A fallback made a success of a failure. */
  readonly recovered: boolean
  /** After this order, branches that failed are to run again. */
  readonly voided: number
  readonly hangs: Hanging | undefined
  readonly from: ForkedFrom | undefined
  readonly below: number | undefined
  /** The fan-out that the next step had begun. */
  readonly map: StoredMap | undefined
  /** Side effects that the next step had done, by key. */
  readonly once: ReadonlyMap<string, unknown>
  /** Messages that no committed step has taken, in order. */
  readonly inbox: readonly StoredMessage[]
  /** How many rows there are: the place of the next one. */
  readonly rows: number
}

/** A message of an inbox. */
export interface StoredMessage {
  readonly id: number
  readonly kind: string
  readonly body: unknown
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }
interface OpenMap extends Writable<Omit<StoredMap, 'entries'>> {
  entries: Map<number, ManifestEntry>
}
interface Draft extends Omit<Writable<StoredRecord>, 'map' | 'once' | 'visits'> {
  map: OpenMap | undefined
  once: Map<string, unknown>
  visits: Record<string, number>
}

/**
 * Puts together what the rows of an application say.
 * @returns undefined when it has no rows
 * @throws {PersistenceError} `corrupt`, with the row that cannot be read
 * @throws {SnapshotError} when a row is of a newer format
 */
export function replay(appId: string, tail: Tail | undefined): StoredRecord | undefined {
  const [first] = tail?.rows ?? []
  if (tail === undefined || first === undefined) return undefined
  const draft = begin(appId, first)
  for (const row of tail.rows) {
    guarded(appId, row, () => read(draft, row, parse(row)))
  }
  for (const key of Object.keys(draft.state)) deepFreeze(draft.state[key], `The stored state of "${appId}"`, key)
  draft.state = Object.freeze({ ...draft.state })
  draft.inbox = tail.inbox.map((one) => readMessage(appId, one))
  return draft
}

function begin(appId: string, { epoch }: Row): Draft {
  return {
    appId,
    state: {},
    based: false,
    position: undefined,
    next: undefined,
    sequenceId: -1,
    epoch,
    version: 0,
    status: 'running',
    order: 0,
    visits: {},
    waiting: undefined,
    failed: undefined,
    failedAt: 0,
    cancelled: undefined,
    end: undefined,
    startedAt: undefined,
    attempts: 1,
    tries: 0,
    recovered: false,
    voided: 0,
    hangs: undefined,
    from: undefined,
    below: undefined,
    map: undefined,
    once: new Map(),
    inbox: [],
    rows: 0,
  }
}

function guarded(appId: string, row: Row, work: () => void): void {
  try {
    work()
  } catch (error) {
    if (error instanceof SnapshotError) throw error
    throw corrupt(appId, row.index, error instanceof TeaselError ? error : new SyntaxError(messageOf(error)))
  }
}

function parse(row: Row): unknown {
  const data = decode(row.data)
  if (!isPlainObject(data) || typeof data['f'] !== 'number') throw new SyntaxError('it is no record.')
  if (data['f'] <= FORMAT) return data
  throw new SnapshotError(
    `Record ${row.index} of application "${row.appId}" has the format ${data['f']}, and this Teasel knows ${FORMAT}. Use the newer one; nothing was run or changed.`,
    data['f'],
  )
}

function read(draft: Draft, row: Row, data: unknown): void {
  draft.rows = row.index + 1
  draft.order = Math.max(draft.order, row.order)
  draft.epoch = row.epoch
  if (row.kind === 'note') return readNote(draft, row, (data as { readonly d: unknown }).d)
  draft.sequenceId = row.sequenceId
  if (row.kind === 'full') readFull(draft, row, data as FullData)
  else readPatch(draft, row, data as PatchData)
}

function readFull(draft: Draft, row: Row, data: FullData): void {
  draft.state = data.s
  draft.based = true
  draft.version = data.v
  draft.visits = { ...data.c }
  draft.hangs = data.h ?? draft.hangs
  draft.from = data.o ?? draft.from
  const started = row.sequenceId < 0 || data.q !== undefined
  stepDone(draft, started ? data.q : row.label, data)
  draft.below = data.b
}

function readPatch(draft: Draft, row: Row, data: PatchData): void {
  if (data.p !== null) draft.state = apply(draft.state, data.p) as State
  draft.visits[row.label] = (draft.visits[row.label] ?? 0) + 1
  stepDone(draft, row.label, data)
}

/** A step has committed: what belonged to it alone is done with. */
function stepDone(draft: Draft, position: string | undefined, data: FullData | PatchData): void {
  draft.position = position
  draft.next = data.n ?? undefined
  draft.end = data.e
  draft.startedAt = data.t ?? draft.startedAt
  draft.attempts = data.a ?? 1
  draft.tries = 0
  draft.recovered = draft.recovered || data.r === 1
  draft.status = data.e ?? (data.n === null ? 'finished' : 'running')
  draft.waiting = undefined
  draft.failed = undefined
  draft.voided = 0
  if (data.z === 1) draft.status = 'cancelled'
  else draft.cancelled = undefined
  draft.below = undefined
  draft.map = undefined
  draft.once = new Map()
}

function readNote(draft: Draft, { label, order }: Row, note: unknown): void {
  switch (label) {
    case 'manifest': {
      const { map, visit, entries, version = 0 } = note as Notes['manifest']
      draft.map = { map, visit, version, entries: new Map(entries.entries()), total: entries.length, settled: false }
      return
    }
    case 'entry': {
      const { index, entry, ...at } = note as Notes['entry']
      mapOf(draft, at).entries.set(index, entry)
      return
    }
    case 'total': {
      const { total, ...at } = note as Notes['total']
      mapOf(draft, at).total = total
      return
    }
    case 'settled':
      mapOf(draft, note as Notes['settled']).settled = true
      return
    case 'once': {
      const { key, value } = note as Notes['once']
      draft.once.set(key, value)
      return
    }
    case 'waiting':
      draft.waiting = note as Notes['waiting']
      draft.status = 'waiting'
      return
    case 'retry': {
      const { attempts, tries } = note as Notes['retry']
      draft.failed = undefined
      draft.attempts = attempts
      draft.tries = tries
      return
    }
    case 'failed':
      draft.failed = note as Notes['failed']
      draft.failedAt = order
      lived(draft, draft.failed)
      draft.status = 'failed'
      draft.end = undefined // what a run took back after its last step
      if (draft.failed.again) draft.voided = order
      return
    case 'cancelled':
      draft.cancelled = note as Notes['cancelled']
      lived(draft, draft.cancelled)
      draft.status = 'cancelled'
      return
    default:
      throw new SyntaxError(`there is no note "${label}".`)
  }
}

function lived(draft: Draft, { attempts, startedAt }: FailedNote | CancelledNote): void {
  draft.attempts = attempts
  draft.startedAt = startedAt ?? draft.startedAt
}

function mapOf(draft: Draft, at: Pick<Notes['entry'], 'map' | 'visit' | 'version'>): OpenMap {
  const { map, visit, version = 0 } = at
  if (draft.map?.map !== map || draft.map.visit !== visit)
    draft.map = { map, visit, version, entries: new Map(), total: undefined, settled: false }
  return draft.map
}

/** @throws {PersistenceError} `corrupt` when it cannot be read */
export function readMessage(appId: string, { id, data }: Posted): StoredMessage {
  try {
    return { id, ...(decode(data) as Omit<StoredMessage, 'id'>) }
  } catch (error) {
    if (error instanceof SerializationError) throw error
    throw corrupt(appId, id, error)
  }
}
