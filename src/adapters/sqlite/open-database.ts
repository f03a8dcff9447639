import { createRequire } from 'node:module'

/** The part of a SQLite binding that the adapter uses: `node:sqlite`, `libsql` and `better-sqlite3` all have it. */
export interface SqliteDatabase {
  exec(sql: string): unknown
  prepare(sql: string): SqliteStatement
  close(): unknown
}
export interface SqliteStatement {
  /** `libsql` also takes one list of values, which is faster. */
  run(...values: readonly SqliteValue[] | readonly [readonly SqliteValue[]]): {
    readonly changes: number | bigint
    readonly lastInsertRowid: number | bigint
  }
  get(...values: readonly SqliteValue[]): unknown
  all(...values: readonly SqliteValue[]): readonly unknown[]
}
export type SqliteValue = string | number | null | Uint8Array

/** A database, and the binding that opened it. */
export interface Opened {
  readonly database: SqliteDatabase
  readonly binding: 'node:sqlite' | 'libsql'
}

/** A connection to the file of a store. */
export interface Connection {
  readonly database: SqliteDatabase
  /** The schema name of the file, for new tables and pragmas. */
  readonly schema: 'main' | 'stored'
  /**
   * Whether a statement that meets a lock ends. Otherwise it stays open, and the connection commits nothing until it
   * ends.
   */
  readonly endsAtLock: boolean
  /** Opens the file. */
  attach(): void
  /** Runs a statement that writes. @returns the number of changed rows */
  run(statement: SqliteStatement, values: readonly SqliteValue[]): number
  /** Closes the file. */
  close(): void
}

interface NodeSqlite {
  readonly DatabaseSync: new (file: string) => SqliteDatabase
}
type Libsql = new (file: string) => SqliteDatabase

/**
 * Opens a file with `node:sqlite` if this Node has it, otherwise with `libsql`.
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
 * A statement of libsql ends only when it is garbage-collected, and its file stays open until then. So the file is
 * attached to a database in memory: detaching closes it at once.
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
        // A statement still reads through the connection.
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
  const here: string | undefined = import.meta.url // undefined in a bundle in CommonJS
  const require = createRequire(here ?? `${process.cwd()}/`)
  try {
    return require('libsql') as Libsql
  } catch (cause) {
    throw new TypeError(
      'This version of Node has no built-in SQLite; 22.13 and later have one. Install one: npm install libsql',
      {
        cause,
      },
    )
  }
}
