import type { Group, Row } from '../../persistence/driver.js'
import type { AppSummary } from '../../persistence/summary.js'
import type { Tables } from './schema.js'
import type { Asked } from './session.js'
import { type AppColumns, columnsOf, isEnded, labelsOf, mergedSummaries, waitColumns } from './stored-summaries.js'
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

type Columns = Readonly<Record<string, string>>
const namesOf = (columns: object): readonly string[] => Object.keys(columns)
const typesOf = (columns: object): string =>
  Object.entries(columns)
    .map((column) => column.join(' '))
    .join(', ')
const list = (columns: object, of: (column: string) => string = String): string => namesOf(columns).map(of).join(', ')

/** The texts of the statements by their names: making one anew costs as much as a step (S1). */
type Texts = Map<string, string>

/** @returns a function that makes the statement of a group, in tables. `channel` is notified when a root may be due. */
export function saveStatements(tables: Tables, channel: string): (part: string, group: Group) => Asked {
  const texts: Texts = new Map()
  return (part, group) => new SaveStatement(tables, texts, part, group).build(channel)
}

class SaveStatement {
  readonly #tables: Tables
  readonly #texts: Texts
  readonly #group: Group
  readonly #values: unknown[] = []
  readonly #parts: (() => string)[] = []
  readonly #part: string
  readonly #root: string
  #letters = ''

  constructor(tables: Tables, texts: Texts, part: string, group: Group) {
    this.#tables = tables
    this.#texts = texts
    this.#group = group
    this.#part = this.#bind(part)
    this.#root = this.#bind(group.rootId)
  }

  build(channel: string): Asked {
    const { rootId, rows, taken = [], summaries = [], leaseMs } = this.#group
    const { fresh, notes } = sorted(rows)
    const merged = mergedSummaries(summaries)
    const root = merged.get(rootId)
    const begun = fresh.some(({ appId, index }) => appId === rootId && index === 0)
    this.#claim()
    this.#conditions(notes)
    if (leaseMs !== undefined) this.#lease(leaseMs)
    this.#apps(fresh, merged)
    if (fresh.length > 0) this.#rows(fresh)
    if (taken.length > 0) this.#take(taken)
    this.#label(root, begun)
    this.#ask(merged)
    const notify = leaseMs === 0 || (root !== undefined && mayBeDue(root)) ? this.#notify(channel) : ''
    const name = `save${this.#letters}`
    let text = this.#texts.get(name)
    if (text === undefined) {
      const parts = this.#parts.map((part) => part()).join(',\n')
      text = `with ${parts}\nselect exists (select 1 from ok) as saved${notify}`
      this.#texts.set(name, text)
    }
    return { name, text, values: this.#values, reads: false }
  }

  /** @returns the placeholder of a value */
  #bind(value: unknown): string {
    return `$${this.#values.push(value)}`
  }

