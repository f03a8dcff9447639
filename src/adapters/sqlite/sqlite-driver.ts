import type {
  Addressed,
  Awaitable,
  Claim,
  ClaimOptions,
  Group,
  PersisterDriver,
  RootKey,
  Row,
  RowFacts,
  RowPage,
  Tail,
  Until,
} from '../../persistence/driver.js'
import { conflict, damaged, ofAnotherTree, takenOver, unavailable } from '../../persistence/faults.js'
import type { BelowPage, DuePage, RunPage, RunQuery, StoredRun, WaitPage } from '../../persistence/summary.js'
import { assertNames, assertText } from '../../persistence/text.js'
import { PersistenceError, SnapshotError } from '../../store-errors.js'
import { isDamage, isLock, isTaken } from './binding-errors.js'
import { afterLock, HELD_MS, isLocked } from './lock.js'
import { type Connection, connect, type SqliteDatabase } from './open-database.js'
import { migrate, namesOf, OLDEST, SCHEMA } from './schema.js'
import { type Statements, statementsOf } from './statements.js'
import {
  type StoredApplication,
  type StoredOwner,
  type StoredPost,
  type StoredRoot,
  type StoredRow,
  textOf,
  toFacts,
  toPosted,
  toRow,
} from './stored-rows.js'

// Owns: one connection to one file.
// Q1  A single row is one statement, and so one transaction; a group, and the first row of an application, is
//     `begin immediate` … `commit`. A single statement that meets a lock is ended before the next call, because libsql
//     leaves it open and then commits nothing.
// Q2  The statement that inserts a row also tests the claim, so that no claim can come between.
// Q3  A call that meets the lock of another process is retried, and the thread is free in between. Any other call is
//     synchronous.

/** Options of `sqlitePersister`. */
export interface SqliteOptions {
  /** Path of the file. `:memory:` is a new database in memory. */
  readonly file: string
  /**
   * `normal` (default): a crash of the process loses nothing; a crash of the machine may lose the last commits, and
   * never a part of one. `full`: a crash of the machine loses nothing either; a step costs about five times as much.
   */
  readonly durability?: 'normal' | 'full'
  /** Prefix of the names of its tables. Default `teasel`. */
  readonly prefix?: string
  /**
   * Maximum wait for another process that writes, in milliseconds. Default 5 000. A lock holds the thread for at most
   * 10 ms at a time.
   */
  readonly busyMs?: number
}

export class SqliteDriver implements PersisterDriver {
  readonly name: string
  /** The connection, for your own pragmas. */
  readonly database: SqliteDatabase
  /** The schema name of the file in it. */
  readonly schema: string
  readonly #settings: Required<Omit<SqliteOptions, 'file'>>
  #statements: Statements | undefined
  readonly #connection: Connection
  #closed = false

  constructor({ file, durability = 'normal', prefix = 'teasel', busyMs = 5000 }: SqliteOptions) {
    this.name = `sqlite ${file}`
    this.#settings = { durability, prefix, busyMs }
    this.#connection = this.#withStoreErrors('open its file', () => connect(file))
    this.database = this.#connection.database
    this.schema = this.#connection.schema
    try {
      this.#withStoreErrors('prepare its file', () => this.#sql)
    } catch (error) {
      if (isLocked(error)) return // the first call prepares it
      this.#connection.close()
      throw error
    }
  }

  /** The statements. Prepares the file on first use. */
  get #sql(): Statements {
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

