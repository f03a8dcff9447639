import { STATUSES } from '../../persistence/due.js'
import type { DuePage, RunPage, RunQuery, SummaryStatus } from '../../persistence/summary.js'
import { lastKey, pageOf, RUN } from './columns.js'
import type { Names } from './schema.js'
import { joined, listOf, raw, type Sql, sql } from './sql.js'

// Owns: the statements of lists of roots.
// L1  A list is a union of heads. Each head walks one index in the order of the list, and ends at the limit. The index is
//     pinned, because SQLite does not know the sizes of the sets.
// L2  The driving set is the smallest that the filters name: a label, then runs that are retried, have abandoned code or
//     open questions, then the name, then the status. A label of many runs comes last. The other filters are tested on
//     the way.
// L3  A run whose lease is over counts as interrupted; the indexes of a status hold the lease.

/** A label, and its value. */
export type Label = readonly [name: string, value: string]

interface Asked extends RunQuery {
  readonly after?: RunPage['after']
  readonly has: readonly Label[]
  /** Whether the first label drives. */
  readonly byLabel: boolean
  /** By the clock of the store. */
  readonly now: number
}

/** The text of a partition in the tables. SQL counts two nulls as different, so the null partition has its own. */
export const partOf = (partitionKey: string | null): string => (partitionKey === null ? '' : `=${partitionKey}`)

/** Stands between the id and the title in the text that is searched. */
const BETWEEN = '\uffff'
export const searched = (rootId: string, title?: string): string =>
  (title === undefined ? rootId : `${rootId}${BETWEEN}${title}`).toLowerCase()

/** A set of roots: all that a statement says between `from` and `order by`. */
interface Head {
  readonly from: Sql
  readonly wanted: readonly Sql[]
  /** Whether its keys are those of the table of labels. */
  readonly labelled?: true
}

export class RunQuestions {
  readonly #names: Names

  constructor(names: Names) {
    this.#names = names
  }

  /** The rows of a list; undefined if its filters exclude each other. */
  list(asked: Asked, limit: number): Sql | undefined {
    const heads = this.#heads(asked).map((head) => this.#first(asked, head, limit))
    if (heads.length === 0) return undefined
    const keys = joined(
      heads.map((head) => sql`select * from (${head})`),
      ' union all ',
    )
    return this.#runs(sql`select id from (${keys}) order by born desc, app desc, part desc limit ${limit}`, NEWEST)
  }

