import { createPersister, type Persister } from '../../persistence/persister.js'
import { SqliteDriver, type SqliteOptions } from './sqlite-driver.js'

export type { SqliteOptions }

/**
 * A persister over one SQLite file: `node:sqlite` where the Node has it, else `libsql`.
 *
 * Write-ahead log, one row a step, durable when the step commits. Several processes may use one file.
 * @throws {PersistenceError} `unavailable` when the file cannot be opened or written
 * @throws {SnapshotError} when the file's tables are newer than this code
 * @throws {TypeError} when there is no SQLite: Node before 22.13 without libsql
 *
 * @example
 * ```ts
 * await using persister = sqlitePersister({ file: ':memory:' })
 * ```
 * @see Burr `SQLitePersister` in burr/core/persistence.py
 */
export function sqlitePersister(options: SqliteOptions): Persister {
  return createPersister(new SqliteDriver(options))
}
