import type {
  Addressed,
  Awaitable,
  Claim,
  Group,
  Listed,
  ListOptions,
  PersisterDriver,
  Posted,
  RootKey,
  Row,
  RowFacts,
  Tail,
  Until,
} from '../../persistence/driver.js'
import { PersistenceError, SnapshotError } from '../../persistence/errors.js'
import { conflict, takenOver, unavailable } from '../../persistence/faults.js'
import { millisecondsOf } from '../../persistence/order.js'
import { afterLock, HELD_MS, isLocked } from './lock.js'
import { openDatabase, type SqliteDatabase } from './open-database.js'
import { migrate, namesOf, SCHEMA } from './schema.js'
import { prepareAll, type Statements } from './statements.js'

// Owns: one connection to one file.
// Q1  A lone row is one statement, and so one transaction; a group is `begin immediate` … `commit`. With libsql a lone
//     row is, too: a statement of it that found a lock stays open, and what others commit meanwhile would be lost.
// Q2  The claim is tested by the statement that inserts.
// Q3  While another process holds the lock, what is asked is tried again later: the thread is free in between. What
//     finds no lock is answered at once.

/** What `sqlitePersister` takes. */
export interface SqliteOptions {
  /** The path of the file. `:memory:` is a database of its own. */
  readonly file: string
  /**
   * `normal` (default): a crash of the process loses nothing; a crash of the machine may lose the last commits, and
   * never tears one. `full`: that neither, at about five times the cost of a step.
   */
  readonly durability?: 'normal' | 'full'
  /** What the names of its tables begin with. Default `teasel`. */
  readonly prefix?: string
  /**
   * How long to wait for another process that writes, in milliseconds. Default 5 000. The process goes on meanwhile: a
   * lock holds its thread for 10 ms at most.
   */
  readonly busyMs?: number
}

export class SqliteDriver implements PersisterDriver {
  readonly name: string
  /** The connection, for pragmas of your own. */
  readonly database: SqliteDatabase
  readonly #settings: Required<Omit<SqliteOptions, 'file'>>
  #prepared: Statements | undefined
  /** Whether one statement can be a transaction (Q1). */
  readonly #lone: boolean
  #closed = false

  constructor({ file, durability = 'normal', prefix = 'teasel', busyMs = 5000 }: SqliteOptions) {
    this.name = `sqlite ${file}`
    this.#settings = { durability, prefix, busyMs }
    const { database, binding } = this.#told('open its file', () => openDatabase(file))
    this.database = database
    this.#lone = binding === 'node:sqlite'
    try {
      this.#told('prepare its file', () => this.#sql)
    } catch (error) {
      if (isLocked(error)) return // the first who asks prepares it
      this.database.close()
      throw error
    }
  }

