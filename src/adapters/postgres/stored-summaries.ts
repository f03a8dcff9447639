import type { Row } from '../../persistence/driver.js'
import type {
  AppSummary,
  BelowCount,
  OpenQuestion,
  RunCounts,
  StoredBelow,
  StoredPosition,
  StoredRun,
  StoredWait,
  SummaryParent,
  SummaryStatus,
} from '../../persistence/summary.js'
import type { PgRow } from './pool.js'
import { labelNamed, NAME_LABEL } from './summary-schema.js'

// Owns: the form of summaries and open questions in the tables.
// F1  A text that a query compares is stored without the characters that PostgreSQL cannot hold. Where it has to come
//     back unchanged it is stored as JSON, too.

/** A text without U+0000 and halves of characters (F1). */
export const storable = (text: string): string => text.replace(/[\0\p{Surrogate}]/gu, '\uFFFD')

/** The stored form of a partition key; the null partition has a text of its own. */
export const partText = (partitionKey: string | null): string => (partitionKey === null ? '' : `=${partitionKey}`)
const partitionOf = (part: unknown): string | null => (part === '' ? null : String(part).slice(1))

/** A row of the table of applications, in JSON. Without a summary it only holds the order of the first row. */
export type AppColumns = Readonly<Record<string, string | number | boolean | null | undefined>>

/** One for each application: a later summary replaces an earlier one, but for members that stay. */
export function mergedSummaries(summaries: readonly AppSummary[]): ReadonlyMap<string, AppSummary> {
  const merged = new Map<string, AppSummary>()
  for (const summary of summaries) {
    const { parent, name, title, labels, waits, taken } = merged.get(summary.appId) ?? {}
    merged.set(summary.appId, {
      ...summary,
      parent: summary.parent ?? parent,
      name: summary.name ?? name,
      title: summary.title ?? title,
      labels: summary.labels ?? labels,
      waits: summary.waits ?? waits,
      taken: summary.waits === undefined ? taken : summary.taken,
    })
  }
  return merged
}

/** @param born the order of the first row, if the group has it */
export function columnsOf(appId: string, born: number | undefined, summary: AppSummary | undefined): AppColumns {
  if (summary === undefined) return { app: appId, born }
  const { status, since, parent, name, title, labels, pending, retrying, leaked, wake, nextAt, facts } = summary
  return {
    ...{ app: appId, born, status, since, pending, retrying, leaked, next_at: nextAt, facts },
    ...(parent !== undefined && {
      ...{ parent: parent.appId, parent_epoch: parent.epoch, step: parent.sequenceId, map: storable(parent.map) },
      ...{ visit: parent.visit, key: JSON.stringify(parent.key), place: parent.index },
    }),
    name: name === undefined ? undefined : storable(name),
    title: title === undefined ? undefined : storable(title),
    labels: labels === undefined ? undefined : JSON.stringify(labels),
    leased: wake === 'lease',
    wake: wake === 'lease' ? null : wake,
  }
}

/** The rows of the labels of a root: name and value. The name of its graph is one of them. */
export const labelsOf = ({ name, labels = {} }: AppSummary): readonly (readonly [label: string, value: string])[] => [
  ...(name === undefined ? [] : [[NAME_LABEL, storable(name)] as const]),
  ...Object.entries(labels).map(([label, value]) => [labelNamed(storable(label)), storable(value)] as const),
]

/** The rows of an open question, in JSON: one for each kind, and at least one. */
export function waitColumns(appId: string, { id, sequenceId, n, kinds, since, until, facts }: StoredWait) {
  const texts = new Set(kinds.map(storable))
  const common = { app: appId, seq: sequenceId, n, id, since, until, kinds: JSON.stringify(kinds), facts }
  return (texts.size === 0 ? [null] : [...texts]).map((kind, k) => ({ ...common, k, kind }))
}

type Held = Omit<AppSummary, 'waits' | 'taken' | 'wake'>

/** The columns of a summary. `a`: the table of applications. */
export const SUMMARY = `a.app, a.status, a.since, a.parent, a.parent_epoch, a.step, a.map, a.visit, a.key, a.place,
  a.name, a.title, a.labels, a.pending, a.retrying, a.leaked, a.next_at, a.facts`
