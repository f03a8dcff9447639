import { isPlainObject } from '../../internal/guards.js'
import type {
  AppSummary,
  OpenQuestion,
  StoredClaim,
  StoredPosition,
  StoredRun,
  StoredWait,
  SummaryParent,
  SummaryStatus,
} from '../../persistence/summary.js'
import { type Bytes, textOf } from './stored-rows.js'

// Summaries in the form of the tables: text as bytes.

interface StoredLast {
  readonly kind: Bytes | null
  readonly label: Bytes
  readonly seq: number
  readonly epoch: number
  readonly ord: number
}
export interface StoredSummaryRow {
  readonly app: Bytes
  readonly status: Bytes | null
  readonly since: number
  readonly pending: number
  readonly retrying: number
  readonly leaked: number
  readonly next_at: number | null
  readonly facts: Bytes
  readonly name: Bytes | null
  readonly title: Bytes | null
  readonly labels: Bytes | null
}
export interface StoredPlace {
  readonly parent: Bytes | null
  readonly pepoch: number
  readonly pseq: number
  readonly map: Bytes
  readonly visit: number
  readonly pkey: Bytes
  readonly idx: number
}
export interface StoredRunRow extends StoredSummaryRow, StoredLast {
  readonly part: Bytes
  readonly born: number
  readonly wake: number | null
  readonly lease: number | null
  readonly writer: Bytes | null
  readonly count: number
  readonly until: number
  readonly worker: Bytes | null
  readonly beat: Bytes | null
  readonly beat_at: number
}
export type StoredBelowRow = StoredSummaryRow & StoredPlace & StoredLast
export interface StoredWaitRow {
  readonly part: Bytes
  readonly root: Bytes
  readonly app: Bytes
  readonly id: Bytes
  readonly seq: number
  readonly n: number
  readonly since: number
  readonly until: number | null
  readonly kinds: Bytes
  readonly facts: Bytes
  readonly answered: number
}
export type StoredQuestionRow = StoredWaitRow & Pick<StoredSummaryRow, 'title' | 'labels'>

const textOrNone = (bytes: Bytes | null): string | undefined => (bytes === null ? undefined : textOf(bytes))
const partitionOf = (bytes: Bytes): string | null => {
  const part = textOf(bytes)
  return part === '' ? null : part.slice(1)
}

/** @throws {TypeError} for bytes that a damaged file holds; it counts as damage of the file */
function parsed<T>(bytes: Bytes, subject: string, fits: (value: unknown) => value is T): T {
  let value: unknown
  try {
    value = JSON.parse(textOf(bytes))
  } catch {
    // It is reported below.
  }
  if (fits(value)) return value
  throw new TypeError(`The ${subject} of a summary are malformed: ${textOf(bytes).slice(0, 100)}.`)
}
const isText = (value: unknown): value is string => typeof value === 'string'
const areTexts = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every(isText)
const areLabels = (value: unknown): value is Readonly<Record<string, string>> =>
  isPlainObject(value) && Object.values(value).every(isText)

export const toLabels = (bytes: Bytes | null): Readonly<Record<string, string>> | undefined =>
  bytes === null ? undefined : parsed(bytes, 'labels', areLabels)

/** Undefined where older code has stored the application, or a message alone. */
export function toSummary(row: StoredSummaryRow): Omit<AppSummary, 'waits' | 'wake' | 'parent'> | undefined {
  const { app, status, since, pending, retrying, leaked, next_at: nextAt, facts, name, title, labels } = row
  if (status === null) return undefined
  return {
    appId: textOf(app),
    status: textOf(status) as SummaryStatus,
    since,
    name: textOrNone(name),
    title: textOrNone(title),
    labels: toLabels(labels),
    pending,
    retrying,
    leaked,
    nextAt,
    facts: textOf(facts),
  }
}

export function toParent({ parent, pepoch, pseq, map, visit, pkey, idx }: StoredPlace): SummaryParent | undefined {
  if (parent === null) return undefined
  return {
    appId: textOf(parent),
    epoch: pepoch,
    sequenceId: pseq,
    map: textOf(map),
    visit,
    key: textOf(pkey),
    index: idx,
  }
}

export function toPosition({ kind, label, seq, epoch, ord }: StoredLast): StoredPosition | undefined {
  if (kind === null) return undefined
  return { kind: textOf(kind) as StoredPosition['kind'], label: textOf(label), sequenceId: seq, epoch, order: ord }
}

function toClaim({ writer, count, until, worker, beat, beat_at: at }: StoredRunRow): StoredClaim | undefined {
  if (writer === null) return undefined
  return {
    incarnation: count,
    writer: textOf(writer),
    worker: textOrNone(worker),
    leaseUntil: until,
    beat: beat === null ? undefined : { at, data: textOf(beat) },
  }
}

/** @param now the time of the store: a lease before it is over */
export const toRun = (row: StoredRunRow, now: number): StoredRun => ({
  partitionKey: partitionOf(row.part),
  rootId: textOf(row.app),
  born: row.born,
  summary: toSummary(row),
  wakeAt: row.wake,
  expired: row.lease !== null && row.lease < now,
  last: toPosition(row),
  claim: toClaim(row),
})

const toWait = ({ id, seq, n, kinds, since, until, facts }: StoredWaitRow): StoredWait => ({
  id: textOf(id),
  sequenceId: seq,
  n,
  kinds: parsed(kinds, 'kinds of a question', areTexts),
  since,
  until,
  facts: textOf(facts),
})

export const toQuestion = (row: StoredQuestionRow): OpenQuestion => ({
  ...toWait(row),
  partitionKey: partitionOf(row.part),
  rootId: textOf(row.root),
  appId: textOf(row.app),
  answered: row.answered !== 0,
  title: textOrNone(row.title),
  labels: toLabels(row.labels) ?? {},
})
