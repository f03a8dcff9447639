import { describeValue } from '../../internal/guards.js'
import { checkOptions } from '../../internal/options.js'
import { createPersister, type Persister } from '../../persistence/persister.js'
import { SqliteDriver, type SqliteOptions } from './sqlite-driver.js'

export type { SqliteOptions }

/**
 * A persister over one SQLite file, with `node:sqlite` if this Node has it, otherwise with `libsql`.
 *
 * Write-ahead log, one row per step, durable when the step commits. Several processes may use one file.
 * @throws {PersistenceError} `unavailable` when the file cannot be opened or written
 * @throws {SnapshotError} when the file's tables are newer than this code
 * @throws {TypeError} for unknown options, or without SQLite: on Node before 22.13 without libsql
 *
 * @example
 * ```ts
 * await using persister = sqlitePersister({ file: ':memory:' })
 * ```
 * @see Burr `SQLitePersister` in burr/core/persistence.py
 */
export function sqlitePersister(options: SqliteOptions): Persister {
  checkOptions('sqlitePersister', options, 'file durability prefix busyMs')
  if (typeof options.file !== 'string' || options.file === '')
    throw new TypeError(`sqlitePersister needs file: the path of its database, not ${describeValue(options.file)}.`)
  if (/^[a-z][a-z\d+.-]+:/i.test(options.file))
    throw new TypeError(
      `sqlitePersister takes the path of a file, not the URL "${options.file}". Give the path alone: ${JSON.stringify(options.file.replace(/^[^:]*:(\/\/(?=\/))?|\?.*$/g, ''))}.`,
    )
  const { durability = 'normal' } = options
  if (durability !== 'normal' && durability !== 'full')
    throw new TypeError(`durability is ${describeValue(durability)}; it takes 'normal' or 'full'.`)
  return createPersister(new SqliteDriver(options))
}
