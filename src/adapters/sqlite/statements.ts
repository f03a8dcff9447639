import { LAST, number, PLACE, pageText, SUMMARY, text, WAIT } from './columns.js'
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
  readonly post: Prepared
  /** The messages of an application, and their kinds. */
  readonly kinds: Prepared
  /** Rows from an index on. */
  readonly page: Prepared
  readonly forgetInbox: Prepared
  readonly forgetRows: Prepared
  readonly forgetApps: Prepared
  readonly forgetOwner: Prepared
  readonly forgetWaits: Prepared
  readonly beat: Prepared
  readonly renewLease: Prepared
  /** The lease of a root, in its application. */
  readonly leased: Prepared
  /** Replaces the part of a summary that changes. */
  readonly update: Prepared
  /** Stores a whole summary; its application, too. */
  readonly put: Prepared
  readonly summary: Prepared
  /** The labels of a root, and its birth. */
  readonly labels: Prepared
  readonly label: Prepared
  readonly unlabel: Prepared
  readonly waits: Prepared
  readonly wait: Prepared
  readonly unwait: Prepared
  /** The question that a message answers. */
  readonly asked: Prepared
  readonly answer: Prepared
  /** Makes a root due that waits, if a question of its tree is answered. */
  readonly wakeUp: Prepared
}

const IDX = `cast(key & ${LAST} as real) as idx`
const FACTS = `${text('app')}, ${IDX}, ${text('kind')}, ${number('epoch')}, ${number('seq')}, ${text('label')}, ${number('ord')}`

/** The columns of a summary that each one replaces. */
const CHANGING = ['status', 'since', 'pending', 'retrying', 'leaked', 'wake', 'lease', 'next_at', 'facts']
/** The columns that stay once they are set. */
const STAYING = ['parent', 'pepoch', 'pseq', 'map', 'visit', 'pkey', 'idx', 'name', 'title', 'labels']

export function statementsOf(database: SqliteDatabase, names: Names): Statements {
  const { rows, apps, owners, inbox, labels, waits, index } = names
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
    owner: one(
      `select ${text('writer')}, ${number('count')}, ${number('fence')}, ${number('lease')}, ${text('worker')} from ${owners} where part = ? and root = ?`,
    ),
    claim: one(
      `insert into ${owners} (part, root, writer, count, fence, lease, worker) values (?, ?, ?, 0, ?, ?, ?)
         on conflict (part, root) do update
         set writer = excluded.writer, count = count + 1, fence = max(fence, excluded.fence), lease = excluded.lease,
           worker = excluded.worker, beat = null, beat_at = null`,
    ),
    insert: one(`insert into ${rows} select (a.id << 32) | ?, ?, ?, ?, ?, ?, cast(? as blob) ${owned}`),
    begin: one(
      `insert into ${apps} (part, app, root, born, top, search) values (?, ?, ?, ?, ?, ?) on conflict (part, app) do update
         set born = excluded.born, top = excluded.top where born < 0`,
    ),
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
    post: one(`insert into ${inbox} (part, app, root, data, kind) values (?, ?, ?, cast(? as blob), ?)`),
    kinds: one(`select id, ${text('kind')} from ${inbox} where part = ? and app = ? order by id`),
    forgetInbox: one(`delete from ${inbox} where part = ? and root = ?`),
    forgetRows: one(
      `delete from ${rows} where key in (select key from ${apps} cross join ${rows} on key between id << 32 and (id << 32) | ${LAST} where part = ? and root = ?)`,
    ),
    forgetApps: one(`delete from ${apps} where part = ? and root = ?`),
    forgetOwner: one(`delete from ${owners} where part = ? and root = ?`),
    forgetWaits: one(
      `delete from ${waits} where (part, app) in (select part, app from ${waits} indexed by ${index('wait_root')} where k = 0 and root = ? and part = ?)`,
    ),
    page: one(
      `select ${FACTS}, ${text('data')} from ${app} cross join ${rows} on key between low | ? and high order by key limit ?`,
    ),
    beat: one(
      `update ${owners} set lease = ?, beat = coalesce(?, beat), beat_at = coalesce(?, beat_at) where part = ? and root = ? and writer = ?`,
    ),
    renewLease: one(`update ${owners} set lease = ? where part = ? and root = ?`),
    leased: one(`update ${apps} set wake = ?, lease = ? where part = ? and app = ? and lease is not null`),
    update: one(
      `update ${apps} set ${CHANGING.map((column) => `${column} = ?`).join(', ')} where part = ? and app = ? and root = ?`,
    ),
    put: one(
      `insert into ${apps} (part, app, root, born, top, search, ${[...CHANGING, ...STAYING].join(', ')})
         values (${Array.from({ length: 6 + CHANGING.length + STAYING.length }, () => '?').join(', ')})
         on conflict (part, app) do update
         set born = case when born < 0 then excluded.born else born end, top = coalesce(top, excluded.top),
           search = case when excluded.title is null then coalesce(search, excluded.search) else excluded.search end,
           ${CHANGING.map((column) => `${column} = excluded.${column}`).join(', ')},
           ${STAYING.map((column) => `${column} = coalesce(excluded.${column}, ${column})`).join(', ')}
         where root = excluded.root`,
    ),
    summary: one(pageText([...SUMMARY, ...PLACE], `from ${apps} a where part = ? and app = ?`)),
    labels: one(`select ${number('born')}, ${text('labels')} from ${apps} where part = ? and app = ?`),
    label: one(`insert or ignore into ${labels} (part, name, value, born, app) values (?, ?, ?, ?, ?)`),
    unlabel: one(`delete from ${labels} where part = ? and name = ? and value = ? and born = ? and app = ?`),
    waits: one(pageText(WAIT, `from ${waits} w where part = ? and app = ? and k = 0 order by seq, n`)),
    wait: one(
      `insert or replace into ${waits} (part, app, seq, n, k, root, id, kind, since, until, kinds, facts, answered)
         values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    unwait: one(`delete from ${waits} where part = ? and app = ?`),
    asked: one(
      `select ${number('seq')}, ${number('n')} from ${waits} where part = ? and app = ? and kind = ? and answered = 0 order by ${waits}.since, ${waits}.n limit 1`,
    ),
    answer: one(`update ${waits} set answered = 1 where part = ? and app = ? and seq = ? and n = ?`),
    wakeUp: one(
      `update ${apps} set wake = min(coalesce(wake, ?), ?) where part = ? and app = ? and root = app and status = 'waiting'
         and exists (select 1 from ${waits} w indexed by ${index('answered')}
           where w.part = ${apps}.part and w.root = ${apps}.app and w.answered = 1 and w.k = 0)`,
    ),
  }
}
