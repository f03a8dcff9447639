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
import { conflict, held, ofAnotherTree, takenOver } from '../../persistence/faults.js'
import type {
  AppSummary,
  BelowCount,
  BelowPage,
  DuePage,
  OpenQuestion,
  RunCounts,
  RunPage,
  RunQuery,
  StoredBelow,
  StoredRun,
  WaitPage,
} from '../../persistence/summary.js'
import { assertNames, assertText } from '../../persistence/text.js'
import { isTaken } from './binding-errors.js'
import type { SqliteDatabase } from './open-database.js'
import { partOf as storedPart } from './run-questions.js'
import { Session } from './session.js'
import type { Statements } from './statements.js'
import {
  type StoredOwner,
  type StoredPost,
  type StoredRoot,
  type StoredRow,
  textOf,
  toFacts,
  toPosted,
  toRow,
} from './stored-rows.js'
import { Summaries } from './summaries.js'

// Owns: the rows, the claims and the messages of one file.
// Does not own: its connection and its transactions (session.ts), its summaries (summaries.ts).
// Q2  The statement that inserts a row also tests the claim, so that no claim can come between.

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
  readonly #session: Session
  readonly #summaries: Summaries
  readonly #now: () => number

  /** @param now the clock of the store, epoch milliseconds */
  constructor(
    { file, durability = 'normal', prefix = 'teasel', busyMs = 5000 }: SqliteOptions,
    now: () => number = Date.now,
  ) {
    this.#session = new Session({ file, durability, prefix, busyMs })
    this.#summaries = new Summaries(this.#session, prefix, now)
    this.#now = now
    this.name = this.#session.name
    this.database = this.#session.database
    this.schema = this.#session.schema
  }

  get #sql(): Statements {
    return this.#session.sql
  }

  claim({ partitionKey, rootId }: RootKey, writer: string, options: ClaimOptions = {}): Awaitable<Claim> {
    const part = partOf(partitionKey, [rootId])
    const { fence = -1, leaseMs = 0, free = false, worker = null } = options
    return this.#session.together('open an application', () => {
      this.#isOf(part, rootId, rootId, writer)
      const before = this.#ownerOf(part, rootId)
      if (before !== undefined && fence !== -1 && fence < before.fence) throw takenOver(rootId, writer, before.writer)
      if (free && before !== undefined && before.writer !== writer && before.lease > this.#now())
        throw held(rootId, writer, before.writer, before.lease, before.worker)
      const lease = this.#until(leaseMs)
      this.#session.run(this.#sql.claim(), [part, rootId, writer, fence, lease, worker])
      if (before !== undefined) this.#summaries.leased(part, rootId, lease)
      return { incarnation: (before?.count ?? -1) + 1, before: before?.writer }
    })
  }

  beat({ partitionKey, rootId }: RootKey, writer: string, leaseMs: number, data: string | null): Awaitable<number> {
    const part = partOf(partitionKey, [rootId])
    return this.#session.together('renew a lease', () => {
      const lease = this.#until(leaseMs)
      const at = data === null ? null : this.#now()
      if (this.#session.run(this.#sql.beat(), [lease, data, at, part, rootId, writer]) === 0)
        throw takenOver(rootId, writer, this.#ownerOf(part, rootId)?.writer)
      this.#summaries.leased(part, rootId, lease)
      return lease
    })
  }

  /** The end of a lease; 0 without one. */
  #until(leaseMs: number): number {
    return leaseMs === 0 ? 0 : this.#now() + leaseMs
  }

  save(group: Group): Awaitable<void> {
    const { rows, taken = [], summaries = [], leaseMs } = group
    assertNames(group.partitionKey, [group.rootId])
    for (const { appId, label } of rows) {
      assertText('An appId', appId)
      assertText('The name of an action', label)
    }
    for (const { appId } of summaries) assertText('An appId', appId)
    const [only] = rows
    const lone = rows.length === 1 && taken.length === 0 && summaries.length === 0 && leaseMs === undefined
    if (lone && only !== undefined && only.index > 0)
      return this.#session.alone('save', () => this.#insert(group, only, false))
    return this.#session.together('save', () => {
      for (const id of taken) this.#sql.take().run(id)
      const begun = new Set<string>()
      if (rows.length === 0 || summaries.length > 0 || leaseMs !== undefined) this.#describe(group, begun)
      for (const row of rows) this.#insert(group, row, row.index === 0 && !begun.has(row.appId))
    })
  }

  /** Stores the lease and the summaries of a group. @param begun receives the applications that are stored by it */
  #describe({ partitionKey, rootId, writer, rows, summaries = [], leaseMs }: Group, begun: Set<string>): void {
    const part = partOf(partitionKey)
    const owner = this.#ownerOf(part, rootId)
    if (owner?.writer !== writer) throw takenOver(rootId, writer, owner?.writer)
    const lease = leaseMs === undefined ? owner.lease : this.#until(leaseMs)
    if (leaseMs !== undefined) {
      this.#session.run(this.#sql.renewLease(), [lease, part, rootId])
      this.#summaries.leased(part, rootId, lease)
    }
    const births = new Map<string, number>()
    if (summaries.length > 0) for (const { appId, index, order } of rows) if (index === 0) births.set(appId, order)
    for (const summary of summaries) {
      const born = births.get(summary.appId)
      this.#summaries.put(summary, { part, rootId, writer, born, lease })
      if (born !== undefined) begun.add(summary.appId)
    }
    if (
      summaries.some(({ appId, status, waits = [] }) => waits.length > 0 || (appId === rootId && status === 'waiting'))
    )
      this.#summaries.wake(part, rootId)
  }

  /** @param first whether it begins its application */
  #insert({ partitionKey, rootId, writer }: Group, row: Row, first: boolean): void {
    const { appId, index, order } = row
    const part = partOf(partitionKey)
    if (first) this.#summaries.begin(part, rootId, appId, order)
    if (this.#isPut(part, rootId, writer, row)) return
    const owner = this.#ownerOf(part, rootId)?.writer
    if (owner !== writer) throw takenOver(rootId, writer, owner)
    if (this.#isOf(part, appId, rootId, writer)) throw conflict(appId, index, writer)
    this.#summaries.begin(part, rootId, appId, order) // its earlier rows may still wait for a lock
    if (!this.#isPut(part, rootId, writer, row)) throw conflict(appId, index, writer)
  }

  /** False if its index is taken, another runner has the claim, or its application is not stored in this tree. */
  #isPut(part: string, rootId: string, writer: string, row: Row): boolean {
    const { appId, index, kind, epoch, sequenceId, label, order, data } = row
    const { renew, insert } = this.#sql
    try {
      return row.over
        ? this.#session.run(renew(), [epoch, sequenceId, label, order, data, index, part, appId, rootId, writer]) > 0
        : this.#session.run(insert(), [
            index,
            kind,
            epoch,
            sequenceId,
            label,
            order,
            data,
            part,
            appId,
            rootId,
            writer,
          ]) > 0
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

  #ownerOf(part: string, rootId: string): Owner | undefined {
    const owner = this.#sql.owner().get(part, rootId) as StoredOwner | undefined
    if (owner === undefined) return undefined
    const worker = owner.worker === null ? undefined : textOf(owner.worker)
    return { ...owner, writer: textOf(owner.writer), worker }
  }

  load(
    partitionKey: string | null,
    appIds: readonly string[],
    until?: Until,
  ): Awaitable<readonly (Tail | undefined)[]> {
    const part = partOf(partitionKey, appIds)
    return this.#session.guard('load', () => appIds.map((appId) => this.#tail(part, appId, until)))
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
    return this.#session.guard('read a history', () => {
      const rows = this.#sql.history().all(part, appId) as readonly Omit<StoredRow, 'data'>[]
      return rows.map((row) => toFacts(row))
    })
  }

  rows(partitionKey: string | null, appId: string, { from, limit }: RowPage): Awaitable<readonly Row[]> {
    const part = partOf(partitionKey, [appId])
    return this.#session.guard('read rows', () =>
      (this.#sql.page().all(part, appId, from, limit) as readonly StoredRow[]).map(toRow),
    )
  }

  list(page: RunPage): Awaitable<readonly StoredRun[]> {
    partOf(page.partitionKey ?? null, page.after === undefined ? [] : [page.after.rootId])
    return this.#session.guard('list', () => this.#summaries.list(page))
  }

  find({ partitionKey, rootId }: RootKey): Awaitable<StoredRun | undefined> {
    const part = partOf(partitionKey, [rootId])
    return this.#session.guard('find an application', () => this.#summaries.find(part, rootId))
  }

  count(query: RunQuery, upTo: number): Awaitable<RunCounts> {
    partOf(query.partitionKey ?? null)
    return this.#session.guard('count', () => this.#summaries.count(query, upTo))
  }

  below(page: BelowPage): Awaitable<readonly StoredBelow[]> {
    partOf(page.partitionKey, [page.parentId])
    return this.#session.guard('list below an application', () => this.#summaries.below(page))
  }

  countBelow(partitionKey: string | null, parentId: string): Awaitable<readonly BelowCount[]> {
    const part = partOf(partitionKey, [parentId])
    return this.#session.guard('count below an application', () => this.#summaries.countBelow(part, parentId))
  }

  summaries(
    partitionKey: string | null,
    appIds: readonly string[],
  ): Awaitable<readonly (Omit<AppSummary, 'waits' | 'taken' | 'wake'> | undefined)[]> {
    const part = partOf(partitionKey, appIds)
    return this.#session.guard('read summaries', () => this.#summaries.summaries(part, appIds))
  }

  waits(page: WaitPage): Awaitable<readonly OpenQuestion[]> {
    partOf(page.partitionKey ?? null)
    return this.#session.guard('list open questions', () => this.#summaries.waits(page))
  }

  due(page: DuePage): Awaitable<readonly StoredRun[]> {
    partOf(page.partitionKey ?? null)
    return this.#session.guard('list what is due', () => this.#summaries.due(page))
  }

  delete({ partitionKey, rootId }: RootKey): Awaitable<boolean> {
    const part = partOf(partitionKey, [rootId])
    return this.#session.together('delete', () => {
      this.#summaries.forget(part, rootId)
      this.#sql.forgetInbox().run(part, rootId)
      this.#sql.forgetRows().run(part, rootId)
      this.#sql.forgetApps().run(part, rootId)
      return Number(this.#sql.forgetOwner().run(part, rootId).changes) > 0
    })
  }

  post({ partitionKey, rootId }: RootKey, appId: string, data: string, kind?: string): Awaitable<number> {
    const part = partOf(partitionKey, [rootId, appId])
    const put = (): number => Number(this.#sql.post().run(part, appId, rootId, data, kind ?? null).lastInsertRowid)
    if (kind === undefined) return this.#session.alone('store a message', put)
    return this.#session.together('store a message', () => {
      const id = put()
      this.#summaries.posted(part, rootId, appId, kind)
      return id
    })
  }

  inbox({ partitionKey, rootId }: RootKey): Awaitable<readonly Addressed[]> {
    const part = partOf(partitionKey, [rootId])
    return this.#session.guard('look for messages', () =>
      (this.#sql.posted().all(part, rootId) as readonly (StoredPost & Pick<StoredRow, 'app'>)[]).map((post) => ({
        appId: textOf(post.app),
        ...toPosted(post),
      })),
    )
  }

  close(): void {
    this.#session.close()
  }
}

/** The claim of a tree. */
interface Owner extends Omit<StoredOwner, 'writer' | 'worker'> {
  readonly writer: string
  readonly worker: string | undefined
}

/**
 * The text of a partition in the tables.
 * @throws {TypeError} for names that are no well-formed text
 */
function partOf(partitionKey: string | null, appIds: readonly string[] = []): string {
  assertNames(partitionKey, appIds)
  return storedPart(partitionKey)
}
