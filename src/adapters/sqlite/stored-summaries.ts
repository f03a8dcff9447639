import { isPlainObject } from '../../internal/guards.js'
import type {
  AppSummary,
  OpenQuestion,
  StoredClaim,
  StoredPosition,
  StoredRun,
  SummaryParent,
  SummaryStatus,
} from '../../persistence/summary.js'

// Summaries in the form of the tables, as pages hold them.

interface StoredLast {
  readonly kind: string | null
  readonly label: string
  readonly seq: number
  readonly epoch: number
  readonly ord: number
}
export interface StoredSummaryRow {
  readonly app: string
  readonly status: string | null
  readonly since: number
  readonly pending: number
  readonly retrying: number
  readonly leaked: number
  readonly next_at: number | null
  readonly facts: string
  readonly name: string | null
  readonly title: string | null
  readonly labels: string | null
}
export interface StoredPlace {
  readonly parent: string | null
  readonly pepoch: number
  readonly pseq: number
  readonly map: string
  readonly visit: number
  readonly pkey: string
  readonly idx: number
}
export interface StoredRunRow extends StoredSummaryRow, StoredLast {
  readonly part: string
  readonly born: number
  readonly wake: number | null
  readonly lease: number | null
  readonly writer: string | null
  readonly count: number
  readonly until: number
  readonly worker: string | null
  readonly beat: string | null
  readonly beat_at: number
}
export type StoredBelowRow = StoredSummaryRow & StoredPlace & StoredLast
export interface StoredWaitRow {
  readonly part: string
  readonly root: string
  readonly app: string
  readonly id: string
  readonly seq: number
  readonly n: number
  readonly since: number
  readonly until: number | null
  readonly kinds: string
  readonly facts: string
  readonly answered: number
}
export type StoredQuestionRow = StoredWaitRow & Pick<StoredSummaryRow, 'title' | 'labels'>

const partitionOf = (part: string): string | null => (part === '' ? null : part.slice(1))

/** @throws {TypeError} for a text that a damaged file holds; it counts as damage of the file */
function parsed<T>(text: string, subject: string, fits: (value: unknown) => value is T): T {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // It is reported below.
  }
  if (fits(value)) return value
  throw new TypeError(`The ${subject} of a summary are malformed: ${text.slice(0, 100)}.`)
}
const isText = (value: unknown): value is string => typeof value === 'string'
const areTexts = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every(isText)
const areLabels = (value: unknown): value is Readonly<Record<string, string>> =>
  isPlainObject(value) && Object.values(value).every(isText)

export const toLabels = (text: string | null): Readonly<Record<string, string>> | undefined =>
  text === null ? undefined : parsed(text, 'labels', areLabels)

/** Undefined where older code has stored the application, or a message alone. */
export function toSummary(row: StoredSummaryRow): Omit<AppSummary, 'waits' | 'wake' | 'parent'> | undefined {
  const { app, status, since, pending, retrying, leaked, next_at: nextAt, facts, name, title, labels } = row
  if (status === null) return undefined
  return {
    appId: app,
    status: status as SummaryStatus,
    since,
    name: name ?? undefined,
    title: title ?? undefined,
    labels: toLabels(labels),
    pending,
    retrying,
    leaked,
    nextAt,
    facts: facts,
  }
}

export function toParent({ parent, pepoch, pseq, map, visit, pkey, idx }: StoredPlace): SummaryParent | undefined {
  if (parent === null) return undefined
  return {
    appId: parent,
    epoch: pepoch,
    sequenceId: pseq,
    map: map,
    visit,
    key: pkey,
    index: idx,
  }
}

export function toPosition({ kind, label, seq, epoch, ord }: StoredLast): StoredPosition | undefined {
  if (kind === null) return undefined
  return { kind: kind as StoredPosition['kind'], label: label, sequenceId: seq, epoch, order: ord }
}

function toClaim({ writer, count, until, worker, beat, beat_at: at }: StoredRunRow): StoredClaim | undefined {
  if (writer === null) return undefined
  return {
    incarnation: count,
    writer: writer,
    worker: worker ?? undefined,
    leaseUntil: until,
    beat: beat === null ? undefined : { at, data: beat },
  }
}

/** @param now the time of the store: a lease before it is over */
export const toRun = (row: StoredRunRow, now: number): StoredRun => ({
  partitionKey: partitionOf(row.part),
  rootId: row.app,
  born: row.born,
  summary: toSummary(row),
  wakeAt: row.wake,
  expired: row.lease !== null && row.lease < now,
  last: toPosition(row),
  claim: toClaim(row),
})

// Member by member: to spread an object made just before takes several times as long as all else of a page.
export const toQuestion = (row: StoredQuestionRow): OpenQuestion => ({
  id: row.id,
  sequenceId: row.seq,
  n: row.n,
  kinds: parsed(row.kinds, 'kinds of a question', areTexts),
  since: row.since,
  until: row.until,
  facts: row.facts,
  partitionKey: partitionOf(row.part),
  rootId: row.root,
  appId: row.app,
  answered: row.answered !== 0,
  title: row.title ?? undefined,
  labels: toLabels(row.labels) ?? {},
})
