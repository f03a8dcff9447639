import type { Group, Row } from '../../persistence/driver.js'
import { mayBeDue } from '../../persistence/due.js'
import type { AppSummary } from '../../persistence/summary.js'
import { addLabels, addMatches, addWaits } from './save-details.js'
import type { Asked } from './session.js'
import { list, namesOf, StatementParts } from './statement-parts.js'
import { type AppColumns, columnsOf, mergedSummaries } from './stored-summaries.js'
import { NOW } from './summary-schema.js'
import type { Tables } from './tables.js'

// Owns: the statement that saves a group.
// P1  A save is one statement, and so one transaction and one round trip. It locks the claim: a concurrent claim waits,
//     and a save that waited for a claim sees it.
// S1  The statement has only the parts that the group needs. A lone row, such as that of a step that changes no summary,
//     is one insert without parts, and without an answer but the number of its rows.
// S2  The claim is written first, then applications in the order of their names, then questions. Other statements lock
//     in this order, too, so no two of them wait for each other.
// S3  Whatever is refused after the claim was found raises an error: an application of another tree makes a null where
//     none is allowed, and a taken index a duplicate. So nothing is stored.

/** Columns that a summary replaces. */
const REPLACED = {
  ...{ status: 'text', since: 'double precision', pending: 'integer', retrying: 'integer', leaked: 'integer' },
  ...{ leased: 'boolean', wake: 'double precision', next_at: 'double precision', facts: 'text' },
} as const
/** Columns that stay once they are set. */
const STICKY = {
  ...{ parent: 'text', parent_epoch: 'integer', step: 'integer', map: 'text', visit: 'integer', key: 'text' },
  ...{ place: 'integer', name: 'text', title: 'text', labels: 'text' },
} as const
const ROW = {
  ...{ app: 'text', idx: 'integer', kind: 'text', epoch: 'integer', seq: 'integer', label: 'text' },
  ...{ ord: 'bigint', data: 'text' },
} as const
const ROW_COLUMNS = list(ROW)
const columnsOfRow = ({ appId, index, kind, epoch, sequenceId, label, order, data }: Row) => ({
  ...{ app: appId, idx: index, kind, epoch, seq: sequenceId, label, ord: order, data },
})
/** The text of the statement of a lone row of a known application (S1). It finds nothing unless the runner has the tree. */
const loneText = ({ rows, owners, apps }: Tables): string => {
  const values = namesOf(ROW)
    .slice(1)
    .map((column, i) => `$${i + 5}::${ROW[column as keyof typeof ROW]}`)
  return `insert into ${rows} (${ROW_COLUMNS}) select a.id, ${values.join(', ')} from ${owners} o, ${apps} a
    where o.part = $1 and o.root = $2 and o.writer = $3 and a.part = $1 and a.app = $4 and a.root = $2 for share of o`
}

const OK = 'exists (select 1 from ok)'
const FOUND = 'exists (select 1 from found)'

/** The statement of a group. */
export interface Saving extends Asked {
  /** Whether the number of its rows tells that it was stored; otherwise its answer does. */
  readonly lone: boolean
}

/** @returns a function that makes the statement of a group, in tables. `channel` is notified when a root may be due. */
export function saveStatements(tables: Tables, channel: string): (part: string, group: Group) => Saving {
  const texts = new Map<string, string>()
  const lone = loneText(tables)
  return (part, group) => {
    const { rootId, writer, rows, taken = [], summaries = [], leaseMs } = group
    const [only] = rows
    const plain = rows.length === 1 && taken.length === 0 && summaries.length === 0 && leaseMs === undefined
    if (plain && only !== undefined && only.index > 0 && only.over !== true) {
      const { appId, index, kind, epoch, sequenceId, label, order, data } = only
      const values = [part, rootId, writer, appId, index, kind, epoch, sequenceId, label, order, data]
      return { name: 'saveLone', text: lone, values, reads: false, lone: true }
    }
    const parts = new StatementParts(tables, part, rootId)
    const { fresh, notes } = sorted(rows)
    const merged = mergedSummaries(summaries)
    const root = merged.get(rootId)
    addClaim(parts, group)
    addConditions(parts, notes)
    if (leaseMs !== undefined) addLease(parts, leaseMs)
    const matches = addMatches(parts, [...merged.values()], taken, root?.status === 'waiting')
    addApps(parts, group, fresh, merged, matches)
    if (fresh.length > 0) addRows(parts, fresh)
    if (taken.length > 0) addTaken(parts, taken)
    const begun = fresh.some(({ appId, index }) => appId === rootId && index === 0)
    addLabels(parts, root, begun)
    addWaits(parts, [...merged.values()], matches?.source)
    let result = `select ${OK} as saved`
    const due = leaseMs === 0 || (root !== undefined && mayBeDue(root))
    if (due || matches !== undefined) {
      parts.mark(due ? 'n' : 'N')
      const payload = `${parts.part} || '/' || ${parts.root}`
      const when = due ? '' : ` where ${FOUND}`
      result += `, (select pg_notify(${parts.bind(channel)}, ${payload})::text from ok${when}) as notified`
    }
    const name = `save${parts.letters}`
    const text = texts.get(name) ?? `${parts.text()}\n${result}`
    texts.set(name, text)
    return { name, text, values: parts.values, reads: false, lone: false }
  }
}