  claim({ partitionKey, rootId }: RootKey, writer: string, { fence = -1 }: ClaimOptions = {}): Awaitable<Claim> {
    const part = partOf(partitionKey, [rootId])
    return this.#together('open an application', () => {
      this.#isOf(part, rootId, rootId, writer)
      const before = this.#sql.owner().get(part, rootId) as StoredOwner | undefined
      if (this.#connection.run(this.#sql.claim(), [part, rootId, writer, fence]) === 0)
        throw takenOver(rootId, writer, before === undefined ? undefined : textOf(before.writer))
      if (before === undefined) return { incarnation: 0, before: undefined }
      return { incarnation: before.count + 1, before: textOf(before.writer) }
    })
  }

  save(group: Group): Awaitable<void> {
    const { rows, taken = [] } = group
    assertNames(group.partitionKey, [group.rootId])
    for (const { appId, label } of rows) {
      assertText('An appId', appId)
      assertText('The name of an action', label)
    }
    const [only] = rows
    if (rows.length === 1 && taken.length === 0 && only !== undefined && only.index > 0)
      return this.#alone('save', () => this.#insert(group, only))
    return this.#together('save', () => {
      for (const row of rows) this.#insert(group, row)
      for (const id of taken) this.#sql.take().run(id)
    })
  }

  #insert({ partitionKey, rootId, writer }: Group, row: Row): void {
    const { appId, index, order } = row
    const part = partOf(partitionKey)
    const begin = (): unknown => this.#sql.begin().run(part, appId, rootId, order)
    if (index === 0) begin()
    if (this.#isPut(part, rootId, writer, row)) return
    const owner = this.#ownerOf(part, rootId)
    if (owner !== writer) throw takenOver(rootId, writer, owner)
    if (this.#isOf(part, appId, rootId, writer)) throw conflict(appId, index, writer)
    begin() // its earlier rows may still wait for a lock
    if (!this.#isPut(part, rootId, writer, row)) throw conflict(appId, index, writer)
  }

  /** False if its index is taken, another runner has the claim, or its application is not stored in this tree. */
  #isPut(part: string, rootId: string, writer: string, row: Row): boolean {
    const { appId, index, kind, epoch, sequenceId, label, order, data } = row
    const [{ run }, { renew, insert }] = [this.#connection, this.#sql]
    try {
      return row.over
        ? run(renew(), [epoch, sequenceId, label, order, data, index, part, appId, rootId, writer]) > 0
        : run(insert(), [index, kind, epoch, sequenceId, label, order, data, part, appId, rootId, writer]) > 0
    } catch (error) {
      if (isTaken(error)) return false
      throw error
    }
  }

  /**
   * Whether an application is stored in a tree.
   * @throws {PersistenceError} `conflict` when it is in another tree
   */
  #isOf(part: string, appId: string, rootId: string, writer: string): boolean {
    const found = this.#sql.rootOf().get(part, appId) as StoredRoot | undefined
    const root = found && textOf(found.root)
    if (root !== undefined && root !== rootId) throw ofAnotherTree(appId, writer, root)
    return root !== undefined
  }

  #ownerOf(part: string, rootId: string): string | undefined {
    const owner = this.#sql.owner().get(part, rootId) as StoredOwner | undefined
    return owner && textOf(owner.writer)
  }

  load(
    partitionKey: string | null,
    appIds: readonly string[],
    until?: Until,
  ): Awaitable<readonly (Tail | undefined)[]> {
    const part = partOf(partitionKey, appIds)
    return this.#guard('load', () => appIds.map((appId) => this.#tail(part, appId, until)))
  }

  #tail(part: string, appId: string, until: Until | undefined): Tail | undefined {
    const inbox = (this.#sql.inbox().all(part, appId) as readonly StoredPost[]).map(toPosted)
    if (until === undefined) {
      const rows = (this.#sql.tail().all(part, appId) as readonly StoredRow[]).map(toRow)
      return rows.length === 0 && inbox.length === 0 ? undefined : { rows, inbox }
    }
    const { sequenceId, epoch = null } = until
    const found = this.#sql.step().get(part, appId, sequenceId, epoch, epoch) as { readonly idx: number } | undefined
    if (found === undefined) return { rows: [], inbox }
    const rows = (this.#sql.part().all(part, appId, found.idx, found.idx) as readonly StoredRow[]).map(toRow)
    return { rows, inbox }
  }

  history(partitionKey: string | null, appId: string): Awaitable<readonly RowFacts[]> {
    const part = partOf(partitionKey, [appId])
    return this.#guard('read a history', () => {
      const rows = this.#sql.history().all(part, appId) as readonly Omit<StoredRow, 'data'>[]
      return rows.map((row) => toFacts(row))
    })
  }

  list({ partitionKey = null, limit, after }: RunPage): Awaitable<readonly StoredRun[]> {
    const part = partOf(partitionKey, after === undefined ? [] : [after.rootId])
    return this.#guard('list', () => {
      const rows =
        after === undefined
          ? this.#sql.newest().all(part, limit)
          : this.#sql.older().all(part, part, after.rootId, after.born, limit)
      return (rows as readonly StoredApplication[]).map(({ app, born }) => bare(partitionKey, textOf(app), born))
    })
  }

  beat(_root: RootKey, _writer: string, _leaseMs: number, _data: string | null): never {
    throw new TypeError('beat is not there yet.')
  }
  rows(_partitionKey: string | null, _appId: string, _page: RowPage): never {
    throw new TypeError('rows is not there yet.')
  }
  find(_root: RootKey): StoredRun | undefined {
    return undefined
  }
  count(_query: RunQuery, _upTo: number): never {
    throw new TypeError('count is not there yet.')
  }
  below(_page: BelowPage): never {
    throw new TypeError('below is not there yet.')
  }
  countBelow(_partitionKey: string | null, _parentId: string): never {
    throw new TypeError('countBelow is not there yet.')
  }
  summaries(_partitionKey: string | null, _appIds: readonly string[]): never {
    throw new TypeError('summaries is not there yet.')
  }
  waits(_page: WaitPage): never {
    throw new TypeError('waits is not there yet.')
  }
  due(_page: DuePage): never {
    throw new TypeError('due is not there yet.')
  }

  delete({ partitionKey, rootId }: RootKey): Awaitable<boolean> {
    const part = partOf(partitionKey, [rootId])
    return this.#together('delete', () => {
      this.#sql.forgetInbox().run(part, rootId)
      this.#sql.forgetRows().run(part, rootId)
      this.#sql.forgetApps().run(part, rootId)
      return Number(this.#sql.forgetOwner().run(part, rootId).changes) > 0
    })
  }

  post({ partitionKey, rootId }: RootKey, appId: string, data: string): Awaitable<number> {
    const part = partOf(partitionKey, [rootId, appId])
    return this.#alone('store a message', () => Number(this.#sql.post().run(part, appId, rootId, data).lastInsertRowid))
  }

  inbox({ partitionKey, rootId }: RootKey): Awaitable<readonly Addressed[]> {
    const part = partOf(partitionKey, [rootId])
    return this.#guard('look for messages', () =>
      (this.#sql.posted().all(part, rootId) as readonly (StoredPost & Pick<StoredRow, 'app'>)[]).map((post) => ({
        appId: textOf(post.app),
        ...toPosted(post),
      })),
    )
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    // Moves the log into the file, so that the file is complete even if another connection keeps the log.
    this.database.exec('pragma busy_timeout = 0')
    this.#statements = undefined
    try {
      this.database.prepare(`pragma ${this.schema}.wal_checkpoint(passive)`).all()
    } catch {
      // The log stays, and is complete.
    }
    this.#connection.close()
  }

  /** Runs one statement that writes (Q1). */
  #alone<T>(action: string, work: () => T): Awaitable<T> {
    if (this.#connection.endsAtLock) return this.#guard(action, work)
    return this.#guard(action, () => {
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
  #together<T>(action: string, work: () => T): Awaitable<T> {
    return this.#guard(action, () => {
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
  #guard<T>(action: string, work: () => T): Awaitable<T> {
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
}

/**
 * SQL counts two nulls as different, so the null partition has a text of its own.
 * @throws {TypeError} for names that are no well-formed text
 */
function partOf(partitionKey: string | null, appIds: readonly string[] = []): string {
  assertNames(partitionKey, appIds)
  return partitionKey === null ? '' : `=${partitionKey}`
}

const another = (name: string, version: number): SnapshotError =>
  new SnapshotError(
    version > SCHEMA
      ? `The tables of ${name} have version ${version}, but this version of Teasel reads up to ${SCHEMA}. Use the newer version. Nothing was changed.`
      : `The tables of ${name} have version ${version}, but this version of Teasel reads ${OLDEST} and newer. Use the version that wrote them, or another file. Nothing was changed.`,
    version,
  )

const bare = (partitionKey: string | null, rootId: string, born: number): StoredRun => ({
  partitionKey,
  rootId,
  born,
  summary: undefined,
  wakeAt: null,
  expired: false,
  last: undefined,
  claim: undefined,
})
