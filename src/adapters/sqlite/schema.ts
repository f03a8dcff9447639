import type { StoreVersion } from '../../persistence/store-version.js'
import { connect, type SqliteDatabase } from './open-database.js'

// Owns: the tables, and bringing older ones up to date.
// T1  The key of a row is a number: its application in the upper half, its index in the lower one. So rows are stored
//     in one B-tree, and a step writes few pages.
// T2  `top` is the birth of a root that has rows, and null for all else: the indexes of lists hold roots only. Each list
//     has an index for one partition and one for all of them; each holds what its filters and its order need.
// T3  A summary is columns of its application, so that an application and its summary are one insert.

/** A quoted name in SQL. */
const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** Names of the tables of one persister. */
export interface Names {
  readonly rows: string
  readonly apps: string
  readonly owners: string
  readonly inbox: string
  readonly labels: string
  readonly waits: string
  readonly about: string
  /** The quoted name of an index, as `indexed by` takes it. */
  readonly index: (part: string) => string
}

export function namesOf(prefix: string): Names {
  const name = (table: string): string => quoted(`${prefix}_${table}`)
  return {
    rows: name('rows'),
    apps: name('apps'),
    owners: name('owners'),
    inbox: name('inbox'),
    labels: name('labels'),
    waits: name('waits'),
    about: name('about'),
    index: (part) => name(`by_${part}`),
  }
}

interface Made extends Names {
  /** Qualifies a new name with the schema of the file. */
  readonly at: (name: string) => string
  /** The qualified name of an index. */
  readonly made: (part: string) => string
  /** Name of the table of older rows while they are moved. */
  readonly old: string
}

/** @param more further columns of an application, each with a comma before it */
const rowTables = ({ rows, apps, at, made }: Made, more = ''): string => `
    create table ${at(apps)} (
      id integer primary key, part text not null, app text not null, root text not null, born integer not null${more},
      unique (part, app)
    );
    create index ${made('below')} on ${apps} (part, root);
    create table ${at(rows)} (
      key integer primary key, kind text not null, epoch integer not null, seq integer not null, label text not null,
      ord integer not null, data blob not null
    );`

const posted = ({ inbox, made }: Made): string => `create index ${made('posted')} on ${inbox} (part, root);`

const FENCE = 'fence integer not null default -1'
const withFence = ({ owners, at }: Made): string => `alter table ${at(owners)} add column ${FENCE};`

/** Columns of a summary in the table of applications. */
const SUMMARY = `top integer, status text, since integer, pending integer not null default 0,
  retrying integer not null default 0, leaked integer not null default 0, wake integer, lease integer, next_at integer,
  facts text, parent text, pepoch integer, pseq integer, map text, visit integer, pkey text, idx integer, name text,
  title text, labels text, search text`
const OWNER = 'lease integer not null default 0, worker text, beat text, beat_at integer'
const listed = (columns: string): readonly string[] => columns.split(/,\s+/)
const added = (table: string, columns: string): string =>
  listed(columns)
    .map((column) => `alter table ${table} add column ${column};`)
    .join('\n    ')

const withSummaries = (made: Made): string => `
    drop index if exists ${made.made('roots')};
    ${added(made.at(made.apps), SUMMARY)}
    ${added(made.at(made.owners), OWNER)}
    update ${made.apps} set top = born, search = lower(app) where app = root;
    ${summaryTables(made)}`

const summaryTables = ({ apps, labels, waits, at, made }: Made): string => `
    create index ${made('roots')} on ${apps} (part, top desc, app desc) where top is not null;
    create index ${made('all')} on ${apps} (top desc, app desc, part desc) where top is not null;
    create index ${made('status')} on ${apps} (part, status, top desc, app desc, lease)
      where top is not null and status is not null;
    create index ${made('all_status')} on ${apps} (status, top desc, app desc, part desc, lease)
      where top is not null and status is not null;
    create index ${made('name')} on ${apps} (part, name, status, top desc, app desc, lease)
      where top is not null and name is not null;
    create index ${made('all_name')} on ${apps} (name, status, top desc, app desc, part desc, lease)
      where top is not null and name is not null;
    create index ${made('pending')} on ${apps} (top desc, app desc, part desc) where top is not null and pending > 0;
    create index ${made('retrying')} on ${apps} (top desc, app desc, part desc) where top is not null and retrying > 0;
    create index ${made('leaked')} on ${apps} (top desc, app desc, part desc) where top is not null and leaked > 0;
    create index ${made('lease')} on ${apps} (top desc, app desc, part desc, lease)
      where top is not null and lease is not null;
    create index ${made('unknown')} on ${apps} (top desc, app desc, part desc) where top is not null and status is null;
    create index ${made('wake')} on ${apps} (wake, part, app) where top is not null and wake is not null;
    create index ${made('parent')} on ${apps} (part, parent, pepoch, map, visit, idx, app, status, pseq)
      where parent is not null;
    create table ${at(labels)} (
      part text not null, name text not null, value text not null, born integer not null, app text not null,
      primary key (part, name, value, born desc, app desc)
    ) without rowid;
    create index ${made('all_label')} on ${labels} (name, value, born desc, app desc, part desc);
    create table ${at(waits)} (
      part text not null, app text not null, seq integer not null, n integer not null, k integer not null,
      root text not null, id text not null, kind text, since integer not null, until integer, kinds text not null,
      facts text not null, answered integer not null default 0, primary key (part, app, seq, n, k)
    ) without rowid;
    create index ${made('wait')} on ${waits} (answered, since, app, n, part) where k = 0;
    create index ${made('wait_root')} on ${waits} (root, answered, since, app, n, part) where k = 0;
    create index ${made('wait_kind')} on ${waits} (answered, kind, since, app, n, part);`

