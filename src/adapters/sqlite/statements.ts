import type { SqliteDatabase, SqliteStatement } from './open-database.js'
import type { Names } from './schema.js'

/** The prepared statements of one connection. Values are bound, never written into the text. */
export interface Statements {
  readonly owner: SqliteStatement
  readonly claim: SqliteStatement
  readonly insert: SqliteStatement
  /** Over a note that is there. */
  readonly renew: SqliteStatement
  /** The root of an application that is stored. */
  readonly rootOf: SqliteStatement
  readonly take: SqliteStatement
  readonly tail: SqliteStatement
  readonly step: SqliteStatement
  readonly part: SqliteStatement
  readonly history: SqliteStatement
  readonly inbox: SqliteStatement
  readonly posted: SqliteStatement
  readonly newest: SqliteStatement
  readonly older: SqliteStatement
  readonly post: SqliteStatement
  readonly forgetInbox: SqliteStatement
  readonly forgetRows: SqliteStatement
  readonly forgetOwner: SqliteStatement
}

// Texts are read as bytes, and numbers as floats: a file that is damaged may hold what no text and no number of
// JavaScript can be, and a binding fails at that, or ends the process.
const text = (column: string): string => `cast(${column} as blob) as ${column}`
const number = (column: string): string => `cast(${column} as real) as ${column}`
const FACTS = `${text('app')}, ${number('idx')}, ${text('kind')}, ${number('epoch')}, ${number('seq')}, ${text('label')}, ${number('ord')}`
const ROOTS = 'idx = 0 and app = root'

export function prepareAll(database: SqliteDatabase, { rows, owners, inbox }: Names): Statements {
  const one = (sql: string): SqliteStatement => database.prepare(sql)
  const lastFull = (upTo: string): string =>
    `coalesce((select idx from ${rows} where part = ? and app = ? and kind = 'full'${upTo} order by idx desc limit 1), 0)`
  return {
    owner: one(`select ${text('writer')}, ${number('count')} from ${owners} where part = ? and root = ?`),
    claim: one(
      `insert into ${owners} values (?, ?, ?, 0) on conflict (part, root) do update set writer = excluded.writer, count = count + 1`,
    ),
    insert: one(
      `insert into ${rows} select ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10 where exists (select 1 from ${owners} where part = ?1 and root = ?4 and writer = ?11) and not exists (select 1 from ${rows} where part = ?1 and app = ?2 and idx = 0 and root <> ?4)`,
    ),
    renew: one(
      `update ${rows} set epoch = ?6, seq = ?7, label = ?8, ord = ?9, data = ?10 where part = ?1 and app = ?2 and idx = ?3 and kind = 'note' and root = ?4 and exists (select 1 from ${owners} where part = ?1 and root = ?4 and writer = ?11)`,
    ),
    rootOf: one(`select ${text('root')} from ${rows} where part = ? and app = ? and idx = 0`),
    take: one(`delete from ${inbox} where id = ?`),
    tail: one(
      `select ${FACTS}, ${text('data')} from ${rows} where part = ? and app = ? and idx >= ${lastFull('')} order by ${rows}.idx`,
    ),
    step: one(
      `select idx from ${rows} where part = ? and app = ? and seq = ? and kind <> 'note' and (? is null or epoch = ?) order by ${rows}.idx desc limit 1`,
    ),
    part: one(
      `select ${FACTS}, ${text('data')} from ${rows} where part = ? and app = ? and idx <= ? and idx >= ${lastFull(' and idx <= ?')} order by ${rows}.idx`,
    ),
    history: one(`select ${FACTS} from ${rows} where part = ? and app = ? order by ${rows}.idx`),
    inbox: one(`select id, ${text('data')} from ${inbox} where part = ? and app = ? order by id`),
    posted: one(`select id, ${text('app')}, ${text('data')} from ${inbox} where part = ? and root = ? order by id`),
    newest: one(
      `select ${text('app')}, ${number('ord')} from ${rows} where part = ? and ${ROOTS} order by ${rows}.ord desc, rowid desc limit ?`,
    ),
    older: one(
      `select ${text('app')}, ${number('ord')} from ${rows} where part = ? and ${ROOTS} and (ord, rowid) < (select ord, rowid from ${rows} where part = ? and app = ? and idx = 0 union all select ?, 0 limit 1) order by ${rows}.ord desc, rowid desc limit ?`,
    ),
    post: one(`insert into ${inbox} (part, app, root, data) values (?, ?, ?, ?)`),
    forgetInbox: one(`delete from ${inbox} where part = ? and root = ?`),
    forgetRows: one(
      `delete from ${rows} where part = ? and app in (select app from ${rows} where part = ? and root = ? and idx = 0)`,
    ),
    forgetOwner: one(`delete from ${owners} where part = ? and root = ?`),
  }
}
