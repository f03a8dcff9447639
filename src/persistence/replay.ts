import { decode, FORMAT } from '../codec/encode.js'
import { revive } from '../codec/revive.js'
import { TeaselError } from '../errors.js'
import { isPlainObject, messageOf } from '../internal/guards.js'
import type { Pieces } from '../internal/slice.js'
import { freezeAll, type State } from '../state/freeze.js'
import { PersistenceError, SerializationError, SnapshotError } from '../store-errors.js'
import { type Draft, emptyDraft, readNote, visitsOf } from './draft.js'
import type { Posted, Row, Tail, Until } from './driver.js'
import { corrupt, corruptMessage } from './faults.js'
import { actionOf } from './labels.js'
import { resolveAgainstParent } from './parent-state.js'
import { apply } from './patch.js'
import type { CancelledNote, FullData, PatchData, StoredNote } from './record.js'
import { isSealedMessage, isSealedRow } from './seal.js'
import type { StoredMessage, StoredRecord } from './stored-record.js'

export type { StoredMap, StoredMessage, StoredRecord, StoredStatus } from './stored-record.js'

/** A state in the stored form: JSON with tags. */
export interface Raw {
  readonly state: State
}

/** The step of the parent that the first row of a tail refers to. */
export interface Reference extends Until {
  readonly appId: string
  readonly name: string
}

/** Finds a referenced state. */
export type FindRaw = (name: string) => Raw | undefined

/** The reference of a tail to its parent's state. A damaged row has none. */
export function referenceOf({ rows: [first] }: Tail): Reference | undefined {
  if (first?.kind !== 'full' || !first.data.includes('"u":[') || !isSealedRow(first)) return undefined
  const { u } = JSON.parse(first.data) as FullData
  return u && { appId: u[0], sequenceId: u[1], epoch: u[2], name: JSON.stringify(u) }
}

/**
 * Reads the rows of an application, in order.
 * @param whole whether to read its inbox too
 * @returns undefined when it has no rows
 * @throws {PersistenceError} `corrupt`, with the damaged row
 * @throws {SnapshotError} when a row has another format
 */
export function* replay(
  appId: string,
  tail: Tail | undefined,
  whole: boolean,
  find: FindRaw,
): Pieces<StoredRecord | undefined> {
  const draft = yield* readRows(appId, tail, find)
  if (tail === undefined || draft === undefined) return undefined
  const { tagged, manifest: _half, ...record } = draft
  const last = tail.rows.at(-1)
  guarded(appId, last, () => {
    const state = tagged ? (revive(record.state) as State) : record.state
    record.state = Object.freeze({ ...freezeAll(state, `The stored state of "${appId}"`) })
  })
  record.inbox = whole ? tail.inbox.map((one) => readMessage(appId, one)) : []
  return record
}

/** The state of an application in the stored form. */
export function* rawOf(appId: string, tail: Tail | undefined, find: FindRaw): Pieces<Raw | undefined> {
  const draft = yield* readRows(appId, tail, find)
  return draft?.hasState === true ? draft : undefined
}

function* readRows(appId: string, tail: Tail | undefined, find: FindRaw): Pieces<Draft | undefined> {
  const [first] = tail?.rows ?? []
  if (tail === undefined || first === undefined) return undefined
  const draft = emptyDraft(appId, first)
  for (const [i, row] of tail.rows.entries()) {
    yield
    guarded(appId, row, () => {
      if (row.index !== first.index + i) throw new SyntaxError(`record ${first.index + i} is missing.`)
      read(draft, row, parse(row), find)
    })
  }
  return draft
}

function guarded(appId: string, row: Row | undefined, work: () => void): void {
  try {
    work()
  } catch (error) {
    if (error instanceof SnapshotError || PersistenceError.is(error)) throw error
    throw corrupt(appId, row, error instanceof TeaselError ? error : new SyntaxError(messageOf(error)))
  }
}

