import { raw, type Sql, sql } from './sql.js'

// Texts are read as bytes, and numbers as floats: a damaged file may hold bytes that are no UTF-8 and integers that
// JavaScript cannot represent, at which a binding throws or ends the process. The rows of a page are read as one value,
// their JSON, because a binding takes longer to hand over the values of a row one by one than SQLite takes for the page.

export const text = (column: string, name = column): string => `cast(${column} as blob) as ${name}`
export const number = (column: string, name = column): string => `cast(${column} as real) as ${name}`
/** The highest index of a row: the lower half of its key. */
export const LAST = 0xffff_ffff

/** The key of the last row of an application. */
export const lastKey = (rows: string): string =>
  `(select max(key) from ${rows} where key between a.id << 32 and (a.id << 32) | ${LAST})`

/** Columns of a page by their names: members of the JSON of a row. */
type Members = readonly string[]

const memberName = (column: string): string => column.slice(column.indexOf('.') + 1)
const textMember = (column: string, name = memberName(column)): string => `'${name}', cast(${column} as text)`
/** JSON in SQLite has 15 digits of a float; all of them are written here. */
const numberMember = (column: string, name = memberName(column)): string =>
  `'${name}', case typeof(${column}) when 'real' then json(printf('%!.17g', ${column})) else cast(${column} as numeric) end`
const texts = (columns: string): Members => columns.split(' ').map((column) => textMember(column))
const numbers = (columns: string): Members => columns.split(' ').map((column) => numberMember(column))

/** Columns of the last row. */
export const POSITION: Members = [...texts('r.kind r.label'), ...numbers('r.seq r.epoch r.ord')]
/** Columns of a summary. */
export const SUMMARY: Members = [
  ...texts('a.app a.status a.facts a.name a.title a.labels'),
  ...numbers('a.since a.pending a.retrying a.leaked a.next_at'),
]
/** Columns of a place below another application. */
export const PLACE: Members = [...texts('a.parent a.map a.pkey'), ...numbers('a.pepoch a.pseq a.visit a.idx')]
/** Columns of a root; `a` is its application, `o` its claim, `r` its last row. */
export const RUN: Members = [
  textMember('a.part'),
  numberMember('a.top', 'born'),
  ...numbers('a.wake a.lease'),
  ...SUMMARY,
  ...POSITION,
  ...texts('o.writer o.worker o.beat'),
  ...numbers('o.count o.beat_at'),
  numberMember('o.lease', 'until'),
]
/** Columns of an open question. */
export const WAIT: Members = [
  ...texts('w.part w.root w.app w.id w.kinds w.facts'),
  ...numbers('w.seq w.n w.since w.until w.answered'),
]
/** Columns of an open question and of its root. */
export const QUESTION: Members = [...WAIT, ...texts('a.title a.labels')]

/** The statement whose one row holds a page as JSON. @param from all that a select says from `from` on */
export const pageOf = (members: Members, from: Sql): Sql => sql`${raw(pageHead(members))}${from})`
/** The same, for a statement that does not depend on a question. */
export const pageText = (members: Members, from: string): string => `${pageHead(members)}${from})`

const pageHead = (members: Members): string =>
  `select cast('[' || coalesce(group_concat(one), '') || ']' as blob) as page from (select json_object(${members.join(', ')}) as one `