/** `owner`: the claim, locked, if the writer has it. */
function addClaim(parts: StatementParts, { writer, leaseMs }: Group): void {
  const mine = parts.bind(writer)
  const lock = leaseMs === undefined ? 'share' : 'no key update'
  parts.add('', () => {
    const is = `part = ${parts.part} and root = ${parts.root} and writer = ${mine}`
    return `owner as materialized (select lease from ${parts.tables.owners} where ${is} for ${lock})`
  })
}

/** `ok`: a row if the group may be stored. `notes`: the notes that it overwrites. */
function addConditions(parts: StatementParts, notes: readonly Row[]): void {
  if (notes.length === 0) return parts.add('', () => 'ok as materialized (select 1 from owner)')
  const { apps, rows } = parts.tables
  const source = parts.arrays(ROW, notes.map(columnsOfRow))
  const count = parts.bind(notes.length)
  parts.add(
    'o',
    () => `notes as materialized (select a.id, g.* from ${source()}
      join ${apps} a on a.part = ${parts.part} and a.app = g.app and a.root = ${parts.root}
      join ${rows} r on r.app = a.id and r.idx = g.idx and r.kind = 'note'),
    ok as materialized (select 1 from owner where (select count(*) from notes) = ${count}::integer),
    overwritten as (update ${rows} r set epoch = n.epoch, seq = n.seq, label = n.label, ord = n.ord, data = n.data
      from notes n where r.app = n.id and r.idx = n.idx and ${OK})`,
  )
}

/** `renewed`: the end of the new lease. */
function addLease(parts: StatementParts, leaseMs: number): void {
  const ms = `${parts.bind(leaseMs)}::double precision`
  parts.add('l', () => {
    const mine = `part = ${parts.part} and root = ${parts.root} and ${OK}`
    return `renewed as (update ${parts.tables.owners}
      set lease = case when ${ms} = 0 then 0 else ${NOW} + ${ms} end where ${mine} returning lease)`
  })
}

/**
 * `ids`: the applications of the group. Those that it begins or summarizes are written, and the root when its lease is
 * renewed; the others are read by their names.
 */
function addApps(
  parts: StatementParts,
  { rootId, leaseMs }: Group,
  fresh: readonly Row[],
  merged: ReadonlyMap<string, AppSummary>,
  matches: object | undefined,
): void {
  const born = new Map<string, number>()
  for (const { appId, index, order } of fresh) if (index === 0) born.set(appId, order)
  const written = new Set([...born.keys(), ...merged.keys(), ...(leaseMs === undefined ? [] : [rootId])])
  const others = [...new Set(fresh.map(({ appId }) => appId))].filter((appId) => !written.has(appId))
  const ids: string[] = []
  if (written.size > 0) {
    const rows = [...written].map((appId) => columnsOf(appId, born.get(appId), merged.get(appId)))
    addKept(parts, rows, `(select lease from ${leaseMs === undefined ? 'owner' : 'renewed'})`, matches !== undefined)
    if (matches !== undefined && !written.has(rootId)) addWoken(parts)
    ids.push('select id, app from kept')
  }
  if (others.length > 0) {
    const one = others.length === 1
    const known = parts.bind(one ? others[0] : others)
    ids.push('select id, app from known')
    parts.add(one ? '1' : 'm', () => {
      const is = one ? `= ${known}` : `= any(${known}::text[])`
      const id = `case when root = ${parts.root} then id end as id` // S3
      return `known as materialized (select ${id}, app from ${parts.tables.apps} where part = ${parts.part} and app ${is})`
    })
  }
  if (ids.length > 0) parts.add('', () => `ids as materialized (${ids.join(' union all ')})`)
}

