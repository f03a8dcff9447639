import type { StoreVersion } from '../../persistence/store-version.js'
import { SnapshotError } from '../../store-errors.js'
import { withKinds } from './kind-schema.js'
import type { Queryable } from './pool.js'
import { withSummaries } from './summary-schema.js'
import type { Tables } from './tables.js'

// Owns: the tables in PostgreSQL, and bringing older ones up to date.
// T1  The first process makes the tables under a lock, and others wait. So processes can start together on a new
//     database.

/** Each runs once on every older database. */
const MIGRATIONS: readonly ((tables: Tables) => string)[] = [
  ({ rows, apps, owners, inbox }) => `
    create table ${apps} (
      id bigint generated always as identity primary key, part text not null, app text not null, root text not null,
      born bigint not null, unique (part, app)
    );
    create index apps_roots on ${apps} (part, born desc, id desc) where app = root;
    create index apps_below on ${apps} (part, root);
    create table ${rows} (
      app bigint not null, idx integer not null, kind text not null, epoch integer not null, seq integer not null,
      label text not null, ord bigint not null, data text not null, primary key (app, idx)
    );
    create table ${owners} (
      part text not null, root text not null, writer text not null, count integer not null,
      fence integer not null default -1, primary key (part, root)
    );
    create table ${inbox} (
      id bigint generated always as identity primary key, part text not null, app text not null, root text not null,
      data text not null
    );
    create index inbox_app on ${inbox} (part, app);
    create index inbox_root on ${inbox} (part, root);`,
  withSummaries,
  withKinds,
]

/** The version of the tables that this code reads and writes. */
const VERSION = MIGRATIONS.length

/** The version of the tables of a database. Changes nothing. @throws the error of the server */
export async function versionIn(client: Queryable, tables: Tables): Promise<StoreVersion> {
  const { rows } = await client.query('select to_regclass($1) is not null as known', [tables.about])
  const about = rows[0]?.['known'] === true ? await client.query(`select version from ${tables.about}`) : undefined
  const found = about === undefined ? undefined : Number(about.rows[0]?.['version'] ?? 0)
  return { found, oldest: 1, newest: VERSION }
}

/**
 * Makes the tables, or brings them up to date, in one transaction (T1).
 * @throws {SnapshotError} when they are newer than this code
 */
export async function migrate(client: Queryable, tables: Tables, name: string): Promise<void> {
  await client.query('begin')
  try {
    await client.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`teasel ${tables.schema}`])
    const found = await client.query('select to_regclass($1) is not null as known', [tables.about])
    if (found.rows[0]?.['known'] !== true) {
      await client.query(`create schema if not exists ${tables.schema}`)
      await client.query(`create table ${tables.about} (version integer not null)`)
      await client.query(`insert into ${tables.about} values (0)`)
    }
    const { rows } = await client.query(`select version from ${tables.about}`)
    const version = Number(rows[0]?.['version'] ?? 0)
    if (version > VERSION)
      throw new SnapshotError(
        `The tables of ${name} have version ${version}, but this version of Teasel reads up to ${VERSION}. Use the newer version. Nothing was changed.`,
        version,
      )
    for (const migration of MIGRATIONS.slice(version)) await client.query(migration(tables))
    if (version < VERSION) await client.query(`update ${tables.about} set version = $1`, [VERSION])
    await client.query('commit')
  } catch (error) {
    await client.query('rollback').catch(() => {})
    throw error
  }
}
