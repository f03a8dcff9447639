import type { Awaitable } from '../../persistence/driver.js'
import { damaged, unavailable } from '../../persistence/faults.js'
import { PersistenceError, SnapshotError } from '../../store-errors.js'
import { isDamage, isLock } from './binding-errors.js'
import { afterLock, HELD_MS, isLocked } from './lock.js'
import {
  type Connection,
  connect,
  type SqliteDatabase,
  type SqliteStatement,
  type SqliteValue,
} from './open-database.js'
import { migrate, namesOf, OLDEST, SCHEMA } from './schema.js'
import type { Sql } from './sql.js'
import { type Statements, statementsOf } from './statements.js'
import { pageRows } from './stored-rows.js'

// Owns: one connection to one file, its statements and its transactions.
// Q1  A single row is one statement, and so one transaction; a group, and the first row of an application, is
//     `begin immediate` … `commit`. A single statement that meets a lock is ended before the next call, because libsql
//     leaves it open and then commits nothing.
// Q3  A call that meets the lock of another process is retried, and the thread is free in between. Any other call is
//     synchronous.

export interface SessionSettings {
  readonly file: string
  readonly durability: 'normal' | 'full'
  readonly prefix: string
  readonly busyMs: number
}

export class Session {
  readonly name: string
  readonly database: SqliteDatabase
  /** The schema name of the file in the database. */
  readonly schema: string
  readonly #settings: SessionSettings
  readonly #connection: Connection
  #statements: Statements | undefined
  /** Statements that depend on the filters of a question. */
  readonly #asked = new Map<string, SqliteStatement>()
  #closed = false

  constructor(settings: SessionSettings) {
    this.name = `sqlite ${settings.file}`
    this.#settings = settings
    this.#connection = this.#withStoreErrors('open its file', () => connect(settings.file))
    this.database = this.#connection.database
    this.schema = this.#connection.schema
    try {
      this.#withStoreErrors('prepare its file', () => this.sql)
    } catch (error) {
      if (isLocked(error)) return // the first call prepares it
      this.#connection.close()
      throw error
    }
  }

  /** The statements. Prepares the file on first use. */
  get sql(): Statements {
    this.#statements ??= this.#prepare()
    return this.#statements
  }

  #prepare(): Statements {
    const { durability, prefix, busyMs } = this.#settings
    this.database.exec(`pragma busy_timeout = ${Math.trunc(Math.min(busyMs, HELD_MS))}`)
    this.#connection.attach()
    this.database.prepare(`pragma ${this.schema}.journal_mode = wal`).get()
    this.database.exec(`pragma ${this.schema}.synchronous = ${durability === 'full' ? 'full' : 'normal'}`)
    const version = migrate(this.database, prefix, this.schema)
    if (version > SCHEMA || version < OLDEST) throw another(this.name, version)
    return statementsOf(this.database, namesOf(prefix))
  }

  /** Runs a statement that writes. @returns the number of changed rows */
  run(statement: SqliteStatement, values: readonly SqliteValue[]): number {
    return this.#connection.run(statement, values)
  }

  /** All rows of a question. */
  all({ text, values }: Sql): readonly unknown[] {
    return this.#statement(text).all(...values)
  }

  /** The rows of a question that is asked as a page (columns.ts). */
  page<T>({ text, values }: Sql): readonly T[] {
    return pageRows(this.#statement(text).get(...values))
  }

  #statement(text: string): SqliteStatement {
    let statement = this.#asked.get(text)
    if (statement === undefined) {
      statement = this.database.prepare(text)
      this.#asked.set(text, statement)
    }
    return statement
  }

  /** Runs one statement that writes (Q1). */
  alone<T>(action: string, work: () => T): Awaitable<T> {
    if (this.#connection.endsAtLock) return this.guard(action, work)
    return this.guard(action, () => {
      try {
        return work()
      } catch (error) {
        if (isLock(error)) this.#endOpen(work)
        throw error
      }
    })
  }

  /** Ends a statement that waits for a lock: running it read-only makes it fail, which ends it. */
  #endOpen(work: () => unknown): void {
    this.database.exec('pragma query_only = on')
    try {
      work()
    } catch {
      // It has ended.
    } finally {
      this.database.exec('pragma query_only = off')
    }
  }

  /** Runs work in one transaction. */
  together<T>(action: string, work: () => T): Awaitable<T> {
    return this.guard(action, () => {
      this.database.exec('begin immediate')
      try {
        const answer = work()
        this.database.exec('commit')
        return answer
      } catch (error) {
        this.#rollBack()
        throw error
      }
    })
  }

  #rollBack(): void {
    try {
      this.database.exec('rollback')
    } catch {
      // SQLite has rolled back itself, for example when the disk is full.
    }
  }

  /** Runs work at once, or later if another process holds the lock (Q3). */
  guard<T>(action: string, work: () => T): Awaitable<T> {
    return afterLock(this.#settings.busyMs, () =>
      this.#withStoreErrors(action, () => {
        this.#statements ??= this.#prepare() // before a transaction begins
        return work()
      }),
    )
  }

  #withStoreErrors<T>(action: string, work: () => T): T {
    if (this.#closed) throw unavailable(this.name, action, new TypeError('it was closed.'))
    try {
      return work()
    } catch (error) {
      if (error instanceof PersistenceError || error instanceof SnapshotError) throw error
      throw isDamage(error) ? damaged(this.name, action, error) : unavailable(this.name, action, error)
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    // Moves the log into the file, so that the file is complete even if another connection keeps the log.
    this.database.exec('pragma busy_timeout = 0')
    this.#statements = undefined
    this.#asked.clear()
    try {
      this.database.prepare(`pragma ${this.schema}.wal_checkpoint(passive)`).all()
    } catch {
      // The log stays, and is complete.
    }
    this.#connection.close()
  }
}

const another = (name: string, version: number): SnapshotError =>
  new SnapshotError(
    version > SCHEMA
      ? `The tables of ${name} have version ${version}, but this version of Teasel reads up to ${SCHEMA}. Use the newer version. Nothing was changed.`
      : `The tables of ${name} have version ${version}, but this version of Teasel reads ${OLDEST} and newer. Use the version that wrote them, or another file. Nothing was changed.`,
    version,
  )