  #add(letter: string, ...parts: readonly (() => string)[]): void {
    this.#letters += letter
    this.#parts.push(...parts)
  }

  /** `owner`: the claim, locked, if the writer has it. */
  #claim(): void {
    const writer = this.#bind(this.#group.writer)
    const lock = this.#group.leaseMs === undefined ? 'share' : 'no key update'
    this.#add('', () => {
      const mine = `part = ${this.#part} and root = ${this.#root} and writer = ${writer}`
      return `owner as materialized (select lease from ${this.#tables.owners} where ${mine} for ${lock})`
    })
  }

  /** `ok`: a row if the group may be stored. `notes`: the notes that it overwrites. */
  #conditions(notes: readonly Row[]): void {
    if (notes.length === 0) return this.#add('', () => 'ok as materialized (select 1 from owner)')
    const { apps, rows } = this.#tables
    const source = this.#arrays(ROW, notes)
    const count = this.#bind(notes.length)
    this.#add(
      'o',
      () => `notes as materialized (select a.id, n.* from ${source()} n(${ROW_COLUMNS})
        join ${apps} a on a.part = ${this.#part} and a.app = n.app and a.root = ${this.#root}
        join ${rows} r on r.app = a.id and r.idx = n.idx and r.kind = 'note')`,
      () => `ok as materialized (select 1 from owner where (select count(*) from notes) = ${count}::integer)`,
      () => `overwritten as (update ${rows} r
        set epoch = n.epoch, seq = n.seq, label = n.label, ord = n.ord, data = n.data
        from notes n where r.app = n.id and r.idx = n.idx and exists (select 1 from ok))`,
    )
  }

  /** `renewed`: the end of the new lease. */
  #lease(leaseMs: number): void {
    const ms = this.#bind(leaseMs)
    this.#add('l', () => {
      const until = `case when ${ms}::double precision = 0 then 0 else ${NOW} + ${ms}::double precision end`
      const mine = `part = ${this.#part} and root = ${this.#root} and exists (select 1 from ok)`
      return `renewed as (update ${this.#tables.owners} set lease = ${until} where ${mine} returning lease)`
    })
  }

  /**
   * `ids`: the applications of the group. Those that it begins or summarizes are written, and the root when its lease
   * is renewed; the others are read by their names.
   */
  #apps(fresh: readonly Row[], merged: ReadonlyMap<string, AppSummary>): void {
    const { rootId, leaseMs } = this.#group
    const born = new Map<string, number>()
    for (const { appId, index, order } of fresh) if (index === 0) born.set(appId, order)
    const written = new Set([...born.keys(), ...merged.keys(), ...(leaseMs === undefined ? [] : [rootId])])
    const others = [...new Set(fresh.map(({ appId }) => appId))].filter((appId) => !written.has(appId))
    const ids: string[] = []
    if (written.size > 0) {
      this.#write([...written].map((appId) => columnsOf(appId, born.get(appId), merged.get(appId))))
      ids.push('select id, app, born from kept')
    }
    if (others.length > 0) {
      const one = others.length === 1
      const known = this.#bind(one ? others[0] : others)
      ids.push('select id, app, born from known')
      this.#add(one ? '1' : 'm', () => {
        const is = one ? `= ${known}` : `= any(${known}::text[])`
        const id = `case when root = ${this.#root} then id end as id`
        const from = `${this.#tables.apps} where part = ${this.#part} and app ${is}`
        return `known as materialized (select ${id}, app, born from ${from})`
      })
    }
    if (ids.length > 0) this.#add('', () => `ids as materialized (${ids.join(' union all ')})`)
  }

  /** `kept`: the applications that are written. */
  #write(rows: readonly AppColumns[]): void {
    const stays = rows.some((row) => row['parent'] ?? row['name'] ?? row['title'] ?? row['labels'] ?? undefined)
    const columns = stays ? { ...STICKY, ...REPLACED } : REPLACED
    const given = { app: 'text', born: 'bigint', ...columns }
    const [row] = rows
    const single = rows.length === 1 && row !== undefined
    const source = single ? this.#single(given, row) : this.#json(given, rows)
    this.#add(`${single ? 'a' : 'A'}${stays ? 's' : ''}`, () => {
      const lease = `(select lease from ${this.#group.leaseMs === undefined ? 'owner' : 'renewed'})`
      const first: Readonly<Record<string, string>> = {
        pending: 'coalesce(g.pending, 0)',
        retrying: 'coalesce(g.retrying, 0)',
        leaked: 'coalesce(g.leaked, 0)',
        leased: 'coalesce(g.leased, false)',
        wake: `case when g.leased then ${lease} else g.wake end`,
      }
      const old = (column: string): string =>
        column === 'wake' ? `case when a.leased then ${lease} else a.wake end` : `a.${column}`
      const sets = [
        'root = case when a.root = excluded.root then a.root end', // S3
        'born = coalesce(a.born, excluded.born)',
        ...(stays ? namesOf(STICKY).map((column) => `${column} = coalesce(excluded.${column}, a.${column})`) : []),
        ...namesOf(REPLACED).map(
          (column) => `${column} = case when excluded.status is null then ${old(column)} else excluded.${column} end`,
        ),
      ]
      return `kept as (insert into ${this.#tables.apps} as a (part, root, app, born, ${list(columns)})
        select ${this.#part}, ${this.#root}, g.app, g.born, ${list(columns, (column) => first[column] ?? `g.${column}`)}
        from ${source()} where exists (select 1 from ok)${single ? '' : ' order by g.app'}
        on conflict (part, app) do update set ${sets.join(', ')} returning id, app, born)`
    })
  }

  /** One row as `g`, bound value by value: that is cheaper than arrays or JSON. */
  #single(columns: Columns, row: AppColumns): () => string {
    const values = Object.entries(columns).map(([column, type]) => `${this.#bind(row[column] ?? null)}::${type}`)
    return () => `(values (${values.join(', ')})) g(${list(columns)})`
  }

  #json(columns: Columns, rows: readonly AppColumns[]): () => string {
    const json = this.#bind(JSON.stringify(rows))
    return () => `json_to_recordset(${json}::json) g(${typesOf(columns)})`
  }

  #arrays(columns: typeof ROW, rows: readonly Row[]): () => string {
    const values = (Object.entries(columns) as [keyof Row, string][]).map(
      ([column, type]) => `${this.#bind(rows.map((row) => row[column]))}::${type}[]`,
    )
    return () => `unnest(${values.join(', ')})`
  }

  #rows(fresh: readonly Row[]): void {
    const [row] = fresh
    if (fresh.length === 1 && row !== undefined) {
      const values = (Object.entries(ROW) as [keyof Row, string][]).map(
        ([column, type]) => `${this.#bind(row[column])}::${type}`,
      )
      return this.#add('r', () => {
        const [app, ...others] = values
        const id = `(select id from ids where app = ${app})`
        return `put as (insert into ${this.#tables.rows} (${ROW_COLUMNS}) select ${id}, ${others.join(', ')} from ok)`
      })
    }
    const source = this.#arrays(ROW, fresh)
    this.#add(
      'R',
      () => `put as (insert into ${this.#tables.rows} (${ROW_COLUMNS})
        select i.id, r.idx, r.kind, r.epoch, r.seq, r.label, r.ord, r.data
        from ${source()} r(${ROW_COLUMNS}) left join ids i on i.app = r.app where exists (select 1 from ok))`,
    )
  }

  #take(taken: readonly number[]): void {
    const ids = this.#bind(taken)
    const from = this.#tables.inbox
    this.#add(
      't',
      () => `taken as (delete from ${from} where id = any(${ids}::bigint[]) and exists (select 1 from ok))`,
    )
  }

  /** @param begun whether the group has the first row of the root: labels that were stored before it get its order */
  #label(root: AppSummary | undefined, begun: boolean): void {
    const found = root === undefined ? [] : labelsOf(root)
    if (found.length === 0 && root?.labels === undefined && !begun) return
    const { labels } = this.#tables
    const names = this.#bind(found.map(([label]) => label))
    if (begun)
      this.#add('d', () => {
        const mine = `p.app = ${this.#root} and l.app = p.id and l.born is null and l.label <> all(${names}::text[])`
        return `dated as (update ${labels} l set born = p.born from kept p where ${mine})`
      })
    if (root?.labels !== undefined)
      this.#add(
        'u',
        () => `unlabelled as (delete from ${labels} where app = (select p.id from kept p where p.app = ${this.#root})
          and label <> '${NAME_LABEL}' and label <> all(${names}::text[]))`,
      )
    if (found.length === 0) return
    const values = this.#bind(found.map(([, value]) => value))
    this.#add(
      'b',
      () => `labelled as (insert into ${labels} as l (app, part, root, label, value, born)
        select p.id, ${this.#part}, ${this.#root}, g.label, g.value, p.born
        from kept p, unnest(${names}::text[], ${values}::text[]) g(label, value) where p.app = ${this.#root}
        on conflict (app, label) do update set value = excluded.value, born = excluded.born
        where (l.value, l.born) is distinct from (excluded.value, excluded.born))`,
    )
  }

  #ask(merged: ReadonlyMap<string, AppSummary>): void {
    const given = [...merged.values()].filter(({ waits }) => waits !== undefined)
    if (given.length === 0) return
    const { waits } = this.#tables
    const all = given.flatMap(({ appId, waits: own = [] }) => own.flatMap((wait) => waitColumns(appId, wait)))
    const appIds = this.#bind(given.map(({ appId }) => appId))
    const after = '(select count(*) from kept) > 0' // S2
    const mine = `w.app = any(array(select id from kept where app = any(${appIds}::text[])))`
    if (all.length === 0) return this.#add('w', () => `closed as (delete from ${waits} w where ${after} and ${mine})`)
    const source = this.#json({ app: 'text', ...WAIT }, all)
    const same = 'x.app = w.app and x.seq = w.seq and x.n = w.n'
    this.#add(
      'q',
      () => `wanted as materialized (select i.id as app, ${list(WAIT, (column) => `g.${column}`)}, i.app as name
        from ${source()} join kept i on i.app = g.app)`,
      () => `closed as (delete from ${waits} w where ${after} and ${mine}
        and not exists (select 1 from wanted x where ${same} and x.k = w.k))`,
      () => `asked as (insert into ${waits} as w (app, ${list(WAIT)}, part, root, name, answered)
        select x.app, ${list(WAIT, (column) => `x.${column}`)}, ${this.#part}, ${this.#root}, x.name,
          exists (select 1 from ${waits} w where ${same} and w.id = x.id and w.answered)
        from wanted x where ${after} order by x.app, x.seq, x.n, x.k
        on conflict (app, seq, n, k) do update set kind = excluded.kind, id = excluded.id, since = excluded.since,
          until = excluded.until, kinds = excluded.kinds, facts = excluded.facts,
          answered = w.answered and w.id = excluded.id
        where (w.kind, w.id, w.since, w.until, w.kinds, w.facts) is distinct from
          (excluded.kind, excluded.id, excluded.since, excluded.until, excluded.kinds, excluded.facts))`,
    )
  }

  /** @returns the column that notifies hosts */
  #notify(channel: string): string {
    this.#add('n')
    return `, (select pg_notify(${this.#bind(channel)}, ${this.#part} || '/' || ${this.#root})::text from ok) as notified`
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
