import pg from 'pg'
import { describeValue } from '../../internal/guards.js'
import { checkOptions } from '../../internal/options.js'
import { createPersister, type Persister } from '../../persistence/persister.js'
import type { StoreVersion } from '../../persistence/store-version.js'
import { assertText } from '../../persistence/text.js'
import type { PgPool } from './pool.js'
import { PostgresDriver } from './postgres-driver.js'
import { versionIn } from './schema.js'
import { tablesOf } from './tables.js'

/** Options of {@link postgresPersister}. */
export interface PostgresOptions {
  /**
   * `postgres://user:password@host:5432/database`. Default: the `PG…` variables of the environment, as `pg` reads them.
   */
  readonly url?: string
  /** Your own pool of `pg`, in place of `url`. Closing the persister does not end it. */
  readonly pool?: PgPool
  /** The schema of the tables; made on first use if it is missing. Default `teasel`. */
  readonly schema?: string
  /** Maximum number of connections. Default 10. One more listens while something waits for a message. */
  readonly connections?: number
}

/**
 * A persister over a PostgreSQL database (13 or newer), for several processes and machines.
 *
 * One row per step, one round trip per save, durable when the step commits. A message stored by another process wakes
 * the run that waits for it by `LISTEN`; behind a pooler that does not support it, such as PgBouncer in transaction
 * mode, polling finds it (`inboxPollMs`). It connects on first use.
 * @throws {TypeError} for unknown options, or an invalid `pool`
 *
 * @example
 * ```ts no-run
 * await using persister = postgresPersister({ url: 'postgres://localhost/app' })
 * ```
 * @see Burr `PostgreSQLPersister` in burr/integrations/persisters/b_psycopg2.py
 */
export function postgresPersister(options: PostgresOptions = {}): Persister {
  checkOptions('postgresPersister', options, 'url pool schema connections')
  const { url, pool, schema = 'teasel', connections = 10 } = options
  assertText('The schema', schema)
  if (url !== undefined && pool !== undefined) throw new TypeError('postgresPersister takes url or pool, not both.')
  if (url !== undefined && (typeof url !== 'string' || !/^postgres(ql)?:\/\//.test(url)))
    throw new TypeError(`url is ${describeValue(url)}. It takes postgres://user:password@host:5432/database.`)
  if (pool !== undefined && (typeof pool?.connect !== 'function' || typeof pool.query !== 'function'))
    throw new TypeError(`pool is ${describeValue(pool)}. It takes a pool of pg: new Pool(…).`)
  if (!(Number.isInteger(connections) && connections >= 1))
    throw new RangeError(`connections is ${describeValue(connections)}; it takes a whole number, 1 or more.`)
  const made = pool ?? poolOf(url, connections)
  const name = `postgres ${schema}`
  return createPersister(new PostgresDriver({ pool: made, owned: pool === undefined, schema, name }))
}

/** The version of the tables at an address. Changes nothing. @throws the error of the server */
export async function postgresVersion(url: string, schema = 'teasel'): Promise<StoreVersion> {
  const pool = poolOf(url, 1)
  pool.on('error', () => {})
  try {
    return await versionIn(pool, tablesOf(schema))
  } finally {
    await pool.end()
  }
}

function poolOf(url: string | undefined, connections: number): PgPool {
  const pool = new pg.Pool({ ...(url !== undefined && { connectionString: url }), max: connections + 1 })
  return pool as unknown as PgPool
}