/** The kind of a message stands in its data. A run whose question is answered is due. */
const withKinds = ({ apps, inbox, waits, at, made }: Made): string => `
    alter table ${at(inbox)} add column kind text;
    update ${inbox} set kind = json_extract(cast(data as text), '$.kind') where json_valid(cast(data as text));
    create index ${made('answered')} on ${waits} (part, root) where answered = 1 and k = 0;
    update ${apps} set wake = 0 where app = root and status = 'waiting'
      and exists (select 1 from ${waits} w where w.part = ${apps}.part and w.root = ${apps}.app and w.answered = 1 and w.k = 0);`

/** The tables of a new file. An added column takes as long as a table, so applications have theirs at once. */
const fresh = (made: Made): string => `${rowTables(made, `, ${listed(SUMMARY).join(', ')}`)}
    create table ${made.at(made.owners)} (
      part text not null, root text not null, writer text not null, count integer not null, ${FENCE}, ${OWNER},
      primary key (part, root)
    );
    create table ${made.at(made.inbox)} (
      id integer primary key autoincrement, part text not null, app text not null, root text not null, data blob not null
    );
    create index ${made.made('inbox')} on ${made.inbox} (part, app);
    ${posted(made)}
    ${summaryTables(made)}
    ${withKinds(made)}`

/** An application whose first rows are lost takes its facts from its first remaining row. */
const withKeys = (made: Made): string => {
  const { rows, apps, at, old } = made
  return `
    drop index if exists ${made.made('roots')};
    drop index if exists ${made.made('below')};
    alter table ${at(rows)} rename to ${old};
    ${rowTables(made)}
    insert into ${at(apps)} (part, app, root, born)
      select part, app, root, ord from ${at(old)} as one
      where idx = (select min(idx) from ${at(old)} where part = one.part and app = one.app) order by rowid;
    insert into ${at(rows)}
      select (id << 32) | idx, kind, epoch, seq, label, ord, data
      from ${at(apps)} as app cross join ${at(old)} as one on one.part = app.part and one.app = app.app
      order by id, idx;
    drop table ${at(old)};`
}

/** Each runs once on every older file. */
const MIGRATIONS: readonly ((made: Made) => string)[] = [posted, withKeys, withFence, withSummaries, withKinds]

/** The version of the oldest tables that this code reads: since then, data is bytes. */
export const OLDEST = 3
/** The version of the tables that this code reads and writes. */
export const SCHEMA = OLDEST + MIGRATIONS.length

/** The version of the tables of a file. Changes nothing. @throws the error of the binding */
export function sqliteVersion(file: string, prefix = 'teasel'): StoreVersion {
  const connection = connect(file)
  try {
    connection.attach()
    const { database, schema } = connection
    const about = namesOf(prefix).about
    const isKnown = database.prepare(`select 1 from ${schema}.sqlite_master where name = ?`).get(`${prefix}_about`)
    const found =
      isKnown === undefined
        ? undefined
        : (database.prepare(`select schema from ${schema}.${about}`).get() as { readonly schema?: number } | undefined)
    return { found: found?.schema, oldest: OLDEST, newest: SCHEMA }
  } finally {
    connection.close()
  }
}

/**
 * Brings the tables of a file up to date.
 * @param schema the schema name of the file in the database
 * @returns the version of the file: above {@link SCHEMA} if the file is newer than the code, below {@link OLDEST} if it
 *   is too old to be read. Nothing is changed then.
 */
export function migrate(database: SqliteDatabase, prefix: string, schema: string): number {
  const names = namesOf(prefix)
  const at = (name: string): string => `${schema}.${name}`
  const made: Made = { ...names, at, made: (part) => at(names.index(part)), old: quoted(`${prefix}_rows_before`) }
  database.exec('begin immediate')
  try {
    database.exec(`create table if not exists ${at(names.about)} (schema integer not null)`)
    const found = database.prepare(`select schema from ${names.about}`).get() as { readonly schema: number } | undefined
    const version = found?.schema ?? SCHEMA // a new file
    if (version < OLDEST) {
      database.exec('rollback')
      return version
    }
    if (found === undefined) database.exec(`${fresh(made)} insert into ${at(names.about)} values (${SCHEMA})`)
    for (const step of MIGRATIONS.slice(version - OLDEST)) database.exec(step(made))
    if (version < SCHEMA) database.prepare(`update ${names.about} set schema = ?`).run(SCHEMA)
    database.exec('commit')
    return Math.max(version, SCHEMA)
  } catch (error) {
    database.exec('rollback')
    throw error
  }
}
