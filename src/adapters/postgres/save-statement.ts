import type { Group, Row } from '../../persistence/driver.js'
import type { AppSummary } from '../../persistence/summary.js'
import type { Tables } from './schema.js'
import type { Asked } from './session.js'
import { columnsOf, isEnded, labelsOf, mergedSummaries, waitColumns } from './stored-summaries.js'
import { NAME_LABEL, NOW } from './summary-schema.js'

// Owns: the statement that saves a group.
// P1  A save is one statement, and so one transaction and one round trip. It locks the claim: a concurrent claim waits,
//     and a save that waited for a claim sees it.
// S1  The statement has only the parts that the group needs, so a step without a summary pays for its row alone. The
//     letters of its parts are in its name.
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
const WAIT = {
  ...{ seq: 'integer', n: 'integer', k: 'integer', kind: 'text', id: 'text', since: 'double precision' },
  ...{ until: 'double precision', kinds: 'text', facts: 'text' },
} as const
const ROW = {
  ...{ appId: 'text', index: 'integer', kind: 'text', epoch: 'integer', sequenceId: 'integer', label: 'text' },
  ...{ order: 'bigint', data: 'text' },
} as const
const ROW_COLUMNS = 'app, idx, kind, epoch, seq, label, ord, data'

const namesOf = (columns: object): readonly string[] => Object.keys(columns)
const typesOf = (columns: object): string =>
  Object.entries(columns)
    .map((column) => column.join(' '))
    .join(', ')
const list = (columns: object, of: (column: string) => string = String): string => namesOf(columns).map(of).join(', ')

/** @param channel notified when the root may have become due */
export const saveStatement = (tables: Tables, part: string, group: Group, channel: string): Asked =>
  new SaveStatement(tables, part, group).build(channel)

class SaveStatement {
  readonly #tables: Tables
  readonly #group: Group
  readonly #values: unknown[] = []
  readonly #parts: string[] = []
  readonly #part: string
  readonly #root: string
  #letters = ''

  constructor(tables: Tables, part: string, group: Group) {
    this.#tables = tables
    this.#group = group
    this.#part = this.#bind(part)
    this.#root = this.#bind(group.rootId)
  }

  build(channel: string): Asked {
    const { rootId, rows, taken = [], summaries = [], leaseMs } = this.#group
    const { fresh, notes } = sorted(rows)
    const merged = mergedSummaries(summaries)
    this.#claim()
    this.#conditions(fresh, notes)
    if (leaseMs !== undefined) this.#lease(leaseMs)
    this.#apps(fresh, merged)
    if (fresh.length > 0) this.#rows(fresh)
    if (notes.length > 0) this.#overwrite()
    if (taken.length > 0) this.#take(taken)
    const root = merged.get(rootId)
    if (root !== undefined) this.#label(root)
    if (fresh.some(({ appId, index }) => appId === rootId && index === 0)) this.#date(root)
    this.#ask(merged)
    const saved = ['exists (select 1 from owner) as owned, exists (select 1 from ok) as saved']
    if (leaseMs === 0 || (root !== undefined && mayBeDue(root))) saved.push(this.#notify(channel))
    const text = `with ${this.#parts.join(',\n')}\nselect ${saved.join(', ')}`
    return { name: `save${this.#letters}`, text, values: this.#values, reads: false }
  }

  /** @returns the placeholder of a value */
  #bind(value: unknown): string {
    return `$${this.#values.push(value)}`
  }

  #add(letter: string, ...parts: readonly string[]): void {
    this.#letters += letter
    this.#parts.push(...parts)
  }