/** The columns of the last row. `r`: the table of rows. */
export const LAST = 'r.kind as last_kind, r.label, r.seq, r.epoch, r.ord'

const optional = <T>(value: unknown, of: (text: string) => T): T | undefined =>
  value === null || value === undefined ? undefined : of(String(value))
const numberOrNull = (value: unknown): number | null => optional(value, Number) ?? null
const jsonOf = <T>(text: string): T => JSON.parse(text) as T

/** Undefined where none was stored. */
export function summaryOf(row: PgRow): Held | undefined {
  const parent = optional(
    row['parent'],
    (appId): SummaryParent => ({
      appId,
      epoch: Number(row['parent_epoch']),
      sequenceId: Number(row['step']),
      map: String(row['map']),
      visit: Number(row['visit']),
      key: jsonOf<string>(String(row['key'])),
      index: Number(row['place']),
    }),
  )
  return optional(row['status'], (status) => ({
    appId: String(row['app']),
    status: status as SummaryStatus,
    since: Number(row['since']),
    parent,
    name: optional(row['name'], String),
    title: optional(row['title'], String),
    labels: optional(row['labels'], jsonOf<Record<string, string>>),
    pending: Number(row['pending']),
    retrying: Number(row['retrying']),
    leaked: Number(row['leaked']),
    nextAt: numberOrNull(row['next_at']),
    facts: String(row['facts']),
  }))
}

const lastOf = (row: PgRow): StoredPosition | undefined =>
  optional(row['last_kind'], (kind) => ({
    kind: kind as Row['kind'],
    label: String(row['label']),
    sequenceId: Number(row['seq']),
    epoch: Number(row['epoch']),
    order: Number(row['ord']),
  }))

export function runOf(row: PgRow): StoredRun {
  const { parent: _, ...summary } = summaryOf(row) ?? {}
  const beatAt = numberOrNull(row['beat_at'])
  return {
    partitionKey: partitionOf(row['part']),
    rootId: String(row['app']),
    born: Number(row['born']),
    summary: row['status'] === null ? undefined : (summary as StoredRun['summary']),
    wakeAt: numberOrNull(row['wake']),
    expired: row['expired'] === true,
    last: lastOf(row),
    claim: optional(row['writer'], (writer) => ({
      incarnation: Number(row['count']),
      writer,
      worker: optional(row['worker'], String),
      leaseUntil: Number(row['lease']),
      beat: beatAt === null ? undefined : { at: beatAt, data: String(row['beat']) },
    })),
  }
}

export function belowOf(row: PgRow): StoredBelow {
  const { labels: _, ...summary } = summaryOf(row) as Held & { parent: SummaryParent }
  return { appId: summary.appId, summary, last: lastOf(row) }
}

export const questionOf = (row: PgRow): OpenQuestion => ({
  id: String(row['id']),
  sequenceId: Number(row['seq']),
  n: Number(row['n']),
  kinds: jsonOf<string[]>(String(row['kinds'])),
  since: Number(row['since']),
  until: numberOrNull(row['until']),
  facts: String(row['facts']),
  partitionKey: partitionOf(row['part']),
  rootId: String(row['root']),
  appId: String(row['name']),
  answered: row['answered'] === true,
  title: optional(row['title'], String),
  labels: optional(row['labels'], jsonOf<Record<string, string>>) ?? {},
})

export const countOf = (row: PgRow): BelowCount => ({
  epoch: Number(row['parent_epoch']),
  sequenceId: Number(row['step']),
  map: String(row['map']),
  visit: Number(row['visit']),
  status: String(row['status']) as SummaryStatus,
  count: Number(row['count']),
})

/** @param rows `status` and `count` */
export function countsOf(rows: readonly PgRow[], upTo: number): RunCounts {
  const counted = rows.map((row) => [String(row['status']), Math.min(upTo, Number(row['count']))] as const)
  return Object.fromEntries(counted.filter(([, count]) => count > 0))
}