  /** The statements, once the file is prepared for them. */
  get #sql(): Statements {
    this.#prepared ??= this.#prepare()
    return this.#prepared
  }

  #prepare(): Statements {
    const { durability, prefix, busyMs } = this.#settings
    this.database.exec(`pragma busy_timeout = ${Math.trunc(Math.min(busyMs, HELD_MS))}`)
    this.database.prepare('pragma journal_mode = wal').get()
    this.database.exec(`pragma synchronous = ${durability === 'full' ? 'full' : 'normal'}`)
    const version = migrate(this.database, prefix)
    if (version > SCHEMA) throw newer(this.name, version)
    return prepareAll(this.database, namesOf(prefix))
  }

  claim({ partitionKey, rootId }: RootKey, writer: string): Awaitable<Claim> {
    const part = partOf(partitionKey)
    return this.#together('open an application', () => {
      const before = this.#sql.owner.get(part, rootId) as
        | { readonly writer: string; readonly count: number }
        | undefined
      this.#sql.claim.run(part, rootId, writer)
      return { incarnation: before === undefined ? 0 : before.count + 1, before: before?.writer }
    })
  }

  save(group: Group): Awaitable<void> {
    const { rows, taken = [] } = group
    const [only] = rows
    if (rows.length === 1 && taken.length === 0 && only !== undefined)
      return this.#alone('save', () => this.#insert(group, only))
    return this.#together('save', () => {
      for (const row of rows) this.#insert(group, row)
      for (const id of taken) this.#sql.take.run(id)
    })
  }

  #insert({ partitionKey, rootId, writer }: Group, row: Row): void {
    const { appId, index, kind, epoch, sequenceId, label, order, data } = row
    const part = partOf(partitionKey)
    let changes: number | bigint
    try {
      const values = [part, appId, index, rootId, kind, epoch, sequenceId, label, order, data] as const
      changes = this.#sql.insert.run(...values, part, rootId, writer).changes
    } catch (error) {
      if (!isTaken(error)) throw error
      throw this.#ownerOf(part, rootId) === writer ? conflict(appId, index, writer) : this.#lost(part, rootId, writer)
    }
    if (Number(changes) === 0) throw this.#lost(part, rootId, writer)
  }

  #lost(part: string, rootId: string, writer: string): PersistenceError {
    return takenOver(rootId, writer, this.#ownerOf(part, rootId))
  }

  #ownerOf(part: string, rootId: string): string | undefined {
    return (this.#sql.owner.get(part, rootId) as { readonly writer: string } | undefined)?.writer
  }

  load(
    partitionKey: string | null,
    appIds: readonly string[],
    until?: Until,
  ): Awaitable<readonly (Tail | undefined)[]> {
    const part = partOf(partitionKey)
    return this.#guard('load', () => appIds.map((appId) => this.#tail(part, appId, until)))
  }

  #tail(part: string, appId: string, until: Until | undefined): Tail | undefined {
    const inbox = this.#sql.inbox.all(part, appId) as readonly Posted[]
    if (until === undefined) {
      const rows = (this.#sql.tail.all(part, appId, part, appId) as readonly StoredRow[]).map(toRow)
      return rows.length === 0 && inbox.length === 0 ? undefined : { rows, inbox }
    }
    const { sequenceId, epoch = null } = until
    const found = this.#sql.step.get(part, appId, sequenceId, epoch, epoch) as { readonly idx: number } | undefined
    if (found === undefined) return { rows: [], inbox }
    const rows = (this.#sql.part.all(part, appId, found.idx, part, appId, found.idx) as readonly StoredRow[]).map(toRow)
    return { rows, inbox }
  }

  history(partitionKey: string | null, appId: string): Awaitable<readonly RowFacts[]> {
    return this.#guard('read a history', () => {
      const rows = this.#sql.history.all(partOf(partitionKey), appId) as readonly Omit<StoredRow, 'data'>[]
      return rows.map((row) => toFacts(row))
    })
  }

  list({ partitionKey = null, limit = 100, after }: ListOptions): Awaitable<readonly Listed[]> {
    const part = partOf(partitionKey)
    return this.#guard('list', () => {
      const rows =
        after === undefined ? this.#sql.newest.all(part, limit) : this.#sql.older.all(part, part, after.appId, limit)
      return (rows as readonly { readonly app: string; readonly ord: number }[]).map(({ app, ord }) => ({
        appId: app,
        createdAt: millisecondsOf(ord),
      }))
    })
  }

  delete({ partitionKey, rootId }: RootKey): Awaitable<boolean> {
    const part = partOf(partitionKey)
    return this.#together('delete', () => {
      this.#sql.forgetInbox.run(part, rootId)
      this.#sql.forgetRows.run(part, part, rootId)
      return Number(this.#sql.forgetOwner.run(part, rootId).changes) > 0
    })
  }

  post({ partitionKey, rootId }: RootKey, appId: string, data: string): Awaitable<number> {
    return this.#alone('store a message', () =>
      Number(this.#sql.post.run(partOf(partitionKey), appId, rootId, data).lastInsertRowid),
    )
  }

  inbox({ partitionKey, rootId }: RootKey): Awaitable<readonly Addressed[]> {
    return this.#guard('look for messages', () => this.#sql.posted.all(partOf(partitionKey), rootId) as Addressed[])
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.database.close()
  }

  #alone<T>(what: string, work: () => T): Awaitable<T> {
    return this.#lone ? this.#guard(what, work) : this.#together(what, work)
  }

  /** All of it, or nothing. */
  #together<T>(what: string, work: () => T): Awaitable<T> {
    return this.#guard(what, () => {
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
      // SQLite has rolled back by itself: disk full, for one.
    }
  }

  /** Answers at once, or later where another process holds the lock (Q3). */
  #guard<T>(what: string, work: () => T): Awaitable<T> {
    return afterLock(this.#settings.busyMs, () =>
      this.#told(what, () => {
        this.#prepared ??= this.#prepare() // before a transaction begins
        return work()
      }),
    )
  }

  #told<T>(what: string, work: () => T): T {
    if (this.#closed) throw unavailable(this.name, what, new TypeError('it was closed.'))
    try {
      return work()
    } catch (error) {
      if (error instanceof PersistenceError || error instanceof SnapshotError) throw error
      throw unavailable(this.name, what, error)
    }
  }
}

interface StoredRow {
  readonly app: string
  readonly idx: number
  readonly kind: Row['kind']
  readonly epoch: number
  readonly seq: number
  readonly label: string
  readonly ord: number
  readonly data: string
}

const toFacts = ({ app, idx, kind, epoch, seq, label, ord }: Omit<StoredRow, 'data'>): RowFacts => ({
  appId: app,
  index: idx,
  kind,
  epoch,
  sequenceId: seq,
  label,
  order: ord,
})
const toRow = (row: StoredRow): Row => ({ ...toFacts(row), data: row.data })

/** SQL counts two nulls as different, so the null partition has a text of its own. */
const partOf = (partitionKey: string | null): string => (partitionKey === null ? '' : `=${partitionKey}`)

const isTaken = (error: unknown): boolean =>
  error instanceof Error && /UNIQUE constraint failed|PRIMARY KEY/i.test(error.message)

const newer = (name: string, version: number): SnapshotError =>
  new SnapshotError(
    `The tables of ${name} have version ${version}, and this Teasel knows ${SCHEMA}. Use the newer one; nothing was changed.`,
    version,
  )