  #claim(): void {
    const { owners } = this.#tables
    const lock = this.#group.leaseMs === undefined ? 'share' : 'no key update'
    const mine = `part = ${this.#part} and root = ${this.#root} and writer = ${this.#bind(this.#group.writer)}`
    this.#add('', `owner as materialized (select lease from ${owners} where ${mine} for ${lock})`)
  }

  /** `known`: the stored applications of the rows. `ok`: a row if the group may be stored. */
  #conditions(fresh: readonly Row[], notes: readonly Row[]): void {
    const { apps, rows } = this.#tables
    const appIds = [...new Set([...fresh, ...notes].map(({ appId }) => appId))]
    if (appIds.length > 0) {
      const one = appIds.length === 1
      const is = one ? `= ${this.#bind(appIds[0])}` : `= any(${this.#bind(appIds)}::text[])`
      const mine = `part = ${this.#part} and root = ${this.#root} and app ${is}`
      this.#add(one ? '1' : 'm', `known as materialized (select id, app from ${apps} where ${mine})`)
    }
    if (notes.length === 0) return this.#add('', 'ok as materialized (select 1 from owner)')
    const stored = `join known k on k.app = n.app join ${rows} r on r.app = k.id and r.idx = n.idx and r.kind = 'note'`
    this.#add(
      'o',
      `notes as materialized (select k.id, n.* from ${this.#arrays(notes)} n(${ROW_COLUMNS}) ${stored})`,
      `ok as materialized (select 1 from owner where (select count(*) from notes) = ${this.#bind(notes.length)}::integer)`,
    )
  }

  #lease(leaseMs: number): void {
    const ms = this.#bind(leaseMs)
    const until = `case when ${ms}::double precision = 0 then 0 else ${NOW} + ${ms} end`
    const mine = `part = ${this.#part} and root = ${this.#root} and exists (select 1 from ok)`
    this.#add('l', `renewed as (update ${this.#tables.owners} set lease = ${until} where ${mine} returning lease)`)
  }

  /**
   * Writes the applications that the group begins or summarizes, and the root whose lease it renews. `ids`: the
   * applications of the group.
   */
  #apps(fresh: readonly Row[], merged: ReadonlyMap<string, AppSummary>): void {
    const { rootId, leaseMs } = this.#group
    const born = new Map<string, number>()
    for (const { appId, index, order } of fresh) if (index === 0) born.set(appId, order)
    const appIds = new Set([...born.keys(), ...merged.keys(), ...(leaseMs === undefined ? [] : [rootId])])
    const knows = /[1m]/.test(this.#letters)
    if (appIds.size === 0) return knows ? this.#add('', 'ids as (select id, app from known)') : undefined
    const columns = { ...STICKY, ...REPLACED }
    const json = [...appIds].map((appId) => columnsOf(appId, born.get(appId), merged.get(appId)))
    const lease = `(select lease from ${leaseMs === undefined ? 'owner' : 'renewed'})`
    const given: Readonly<Record<string, string>> = {
      pending: 'coalesce(g.pending, 0)',
      retrying: 'coalesce(g.retrying, 0)',
      leaked: 'coalesce(g.leaked, 0)',
      leased: `coalesce(g.leased, false)`,
      wake: `case when g.leased then ${lease} else g.wake end`,
    }
    const replaced = (column: string): string =>
      column === 'wake' ? `case when a.leased then ${lease} else a.wake end` : `a.${column}`
    this.#add(
      'a',
      `kept as (
        insert into ${this.#tables.apps} as a (part, app, root, born, ${list(columns)})
        select ${this.#part}, g.app, ${this.#root}, g.born, ${list(columns, (column) => given[column] ?? `g.${column}`)}
        from json_to_recordset(${this.#bind(JSON.stringify(json))}::json) g(app text, born bigint, ${typesOf(columns)})
        where exists (select 1 from ok) order by g.app
        on conflict (part, app) do update set root = case when a.root = excluded.root then a.root end,
        born = coalesce(a.born, excluded.born), ${list(STICKY, (column) => `${column} = coalesce(excluded.${column}, a.${column})`)},
        ${list(REPLACED, (column) => `${column} = case when excluded.status is null then ${replaced(column)} else excluded.${column} end`)}
        returning id, app, born)`,
      knows
        ? 'ids as materialized (select id, app from kept union select id, app from known)'
        : 'ids as materialized (select id, app from kept)',
    )
  }

  #arrays(rows: readonly Row[]): string {
    const columns = Object.entries(ROW) as [keyof typeof ROW, string][]
    return `unnest(${columns.map(([column, type]) => `${this.#bind(rows.map((row) => row[column]))}::${type}[]`).join(', ')})`
  }

  /** A single row is bound value by value: that is cheaper than arrays. */
  #rows(fresh: readonly Row[]): void {
    const [row] = fresh
    const columns = Object.entries(ROW) as [keyof typeof ROW, string][]
    const source =
      fresh.length === 1 && row !== undefined
        ? `(values (${columns.map(([column, type]) => `${this.#bind(row[column])}::${type}`).join(', ')}))`
        : this.#arrays(fresh)
    this.#add(
      fresh.length === 1 ? 'r' : 'R',
      `put as (insert into ${this.#tables.rows} (${ROW_COLUMNS})
        select i.id, r.idx, r.kind, r.epoch, r.seq, r.label, r.ord, r.data
        from ${source} r(${ROW_COLUMNS}) left join ids i on i.app = r.app where exists (select 1 from ok))`,
    )
  }

  #overwrite(): void {
    this.#add(
      '',
      `overwritten as (update ${this.#tables.rows} r
        set epoch = n.epoch, seq = n.seq, label = n.label, ord = n.ord, data = n.data
        from notes n where r.app = n.id and r.idx = n.idx and exists (select 1 from ok))`,
    )
  }

  #take(taken: readonly number[]): void {
    const is = `id = any(${this.#bind(taken)}::bigint[])`
    this.#add('t', `taken as (delete from ${this.#tables.inbox} where ${is} and exists (select 1 from ok))`)
  }

  #label(root: AppSummary): void {
    const found = labelsOf(root)
    if (root.labels === undefined && root.name === undefined) return
    const { labels } = this.#tables
    const names = `${this.#bind(found.map(([label]) => label))}::text[]`
    const values = `${this.#bind(found.map(([, value]) => value))}::text[]`
    const mine = `from kept p where p.app = ${this.#root}`
    if (root.labels !== undefined)
      this.#add(
        'x',
        `unlabelled as (delete from ${labels} where app = (select p.id ${mine})
          and label <> '${NAME_LABEL}' and label <> all(${names}))`,
      )
    this.#add(
      'b',
      `labelled as (insert into ${labels} as l (app, part, root, label, value, born)
        select p.id, ${this.#part}, ${this.#root}, g.label, g.value, p.born
        from kept p, unnest(${names}, ${values}) g(label, value) where p.app = ${this.#root}
        on conflict (app, label) do update set value = excluded.value, born = excluded.born
        where (l.value, l.born) is distinct from (excluded.value, excluded.born))`,
    )
  }

  /** Labels that were stored before the first row get its order. */
  #date(root: AppSummary | undefined): void {
    const names = `${this.#bind(root === undefined ? [] : labelsOf(root).map(([label]) => label))}::text[]`
    const mine = `p.app = ${this.#root} and l.app = p.id and l.born is null and l.label <> all(${names})`
    this.#add('d', `dated as (update ${this.#tables.labels} l set born = p.born from kept p where ${mine})`)
  }

  #ask(merged: ReadonlyMap<string, AppSummary>): void {
    const given = [...merged.values()].filter(({ waits }) => waits !== undefined)
    if (given.length === 0) return
    const { waits } = this.#tables
    const all = given.flatMap(({ appId, waits: own = [] }) => own.flatMap((wait) => waitColumns(appId, wait)))
    const after = '(select count(*) from kept) > 0' // S2
    const same = 'x.app = w.app and x.seq = w.seq and x.n = w.n'
    this.#add(
      'w',
      `wanted as materialized (select i.id as app, ${list(WAIT, (column) => `g.${column}`)}, i.app as name
        from json_to_recordset(${this.#bind(JSON.stringify(all))}::json) g(app text, ${typesOf(WAIT)})
        join ids i on i.app = g.app)`,
      `closed as (delete from ${waits} w where ${after}
        and w.app in (select id from ids where app = any(${this.#bind(given.map(({ appId }) => appId))}::text[]))
        and not exists (select 1 from wanted x where ${same} and x.k = w.k))`,
    )
    if (all.length === 0) return
    const answered = `exists (select 1 from ${waits} w where ${same} and w.id = x.id and w.answered)`
    this.#add(
      'q',
      `asked as (insert into ${waits} as w (app, ${list(WAIT)}, part, root, name, answered)
        select x.app, ${list(WAIT, (column) => `x.${column}`)}, ${this.#part}, ${this.#root}, x.name, ${answered}
        from wanted x where ${after} order by x.app, x.seq, x.n, x.k
        on conflict (app, seq, n, k) do update set kind = excluded.kind, id = excluded.id, since = excluded.since,
        until = excluded.until, kinds = excluded.kinds, facts = excluded.facts,
        answered = w.answered and w.id = excluded.id
        where (w.kind, w.id, w.since, w.until, w.kinds, w.facts) is distinct from
          (excluded.kind, excluded.id, excluded.since, excluded.until, excluded.kinds, excluded.facts))`,
    )
  }

  #notify(channel: string): string {
    this.#add('n')
    const payload = `${this.#part} || '/' || ${this.#root}`
    return `(select pg_notify(${this.#bind(channel)}, ${payload})::text from ok) as notified`
  }
}

/** Whether hosts shall look for due roots. */
const mayBeDue = ({ status, wake }: AppSummary): boolean =>
  typeof wake === 'number' || status === 'queued' || status === 'interrupted' || isEnded(status)

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
