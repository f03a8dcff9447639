import type { SqliteDatabase } from './open-database.js'

// The tables, and how they came to be: each entry of MIGRATIONS was run once on every file that is older than it.

/** A name as SQL quotes it: whatever stands in it, it is a name. */
const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** Names of what one persister keeps in a file. */
export interface Names {
  readonly rows: string
  readonly owners: string
  readonly inbox: string
  readonly about: string
}

export function namesOf(prefix: string): Names {
  const name = (what: string): string => quoted(`${prefix}_${what}`)
  return { rows: name('rows'), owners: name('owners'), inbox: name('inbox'), about: name('about') }
}

interface Made extends Names {
  /** Names what is made: in the file. */
  readonly at: (name: string) => string
  readonly index: (what: string) => string
}

const MIGRATIONS: readonly ((made: Made) => string)[] = [
  ({ rows, owners, inbox, at, index }) => `
    create table ${at(rows)} (
      part text not null, app text not null, idx integer not null, root text not null, kind text not null,
      epoch integer not null, seq integer not null, label text not null, ord integer not null, data blob not null,
      primary key (part, app, idx)
    );
    create index ${index('roots')} on ${rows} (part, ord) where idx = 0 and app = root;
    create index ${index('below')} on ${rows} (part, root) where idx = 0;
    create table ${at(owners)} (
      part text not null, root text not null, writer text not null, count integer not null, primary key (part, root)
    );
    create table ${at(inbox)} (
      id integer primary key autoincrement, part text not null, app text not null, root text not null, data blob not null
    );
    create index ${index('inbox')} on ${inbox} (part, app);`,
  ({ inbox, index }) => `create index ${index('posted')} on ${inbox} (part, root);`,
]

/** The version of the oldest tables that this code can read: data is bytes from there on. */
export const OLDEST = 3
/** The version of the tables that this code knows. */
export const SCHEMA = OLDEST + MIGRATIONS.length - 1

/**
 * Brings the tables of a file up to date.
 * @param schema what the file is called in the database
 * @returns the version that it has: above {@link SCHEMA} where the code is older than the file, below {@link OLDEST} where
 *   it is too old to be read; then nothing was changed
 */
export function migrate(database: SqliteDatabase, prefix: string, schema: string): number {
  const names = namesOf(prefix)
  const at = (name: string): string => `${schema}.${name}`
  const made: Made = { ...names, at, index: (what) => at(quoted(`${prefix}_by_${what}`)) }
  database.exec('begin immediate')
  try {
    database.exec(`create table if not exists ${at(names.about)} (schema integer not null)`)
    const found = database.prepare(`select schema from ${names.about}`).get() as { readonly schema: number } | undefined
    const version = found?.schema ?? OLDEST - 1
    if (found !== undefined && version < OLDEST) {
      database.exec('rollback')
      return version
    }
    for (const step of MIGRATIONS.slice(version - OLDEST + 1)) database.exec(step(made))
    if (found === undefined) database.prepare(`insert into ${names.about} values (?)`).run(SCHEMA)
    else if (version < SCHEMA) database.prepare(`update ${names.about} set schema = ?`).run(SCHEMA)
    database.exec('commit')
    return Math.max(version, SCHEMA)
  } catch (error) {
    database.exec('rollback')
    throw error
  }
}
