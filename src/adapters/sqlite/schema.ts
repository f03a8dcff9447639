import type { SqliteDatabase } from './open-database.js'

// Owns: the tables, and bringing older ones up to date.
// T1  The key of a row is a number: its application in the upper half, its index in the lower one. So rows are stored
//     in one B-tree, and a step writes few pages.

/** A quoted name in SQL. */
const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** Names of the tables of one persister. */
export interface Names {
  readonly rows: string
  readonly apps: string
  readonly owners: string
  readonly inbox: string
  readonly about: string
}

export function namesOf(prefix: string): Names {
  const name = (table: string): string => quoted(`${prefix}_${table}`)
  return { rows: name('rows'), apps: name('apps'), owners: name('owners'), inbox: name('inbox'), about: name('about') }
}

interface Made extends Names {
  /** Qualifies a new name with the schema of the file. */
  readonly at: (name: string) => string
  readonly index: (part: string) => string
  /** Name of the table of older rows while they are moved. */
  readonly old: string
}

const rowTables = ({ rows, apps, at, index }: Made): string => `
    create table ${at(apps)} (
      id integer primary key, part text not null, app text not null, root text not null, born integer not null,
      unique (part, app)
    );
    create index ${index('roots')} on ${apps} (part, born) where app = root;
    create index ${index('below')} on ${apps} (part, root);
    create table ${at(rows)} (
      key integer primary key, kind text not null, epoch integer not null, seq integer not null, label text not null,
      ord integer not null, data blob not null
    );`

const posted = ({ inbox, index }: Made): string => `create index ${index('posted')} on ${inbox} (part, root);`

const withFence = ({ owners, at }: Made): string =>
  `alter table ${at(owners)} add column fence integer not null default -1;`

const fresh = (made: Made): string => `${rowTables(made)}
    create table ${made.at(made.owners)} (
      part text not null, root text not null, writer text not null, count integer not null, primary key (part, root)
    );
    create table ${made.at(made.inbox)} (
      id integer primary key autoincrement, part text not null, app text not null, root text not null, data blob not null
    );
    create index ${made.index('inbox')} on ${made.inbox} (part, app);
    ${posted(made)}
    ${withFence(made)}`

/** An application whose first rows are lost takes its facts from its first remaining row. */
const withKeys = (made: Made): string => {
  const { rows, apps, at, index, old } = made
  return `
    drop index if exists ${index('roots')};
    drop index if exists ${index('below')};
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
const MIGRATIONS: readonly ((made: Made) => string)[] = [posted, withKeys, withFence]

/** The version of the oldest tables that this code reads: since then, data is bytes. */
export const OLDEST = 3
/** The version of the tables that this code reads and writes. */
export const SCHEMA = OLDEST + MIGRATIONS.length

/**
 * Brings the tables of a file up to date.
 * @param schema the schema name of the file in the database
 * @returns the version of the file: above {@link SCHEMA} if the file is newer than the code, below {@link OLDEST} if it
 *   is too old to be read. Nothing is changed then.
 */
export function migrate(database: SqliteDatabase, prefix: string, schema: string): number {
  const names = namesOf(prefix)
  const at = (name: string): string => `${schema}.${name}`
  const index = (part: string): string => at(quoted(`${prefix}_by_${part}`))
  const made: Made = { ...names, at, index, old: quoted(`${prefix}_rows_before`) }
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
