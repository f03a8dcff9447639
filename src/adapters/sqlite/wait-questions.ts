import { ENDED } from '../../persistence/due.js'
import type { BelowPage, WaitPage } from '../../persistence/summary.js'
import { lastKey, number, PLACE, POSITION, pageOf, QUESTION, SUMMARY, text } from './columns.js'
import { partOf } from './run-questions.js'
import type { Names } from './schema.js'
import { joined, listOf, raw, type Sql, sql } from './sql.js'

// Owns: the statements of pages of open questions, and of pages of applications below one.
// W1  A question has one row for each kind that it takes; the first has the number 0 and stands for it.

/** The statement of a page of open questions; undefined if no kind is asked for. */
export function openQuestions(names: Names, page: WaitPage): Sql | undefined {
  const { waits, apps, index } = names
  const { kinds, limit, rootId } = page
  const head = (by: string, is: Sql): Sql =>
    sql`select * from (select w.part as part, w.app as app, w.seq as seq, w.n as n, w.since as since
      from ${raw(`${waits} w indexed by ${index(by)}`)} where ${joined([is, ...filters(names, page)], ' and ')}
      order by w.since, w.app, w.n, w.part limit ${limit})`
  const heads =
    kinds !== undefined
      ? [...new Set(kinds)].map((kind) => head('wait_kind', sql`w.kind = ${kind}`))
      : [head(rootId === undefined ? 'wait' : 'wait_root', sql`w.k = 0`)]
  if (heads.length === 0) return undefined
  // The union drops a question that several kinds have found.
  return pageOf(
    QUESTION,
    sql`from (select * from (${joined(heads, ' union ')}) order by since, app, n, part limit ${limit}) h
    cross join ${raw(waits)} w on w.part = h.part and w.app = h.app and w.seq = h.seq and w.n = h.n and w.k = 0
    left join ${raw(apps)} a on a.part = w.part and a.app = w.root order by w.since, w.app, w.n, w.part`,
  )
}

function filters({ apps, labels: table }: Names, page: WaitPage): Sql[] {
  const { partitionKey, rootId, answered = false, labels = {}, after } = page
  const all = [
    sql`w.answered = ${answered ? 1 : 0}`,
    sql`not exists (select 1 from ${raw(apps)} r where r.part = w.part and r.app = w.root and r.status in ${listOf(ENDED)})`,
  ]
  if (partitionKey !== undefined) all.push(sql`w.part = ${partOf(partitionKey)}`)
  if (rootId !== undefined) all.push(sql`w.root = ${rootId}`)
  for (const [name, value] of Object.entries(labels))
    all.push(sql`exists (select 1 from ${raw(apps)} r cross join ${raw(table)} l on l.part = r.part and l.name = ${name}
      and l.value = ${value} and l.born = r.born and l.app = r.app where r.part = w.part and r.app = w.root)`)
  if (after !== undefined) {
    const place = [after.since, after.appId, after.n, partOf(after.partitionKey)]
    all.push(sql`(w.since, w.app, w.n, w.part) > ${listOf(place)}`)
  }
  return all
}

/** The statement of a page of applications below one. */
export function appsBelow({ apps, rows, index }: Names, page: BelowPage): Sql {
  const { partitionKey, parentId, epoch, map, visit, status, limit, after } = page
  const wanted = [sql`a.part = ${partOf(partitionKey)} and a.parent is not null and a.parent = ${parentId}`]
  if (epoch !== undefined) wanted.push(sql`a.pepoch = ${epoch}`)
  if (map !== undefined) wanted.push(sql`a.map = ${map}`)
  if (visit !== undefined) wanted.push(sql`a.visit = ${visit}`)
  if (status !== undefined) wanted.push(sql`a.status in ${listOf(status)}`)
  if (after !== undefined) wanted.push(sql`(a.idx, a.app) > ${listOf([after.index, after.appId])}`)
  return pageOf(
    [...SUMMARY, ...PLACE, ...POSITION],
    sql`from (
      select a.id as id from ${raw(`${apps} a indexed by ${index('parent')}`)} where ${joined(wanted, ' and ')}
      order by a.idx, a.app limit ${limit}) h
    cross join ${raw(apps)} a on a.id = h.id left join ${raw(rows)} r on r.key = ${raw(lastKey(rows))}
    order by a.idx, a.app`,
  )
}

/** The statement of the numbers of applications below one. */
export const countsBelow = ({ apps, index }: Names, part: string, parentId: string): Sql =>
  sql`select ${raw(COUNTS)} from ${raw(`${apps} a indexed by ${index('parent')}`)} where a.part = ${part} and a.parent is not null and a.parent = ${parentId}
    group by a.pepoch, a.map, a.visit, a.status, a.pseq`
const COUNTS = `${number('a.pepoch', 'pepoch')}, ${number('a.pseq', 'pseq')}, ${text('a.map', 'map')}, ${number('a.visit', 'visit')}, ${text('a.status', 'status')}, cast(count(*) as real) as count`