function parse(row: Row): Readonly<Record<string, unknown>> {
  if (!isSealedRow(row)) throw new SyntaxError('its checksum does not match.')
  const data: unknown = JSON.parse(row.data)
  if (!isPlainObject(data) || typeof data['f'] !== 'number') throw new SyntaxError('it is not a record.')
  if (data['f'] === FORMAT) return data
  throw new SnapshotError(
    `Record ${row.index} of application "${row.appId}" has format ${data['f']}, but this version of Teasel reads format ${FORMAT}. Use the version that wrote it. Nothing was run or changed.`,
    data['f'],
  )
}

function read(draft: Draft, row: Row, data: Readonly<Record<string, unknown>>, find: FindRaw): void {
  draft.rows = row.index + 1
  draft.order = Math.max(draft.order, row.order)
  draft.epoch = row.epoch
  if (row.kind === 'note')
    return row.label === 'status' ? readStatus(draft, row, data['d']) : readNote(draft, row, revive(data['d']))
  draft.sequenceId = row.sequenceId
  draft.tagged ||= row.data.includes('"$"') // a pointer into the parent's state is a tag, too
  if (row.kind === 'full') readFull(draft, row, data as unknown as FullData, find)
  else readPatch(draft, row, data as unknown as PatchData)
}

/** The row is overwritten as a whole: it holds every status note. */
function readStatus(draft: Draft, { index }: Row, notes: unknown): void {
  draft.statusRow = { index, notes: notes as readonly StoredNote[] }
  for (const [label, form, order] of draft.statusRow.notes) readNote(draft, { label, order }, revive(form))
}

function readFull(draft: Draft, row: Row, data: FullData, find: FindRaw): void {
  draft.state = data.u === undefined ? data.s : resolveParent(data.s, data.u, find)
  draft.hasState = true
  draft.version = data.v
  draft.visits = visitsOf(data.c)
  draft.parentRef = data.h ?? draft.parentRef
  draft.from = data.o ?? draft.from
  const started = row.sequenceId < 0 || data.q !== undefined
  stepDone(draft, started ? data.q : actionOf(row.label), data)
  draft.deadlineAt = data.d ?? draft.deadlineAt
  draft.given = data.g ?? [] // set by a rewind; the next step is a full row
}

function resolveParent(state: State, at: NonNullable<FullData['u']>, find: FindRaw): State {
  const above = find(JSON.stringify(at))
  if (above === undefined) throw new SyntaxError(`it refers to step ${at[1]} of "${at[0]}", which is not stored.`)
  return resolveAgainstParent(state, above.state)
}

function readPatch(draft: Draft, row: Row, data: PatchData): void {
  if (data.p !== null) draft.state = apply(draft.state, data.p) as State
  const action = actionOf(row.label)
  draft.visits[action] = (draft.visits[action] ?? 0) + 1
  stepDone(draft, action, data)
}

/** Reads a committed step. Notes before it no longer count. */
function stepDone(draft: Draft, position: string | undefined, data: FullData | PatchData): void {
  draft.position = position
  draft.next = data.n ?? undefined
  draft.end = data.e
  draft.startedAt = data.t ?? draft.startedAt
  draft.attempts = data.a ?? 1
  draft.tries = 0
  draft.oneWay = data.x ?? draft.oneWay
  draft.recovered = draft.recovered || data.r === 1
  draft.status = data.e ?? (data.n === null ? 'finished' : 'running')
  draft.waiting = draft.retry = draft.failed = undefined
  draft.passedWaits = []
  draft.retryFailuresBefore = 0
  draft.cancelled = data.z === undefined ? undefined : (revive(data.z) as CancelledNote)
  if (draft.cancelled !== undefined) draft.status = 'cancelled'
  draft.chooses = 'w' in data
  draft.map = undefined
  draft.once = new Map()
  draft.statusRow = undefined
}

/** @throws {PersistenceError} `corrupt` when it cannot be read */
export function readMessage(appId: string, posted: Posted): StoredMessage {
  try {
    if (!isSealedMessage(appId, posted)) throw new SyntaxError('its checksum does not match.')
    const { kind, body } = decode(posted.data) as Omit<StoredMessage, 'id'>
    return { id: posted.id, kind, body }
  } catch (error) {
    if (error instanceof SerializationError) throw error
    throw corruptMessage(appId, posted.id, error)
  }
}
