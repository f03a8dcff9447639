import { createRequire } from 'node:module'

/** As much of a SQLite binding as is used: `node:sqlite`, `libsql` and `better-sqlite3` all have it. */
export interface SqliteDatabase {
  exec(sql: string): unknown
  prepare(sql: string): SqliteStatement
  close(): unknown
}
export interface SqliteStatement {
  run(...values: readonly SqliteValue[]): {
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
  /** Lets go of the file. No statement of it may be held any more. */
  readonly letGo: () => Promise<void>
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
  const { getBuiltinModule } = process as { readonly getBuiltinModule?: (id: string) => unknown }
  const node = getBuiltinModule?.('node:sqlite') as NodeSqlite | undefined
  if (node !== undefined)
    return { database: new node.DatabaseSync(file), binding: 'node:sqlite', letGo: () => Promise.resolve() }
  const letGo = file === ':memory:' ? () => Promise.resolve() : collect
  return { database: new (libsql())(file), binding: 'libsql', letGo }
}

let collectNow: (() => void) | undefined

/** libsql closes a file when the last statement of it is garbage, and has no other way to end one. */
async function collect(): Promise<void> {
  await new Promise<void>((resolve) => void setImmediate(resolve))
  try {
    collectNow ??= collector()
    collectNow()
  } catch {
    // Another engine: the file is closed when it collects by itself.
  }
  await new Promise<void>((resolve) => void setImmediate(resolve))
}

function collector(): () => void {
  const v8 = require('node:v8') as { setFlagsFromString(flags: string): void }
  const vm = require('node:vm') as { runInNewContext(code: string): unknown }
  v8.setFlagsFromString('--expose-gc')
  return vm.runInNewContext('gc') as () => void
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