/** `woken`: the root that waits, if a question of its tree is answered. */
function addWoken(parts: StatementParts): void {
  parts.add('W', () => {
    const is = `part = ${parts.part} and app = ${parts.root} and root = ${parts.root} and status = 'waiting'`
    return `woken as (update ${parts.tables.apps} set wake = least(wake, ${NOW}) where ${is} and ${FOUND})`
  })
}

/**
 * `kept`: the applications that are written.
 * @param lease the end of the lease, in SQL
 * @param matches whether a root that waits may be due by an answer
 */
function addKept(parts: StatementParts, rows: readonly AppColumns[], lease: string, matches: boolean): void {
  const stays = rows.some((row) => namesOf(STICKY).some((column) => row[column] !== undefined))
  const columns = stays ? { ...STICKY, ...REPLACED } : REPLACED
  const given = { app: 'text', born: 'bigint', ...columns }
  const [row] = rows
  const single = rows.length === 1 && row !== undefined
  const source = single ? parts.single(given, row) : parts.json(given, rows)
  parts.add(`${single ? 'a' : 'A'}${stays ? 's' : ''}`, () => {
    const woken = (wake: string, status: string, app: string): string =>
      matches ? ` when ${app} = ${parts.root} and ${status} = 'waiting' and ${FOUND} then least(${wake}, ${NOW})` : ''
    const first: Readonly<Record<string, string>> = {
      pending: 'coalesce(g.pending, 0)',
      retrying: 'coalesce(g.retrying, 0)',
      leaked: 'coalesce(g.leaked, 0)',
      leased: 'coalesce(g.leased, false)',
      wake: `case when g.leased then ${lease}${woken('g.wake', 'g.status', 'g.app')} else g.wake end`,
    }
    const old = (column: string): string =>
      column === 'wake'
        ? `case when a.leased then ${lease}${woken('a.wake', 'a.status', 'a.app')} else a.wake end`
        : `a.${column}`
    const sets = [
      'root = case when a.root = excluded.root then a.root end', // S3
      'born = coalesce(a.born, excluded.born)',
      ...(stays ? namesOf(STICKY).map((column) => `${column} = coalesce(excluded.${column}, a.${column})`) : []),
      ...namesOf(REPLACED).map(
        (column) => `${column} = case when excluded.status is null then ${old(column)} else excluded.${column} end`,
      ),
    ]
    return `kept as (insert into ${parts.tables.apps} as a (part, root, app, born, ${list(columns)})
      select ${parts.part}, ${parts.root}, g.app, g.born, ${list(columns, (column) => first[column] ?? `g.${column}`)}
      from ${source()} where ${OK}${single ? '' : ' order by g.app'}
      on conflict (part, app) do update set ${sets.join(', ')} returning id, app, born)`
  })
}

function addRows(parts: StatementParts, fresh: readonly Row[]): void {
  const { rows } = parts.tables
  const [row] = fresh
  if (fresh.length === 1 && row !== undefined) {
    const [app, ...others] = parts.each(ROW, columnsOfRow(row))
    return parts.add('r', () => {
      const id = `(select id from ids where app = ${app})`
      return `put as (insert into ${rows} (${ROW_COLUMNS}) select ${id}, ${others.join(', ')} from ok)`
    })
  }
  const source = parts.arrays(ROW, fresh.map(columnsOfRow))
  parts.add(
    'R',
    () => `put as (insert into ${rows} (${ROW_COLUMNS})
      select i.id, g.idx, g.kind, g.epoch, g.seq, g.label, g.ord, g.data
      from ${source()} left join ids i on i.app = g.app where ${OK})`,
  )
}

function addTaken(parts: StatementParts, taken: readonly number[]): void {
  const ids = parts.bind(taken)
  parts.add('t', () => `taken as (delete from ${parts.tables.inbox} where id = any(${ids}::bigint[]) and ${OK})`)
}

/** The rows of a group: rows to insert, and notes that overwrite stored ones. */
function sorted(rows: readonly Row[]): { readonly fresh: readonly Row[]; readonly notes: readonly Row[] } {
  const fresh = new Map<string, Row>()
  const notes = new Map<string, Row>()
  for (const row of rows) {
    const place = `${row.index} ${row.appId}`
    const first = fresh.get(place)
    if (row.over !== true) {
      if (first !== undefined)
        notes.set(place, row) // a duplicate index in the group: refused as a whole
      else fresh.set(place, row)
    } else if (first?.kind === 'note') fresh.set(place, { ...row, kind: 'note' })
    else notes.set(place, row)
  }
  return { fresh: [...fresh.values()], notes: [...notes.values()] }
}
