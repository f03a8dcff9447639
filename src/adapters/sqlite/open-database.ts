import { createRequire } from 'node:module'

/** As much of a SQLite binding as is used: `node:sqlite`, `libsql` and `better-sqlite3` all have it. */
export interface SqliteDatabase {
  exec(sql: string): unknown
  prepare(sql: string): SqliteStatement
  close(): unknown
}
export interface SqliteStatement {
  /** Also by one list of values, with `libsql`: it makes one of them anyway. */
  run(...values: readonly SqliteValue[] | readonly [readonly SqliteValue[]]): {
    readonly changes: number | bigint
    readonly lastInsertRowid: number | bigint
  }
  get(...values: readonly SqliteValue[]): unknown
  all(...values: readonly SqliteValue[]): readonly unknown[]
}
export type SqliteValue = string | number | null | Uint8Array

/** A database, and what opened it. */
export interface Opened {
  readonly database: SqliteDatabase
  readonly binding: 'node:sqlite' | 'libsql'
}

/** A connection that holds the file of a store. */
export interface Connection {
  readonly database: SqliteDatabase
  /** What the file is called in it: new tables and pragmas name it. */
  readonly schema: 'main' | 'stored'
  /**
   * Whether a statement that meets a lock is over. Otherwise it stays open: while it does, nothing of this connection is
   * committed.
   */
  readonly endsAtLock: boolean
  /** Takes hold of the file. */
  attach(): void
  /** Runs a statement that writes. @returns how many rows it changed */
  run(statement: SqliteStatement, values: readonly SqliteValue[]): number
  /** Lets go of the file. */
  close(): void
}

interface NodeSqlite {
  readonly DatabaseSync: new (file: string) => SqliteDatabase
}
type Libsql = new (file: string) => SqliteDatabase

const require = createRequire(import.meta.url)

/**
 * Opens a file with `node:sqlite` where this Node has it, else with `libsql`.
 * @throws {TypeError} when there is neither
 */
export function openDatabase(file: string): Opened {
  const node = nodeSqlite()
  if (node !== undefined) return { database: new node.DatabaseSync(file), binding: 'node:sqlite' }
  return { database: new (libsql())(file), binding: 'libsql' }
}

/**
 * Opens the file of a store, as {@link openDatabase} does.
 *
 * A statement of libsql has no end but garbage, and its file is open until then. So the file is attached to a database in
 * memory: detached, it is closed, whatever is still held of the connection.
 * @throws {TypeError} when there is neither binding
 */
export function connect(file: string): Connection {
  const inMemory = file === ':memory:'
  const { database, binding } = openDatabase(nodeSqlite() === undefined ? ':memory:' : file)
  const run = (statement: SqliteStatement, values: readonly SqliteValue[]): number =>
    Number((binding === 'libsql' ? statement.run(values) : statement.run(...values)).changes)
  if (binding === 'node:sqlite' || inMemory)
    return {
      database,
      schema: 'main',
      endsAtLock: binding === 'node:sqlite',
      attach() {},
      run,
      close: () => database.close(),
    }
  let attached = false
  return {
    database,
    schema: 'stored',
    endsAtLock: false,
    attach() {
      if (!attached) database.exec(`attach '${file.replaceAll("'", "''")}' as stored`)
      attached = true
    },
    run,
    close() {
      try {
        if (attached) database.exec('detach stored')
      } catch {
        // Someone else still reads through the connection.
      }
      database.close()
    },
  }
}

function nodeSqlite(): NodeSqlite | undefined {
  const { getBuiltinModule } = process as { readonly getBuiltinModule?: (id: string) => unknown }
  return getBuiltinModule?.('node:sqlite') as NodeSqlite | undefined
}

function libsql(): Libsql {
  try {
    return require('libsql') as Libsql
  } catch (cause) {
    throw new TypeError('This Node has no SQLite of its own (22.13 and later have). Install one: npm install libsql', {
      cause,
    })
  }
}