  #first(asked: Asked, { from, wanted, labelled }: Head, limit: number): Sql {
    const [born, app, part] = labelled ? ['l.born', 'l.app', 'l.part'] : ['a.top', 'a.app', 'a.part']
    const keys = raw(`${born} as born, ${app} as app, ${part} as part`)
    const order = raw(`${born} desc, ${app} desc, ${part} desc`)
    return sql`select a.id as id, ${keys} from ${from} where ${joined([...wanted, ...this.#rest(asked, labelled)], ' and ')} order by ${order} limit ${limit}`
  }

  /** Number of roots by status: rows of `status` and `count`, several for one status. */
  count(asked: Asked, upTo: number): Sql | undefined {
    const { now } = asked
    if (!isByStatus(asked)) {
      const is = sql`case when a.lease < ${now} then 'interrupted' else a.status end`
      const all = this.#heads(asked).map(
        ({ from, wanted, labelled }) =>
          sql`select cast(${is} as blob) as status, cast(count(*) as real) as count from ${from}
            where ${joined([...wanted, ...this.#rest(asked, labelled)], ' and ')} group by 1`,
      )
      return all.length === 0 ? undefined : joined(all, ' union all ')
    }
    const counts = this.#byStatus(asked).map(
      ([status, { from, wanted }]) =>
        sql`select cast(${status} as blob) as status, cast(count(*) as real) as count from (
          select 1 from ${from} where ${joined([...wanted, ...this.#rest(asked)], ' and ')} limit ${upTo})`,
    )
    return counts.length === 0 ? undefined : joined(counts, ' union all ')
  }

  /** One root, if it has rows. */
  find(part: string, rootId: string): Sql {
    return this.#runs(
      sql`select id from ${raw(this.#names.apps)} where part = ${part} and app = ${rootId} and top is not null`,
      NEWEST,
    )
  }

  /** Roots that are to be taken. */
  due({ partitionKey, limit, after }: DuePage, before: number): Sql {
    const wanted = [sql`a.top is not null and a.wake is not null and a.wake <= ${before}`]
    if (partitionKey !== undefined) wanted.push(sql`a.part = ${partOf(partitionKey)}`)
    if (after !== undefined)
      wanted.push(sql`(a.wake, a.part, a.app) > ${listOf([after.wakeAt, partOf(after.partitionKey), after.rootId])}`)
    const { from } = this.#apps('wake')
    return this.#runs(
      sql`select a.id as id from ${from} where ${joined(wanted, ' and ')} order by a.wake, a.part, a.app limit ${limit}`,
      'a.wake, a.part, a.app',
    )
  }

  /** Up to `limit` of the roots of a label: their number is compared with that of other labels. */
  labelled({ partitionKey }: RunQuery, [name, value]: Label, limit: number): Sql {
    return sql`select cast(count(*) as real) as count from (select 1 from ${this.#labels(partitionKey)}
      where ${joined(this.#ofLabel(partitionKey, [name, value]), ' and ')} limit ${limit})`
  }

  /** The columns of runs of which only the ids are given. */
  #runs(ids: Sql, order: string): Sql {
    const { apps, owners, rows } = this.#names
    const joins = `h cross join ${apps} a on a.id = h.id left join ${owners} o on o.part = a.part and o.root = a.app
      left join ${rows} r on r.key = ${lastKey(rows)} order by ${order}`
    return pageOf(RUN, sql`from (${ids}) ${raw(joins)}`)
  }

  #apps(index: string): { readonly from: Sql } {
    return { from: raw(`${this.#names.apps} a indexed by ${this.#names.index(index)}`) }
  }

  #labels(partitionKey: string | null | undefined): Sql {
    const { labels, index } = this.#names
    return raw(partitionKey === undefined ? `${labels} l indexed by ${index('all_label')}` : `${labels} l`)
  }

  #ofLabel(partitionKey: string | null | undefined, [name, value]: Label): Sql[] {
    const is = sql`l.name = ${name} and l.value = ${value}`
    return partitionKey === undefined ? [is] : [sql`l.part = ${partOf(partitionKey)}`, is]
  }

  /** The sets that together hold the roots (L2). No root is in two. */
  #heads(asked: Asked): readonly Head[] {
    const { has, byLabel, partitionKey, now } = asked
    const status = asked.status && [...new Set(asked.status)]
    if (status?.length === 0) return []
    if (isByStatus(asked)) {
      if (asked.name === undefined && status === undefined)
        return [{ ...this.#apps(partitionKey === undefined ? 'all' : 'roots'), wanted: [] }]
      return this.#byStatus(asked).map(([, head]) => head)
    }
    const wanted: Sql[] = []
    if (status !== undefined)
      wanted.push(sql`case when a.lease < ${now} then 'interrupted' else a.status end in ${listOf(status)}`)
    const [label] = has
    if (byLabel && label !== undefined) {
      const from = sql`${this.#labels(partitionKey)} cross join ${raw(this.#names.apps)} a on a.part = l.part and a.app = l.app and +a.top = l.born`
      return [{ from, wanted: [...this.#ofLabel(partitionKey, label), ...wanted], labelled: true }]
    }
    const { unsummarised, retrying, leaked } = asked
    const index = unsummarised ? 'unknown' : retrying ? 'retrying' : leaked ? 'leaked' : 'pending'
    return [{ ...this.#apps(index), wanted }]
  }

  /** The sets of each status, in the indexes of names or of statuses. */
  #byStatus({ status = STATUSES, name, partitionKey, now }: Asked): readonly (readonly [SummaryStatus, Head])[] {
    const index = `${partitionKey === undefined ? 'all_' : ''}${name === undefined ? 'status' : 'name'}`
    return [...new Set(status)].flatMap((one) => {
      const alive = sql`a.status = ${one} and (a.lease is null or a.lease >= ${now})`
      const head: readonly [SummaryStatus, Head] = [one, { ...this.#apps(index), wanted: [alive] }]
      if (one !== 'interrupted') return [head]
      const over = sql`a.lease is not null and a.lease < ${now}`
      return [head, [one, { ...this.#apps('lease'), wanted: [over] }] as const]
    })
  }

  /** The filters that are tested on the way. */
  #rest(asked: Asked, labelled?: true): readonly Sql[] {
    const { partitionKey, name, createdFrom, createdTo, text, after } = asked
    const [born, app, part] = labelled ? ['l.born', 'l.app', 'l.part'] : ['a.top', 'a.app', 'a.part']
    const all: Sql[] = [sql`a.top is not null`]
    if (partitionKey !== undefined && !labelled) all.push(sql`a.part = ${partOf(partitionKey)}`)
    if (name !== undefined) all.push(sql`a.name = ${name}`)
    if (createdFrom !== undefined) all.push(sql`${raw(born)} >= ${createdFrom * 1024}`)
    if (createdTo !== undefined) all.push(sql`${raw(born)} < ${createdTo * 1024}`)
    if (asked.unsummarised) all.push(sql`a.status is null`)
    if (asked.retrying) all.push(sql`a.retrying > 0`)
    if (asked.pending) all.push(sql`a.pending > 0`)
    if (asked.leaked) all.push(sql`a.leaked > 0`)
    if (text !== undefined) all.push(sql`instr(a.search, ${text.toLowerCase()}) > 0`)
    for (const [label, value] of asked.has.slice(labelled ? 1 : 0))
      all.push(
        sql`exists (select 1 from ${raw(this.#names.labels)} where part = a.part and name = ${label} and value = ${value} and born = a.top and app = a.app)`,
      )
    if (after === undefined) return all
    const place = [after.born, after.rootId]
    if (partitionKey === undefined)
      all.push(sql`${raw(`(${born}, ${app}, ${part})`)} < ${listOf([...place, partOf(after.partitionKey)])}`)
    else all.push(sql`${raw(`(${born}, ${app})`)} < ${listOf(place)}`)
    return all
  }
}

const NEWEST = 'a.top desc, a.app desc, a.part desc'

const isByStatus = ({ byLabel, unsummarised, retrying, leaked, pending }: Asked): boolean =>
  !byLabel && !unsummarised && !retrying && !leaked && !pending
