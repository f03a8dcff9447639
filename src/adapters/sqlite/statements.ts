import type { SqliteDatabase, SqliteStatement } from './open-database.js'
import type { Names } from './schema.js'

/**
 * A statement, prepared on first use. Values are bound, never written into the text, and only by their order: the
 * `node:sqlite` of Node 22 treats `?1` as a name.
 */
export type Prepared = () => SqliteStatement

/** The statements of one connection. */
export interface Statements {
  readonly owner: Prepared
  readonly claim: Prepared
  readonly insert: Prepared
  /** Stores an application before its first row. */
  readonly begin: Prepared
  /** Overwrites a stored note. */
  readonly renew: Prepared
  /** The root of a stored application. */
  readonly rootOf: Prepared
  readonly take: Prepared
  readonly tail: Prepared
  readonly step: Prepared
  readonly part: Prepared
  readonly history: Prepared
  readonly inbox: Prepared
  readonly posted: Prepared
  readonly newest: Prepared
  readonly older: Prepared
  readonly post: Prepared
  readonly forgetInbox: Prepared
  readonly forgetRows: Prepared
  readonly forgetApps: Prepared
  readonly forgetOwner: Prepared
}

// Texts are read as bytes, and numbers as floats: a damaged file may hold bytes that are no UTF-8 and integers that
// JavaScript cannot represent, at which a binding throws or ends the process.
const text = (column: string): string => `cast(${column} as blob) as ${column}`
const number = (column: string): string => `cast(${column} as real) as ${column}`
const LAST = 0xffff_ffff
const IDX = `cast(key & ${LAST} as real) as idx`
const FACTS = `${text('app')}, ${IDX}, ${text('kind')}, ${number('epoch')}, ${number('seq')}, ${text('label')}, ${number('ord')}`

export function statementsOf(database: SqliteDatabase, { rows, apps, owners, inbox }: Names): Statements {
  const one = (sql: string): Prepared => {
    let made: SqliteStatement | undefined
    return () => {
      made ??= database.prepare(sql)
      return made
    }
  }
  /** An application, and the range of the keys of its rows. */
  const app = `(select app, id << 32 as low, (id << 32) | ${LAST} as high from ${apps} where part = ? and app = ?)`
  const lastFull = (high: string): string =>
    `coalesce((select key from ${rows} where key between low and ${high} and kind = 'full' order by key desc limit 1), low)`
  const rowsOf = (low: string, high: string): string =>
    `from ${app} cross join ${rows} on key between ${low} and ${high}`
  const owned = `from ${apps} as a join ${owners} as o on o.part = a.part and o.root = a.root where a.part = ? and a.app = ? and a.root = ? and o.writer = ?`
  return {
    owner: one(`select ${text('writer')}, ${number('count')} from ${owners} where part = ? and root = ?`),
    claim: one(
      `insert into ${owners} values (?, ?, ?, 0, ?) on conflict (part, root) do update
         set writer = excluded.writer, count = count + 1, fence = max(fence, excluded.fence)
         where excluded.fence = -1 or excluded.fence >= fence`,
    ),
    insert: one(`insert into ${rows} select (a.id << 32) | ?, ?, ?, ?, ?, ?, cast(? as blob) ${owned}`),
    begin: one(`insert into ${apps} (part, app, root, born) values (?, ?, ?, ?) on conflict (part, app) do nothing`),
    renew: one(
      `update ${rows} set epoch = ?, seq = ?, label = ?, ord = ?, data = cast(? as blob) where key = (select (a.id << 32) | ? ${owned}) and kind = 'note'`,
    ),
    rootOf: one(`select ${text('root')} from ${apps} where part = ? and app = ?`),
    take: one(`delete from ${inbox} where id = ?`),
    tail: one(`select ${FACTS}, ${text('data')} ${rowsOf(lastFull('high'), 'high')} order by key`),
    step: one(
      `select ${IDX} ${rowsOf('low', 'high')} where seq = ? and kind <> 'note' and (? is null or epoch = ?) order by key desc limit 1`,
    ),
    part: one(`select ${FACTS}, ${text('data')} ${rowsOf(lastFull('(low | ?)'), '(low | ?)')} order by key`),
    history: one(`select ${FACTS} ${rowsOf('low', 'high')} order by key`),
    inbox: one(`select id, ${text('data')} from ${inbox} where part = ? and app = ? order by id`),
    posted: one(`select id, ${text('app')}, ${text('data')} from ${inbox} where part = ? and root = ? order by id`),
    newest: one(
      `select ${text('app')}, ${number('born')} from ${apps} where part = ? and app = root order by ${apps}.born desc, id desc limit ?`,
    ),
    older: one(
      `select ${text('app')}, ${number('born')} from ${apps} where part = ? and app = root and (born, id) < (select born, id from ${apps} where part = ? and app = ? union all select ?, 0 limit 1) order by ${apps}.born desc, id desc limit ?`,
    ),
    post: one(`insert into ${inbox} (part, app, root, data) values (?, ?, ?, cast(? as blob))`),
    forgetInbox: one(`delete from ${inbox} where part = ? and root = ?`),
    forgetRows: one(
      `delete from ${rows} where key in (select key from ${apps} cross join ${rows} on key between id << 32 and (id << 32) | ${LAST} where part = ? and root = ?)`,
    ),
    forgetApps: one(`delete from ${apps} where part = ? and root = ?`),
    forgetOwner: one(`delete from ${owners} where part = ? and root = ?`),
  }
}
