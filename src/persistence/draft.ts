import { isFinal } from '../lifecycle/final.js'
import type { Row } from './driver.js'
import { millisecondsOf } from './order.js'
import type { ManifestEntry, Notes } from './record.js'
import type { StoredMap, StoredRecord } from './stored-record.js'
import { readWaiting, type StartedNote } from './wait-note.js'

// Owns: the record of an application while its rows are read.

type Writable<T> = { -readonly [K in keyof T]: T[K] }
interface DraftMap extends Writable<Omit<StoredMap, 'entries'>> {
  entries: Map<number, ManifestEntry>
}
/** An incomplete record. Its state is in the stored form. */
export interface Draft extends Omit<Writable<StoredRecord>, 'map' | 'once' | 'visits'> {
  tagged: boolean
  map: DraftMap | undefined
  /** A manifest of several notes, as far as they are read. It counts once it is complete. */
  manifest: DraftMap | undefined
  once: Map<string, unknown>
  visits: Record<string, number>
}

/** A record without rows. */
export function emptyDraft(appId: string, { epoch }: Pick<Row, 'epoch'>): Draft {
  return {
    appId,
    state: {},
    hasState: false,
    position: undefined,
    next: undefined,
    sequenceId: -1,
    epoch,
    version: 0,
    status: 'running',
    order: 0,
    visits: visitsOf({}),
    waiting: undefined,
    passedWaits: [],
    retry: undefined,
    failed: undefined,
    failedAt: 0,
    cancelled: undefined,
    end: undefined,
    startedAt: undefined,
    deadlineAt: undefined,
    attempts: 1,
    tries: 0,
    recovered: false,
    retryFailuresBefore: 0,
    statusRow: undefined,
    parentRef: undefined,
    from: undefined,
    oneWay: [],
    given: [],
    map: undefined,
    manifest: undefined,
    once: new Map(),
    inbox: [],
    rows: 0,
    tagged: false,
  }
}

export function readNote(draft: Draft, { label, order }: Pick<Row, 'label' | 'order'>, note: unknown): void {
  switch (label) {
    case 'manifest': {
      readManifest(draft, note as Notes['manifest'], order)
      return
    }
    case 'entry': {
      const { index, entry, ...at } = note as Notes['entry']
      mapOf(draft, at, order).entries.set(index, entry)
      return
    }
    case 'total': {
      const { total, ...at } = note as Notes['total']
      mapOf(draft, at, order).total = total
      return
    }
    case 'settled': {
      const { cancelled, ...at } = note as Notes['settled']
      const map = mapOf(draft, at, order)
      if (cancelled === undefined) map.settled = true
      else map.cancelled = cancelled
      return
    }
    case 'once': {
      const { key, value } = note as Notes['once']
      draft.once.set(key, value)
      return
    }
    case 'started':
      readTiming(draft, note as Notes['started'])
      return
    case 'waiting': {
      const place = { appId: draft.appId, sequenceId: draft.sequenceId + 1, at: millisecondsOf(order) }
      const waiting = readWaiting(note as Notes['waiting'], place)
      const { waits, passed = [], attempts, ...times } = waiting
      if (attempts !== undefined) readTiming(draft, { attempts, ...times })
      draft.passedWaits = passed
      draft.waiting = waits.length === 0 ? undefined : waiting
      if (draft.waiting !== undefined) draft.status = 'waiting'
      return
    }
    case 'retry': {
      const retry = note as Notes['retry']
      endAttempt(draft)
      draft.failed = undefined
      draft.retry = retry
      draft.tries = retry.tries
      readTiming(draft, retry)
      draft.retryFailuresBefore = order
      return
    }
    case 'failed':
      endAttempt(draft)
      draft.failed = note as Notes['failed']
      draft.failedAt = order
      if (draft.cancelled?.final !== true) draft.cancelled = undefined // the run continued, and failed later
      readTiming(draft, draft.failed)
      draft.status = 'failed'
      draft.end = undefined // the run failed after its last step
      if (draft.failed.again) draft.retryFailuresBefore = order
      return
    case 'cancelled':
      draft.cancelled = note as Notes['cancelled']
      readTiming(draft, draft.cancelled)
      draft.status = isFinal(draft.cancelled.cause) ? 'cancelled' : 'interrupted'
      return
    default:
      throw new SyntaxError(`the note "${label}" is unknown.`)
  }
}

function readManifest(draft: Draft, note: Notes['manifest'], order: number): void {
  const { map, visit, entries, from = 0, total = entries.length, version = 0 } = note
  if (from === 0) draft.manifest = emptyMap({ map, visit, version, total }, order)
  const open = draft.manifest
  if (open === undefined) return
  for (let i = 0; i < entries.length; i++) open.entries.set(from + i, entries[i] as ManifestEntry)
  if (open.entries.size === open.total) draft.map = open
}

function readTiming(draft: Draft, { attempts, startedAt, deadlineAt }: StartedNote): void {
  draft.attempts = attempts
  draft.startedAt = startedAt ?? draft.startedAt
  draft.deadlineAt = deadlineAt ?? draft.deadlineAt
}

/** The attempt has failed: its waits and its delay are over. */
function endAttempt(draft: Draft): void {
  draft.waiting = draft.retry = undefined
  draft.tries = 0
  draft.passedWaits = []
}

function mapOf(draft: Draft, at: Pick<Notes['entry'], 'map' | 'visit' | 'version'>, order: number): DraftMap {
  const { map, visit, version = 0 } = at
  if (draft.map?.map !== map || draft.map.visit !== visit)
    draft.map = emptyMap({ map, visit, version, total: undefined }, order)
  return draft.map
}

const emptyMap = (at: Pick<StoredMap, 'map' | 'visit' | 'version' | 'total'>, order: number): DraftMap => ({
  ...at,
  entries: new Map(),
  settled: false,
  startedAt: millisecondsOf(order),
})

/** Without a prototype: an action may be named `constructor` or `__proto__`. */
export const visitsOf = (counted: Readonly<Record<string, number>>): Record<string, number> =>
  Object.assign(Object.create(null), counted)
