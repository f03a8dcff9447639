import type {
  Addressed,
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
import { InboxListener } from './inbox-listener.js'
import { isDamage, isLost, isTaken, isUnprepared, type PgPool, type PgRow } from './pool.js'
import { migrate, type Tables, tablesOf } from './schema.js'
import { type Statements, statementsOf } from './statements.js'

// Owns: the tables of one persister in PostgreSQL.
// P1  A save is one statement, and so one transaction and one round trip. It locks the claim: a concurrent claim waits,
//     and a save that waited for a claim sees it.
// P2  A statement that only reads is sent once more if its connection was lost: a pool may lend a connection that the
//     server has closed.
// P3  Statements are prepared, unless a pooler hands the connection to others: prepared statements are lost then.

/** Statements that change nothing. */
const READS: ReadonlySet<keyof Statements> = new Set([
  'owner',
  'rootOf',
  'load',
  'loadUntil',
  'history',
  'newest',
  'older',
  'inbox',
])

export interface PostgresSettings {
  readonly pool: PgPool
  /** Whether the driver ends the pool when it is closed. */
  readonly owned: boolean
  readonly schema: string
  readonly name: string
}

export class PostgresDriver implements PersisterDriver {
  readonly name: string
  readonly #settings: PostgresSettings
  readonly #tables: Tables
  readonly #sql: Statements
  readonly #listener: InboxListener
  #ready: Promise<void> | undefined
  #prepares = true
  #closed = false

  constructor(settings: PostgresSettings) {
    this.name = settings.name
    this.#settings = settings
    this.#tables = tablesOf(settings.schema)
    this.#sql = statementsOf(this.#tables)
    this.#listener = new InboxListener(settings.pool, `teasel ${this.#tables.inbox}`)
    settings.pool.on('error', () => {}) // an idle connection was lost; the pool opens another one
  }

  async claim(root: RootKey, writer: string, { fence = -1 }: ClaimOptions = {}): Promise<Claim> {
    const { rootId } = root
    const part = partOf(root.partitionKey, [rootId])
    const [row] = await this.#ask('open an application', 'claim', [part, rootId, writer, fence])
    const { count, before: found, other } = row ?? {}
    const before = typeof found === 'string' ? found : undefined
    if (typeof other === 'string') throw ofAnotherTree(rootId, writer, other)
    if (count === null) throw takenOver(rootId, writer, before)
    return { incarnation: Number(count), before }
  }

  async save({ partitionKey, rootId, writer, rows, taken = [] }: Group): Promise<void> {
    const part = partOf(partitionKey, [rootId])
    for (const { appId, label } of rows) {
      assertText('An appId', appId)
      assertText('The name of an action', label)
    }
    const { fresh, notes } = sorted(rows)
    const born = new Map<string, number>()
    for (const { appId, order } of rows) if (!born.has(appId)) born.set(appId, order)
    const values = [
      ...[part, rootId, writer, [...born.keys()], [...born.values()]],
      ...[column(fresh, 'appId'), column(fresh, 'index'), column(fresh, 'kind'), column(fresh, 'epoch')],
      ...[column(fresh, 'sequenceId'), column(fresh, 'label'), column(fresh, 'order')],
      ...[column(notes, 'appId'), column(notes, 'index'), column(notes, 'epoch'), column(notes, 'sequenceId')],
      ...[column(notes, 'label'), column(notes, 'order'), column(notes, 'data'), column(fresh, 'data'), taken],
    ]
    const first = rows[0] as Row
    const answer = await this.#ask('save', 'save', values).catch((error: unknown) => {
      const cause: unknown = PersistenceError.is(error) ? error.cause : error
      if (isTaken(cause)) return undefined
      throw error
    })
    if (answer?.[0]?.['saved'] === true) return
    await this.#refuse(part, rootId, writer, [...born.keys()])
    throw conflict(first.appId, first.index, writer)
  }

  /** @throws {PersistenceError} the reason why nothing was saved, unless a row is taken */
  async #refuse(part: string, rootId: string, writer: string, appIds: readonly string[]): Promise<void> {
    const [owner] = await this.#ask('save', 'owner', [part, rootId])
    const known = owner?.['writer']
    if (known !== writer) throw takenOver(rootId, writer, typeof known === 'string' ? known : undefined)
    const [other] = await this.#ask('save', 'rootOf', [part, appIds, rootId])
    if (other !== undefined) throw ofAnotherTree(String(other['app']), writer, String(other['root']))
  }

  async load(
    partitionKey: string | null,
    appIds: readonly string[],
    until?: Until,
  ): Promise<readonly (Tail | undefined)[]> {
    const part = partOf(partitionKey, appIds)
    const found =
      until === undefined
        ? await this.#ask('load', 'load', [part, appIds])
        : await this.#ask('load', 'loadUntil', [part, appIds, until.sequenceId, until.epoch ?? null])
    const tails = appIds.map(() => ({ rows: [] as Row[], inbox: [] as { id: number; data: string }[] }))
    for (const row of found) {
      const tail = tails[Number(row['n']) - 1]
      if (row['kind'] === 'post') tail?.inbox.push({ id: Number(row['ord']), data: String(row['data']) })
      else tail?.rows.push({ ...factsOf(row), data: String(row['data']) })
    }
    return tails.map((tail) => (until === undefined && tail.rows.length + tail.inbox.length === 0 ? undefined : tail))
  }

  async history(partitionKey: string | null, appId: string): Promise<readonly RowFacts[]> {
    const part = partOf(partitionKey, [appId])
    return (await this.#ask('read a history', 'history', [part, appId])).map(factsOf)
  }

  async list({ partitionKey = null, limit, after }: RunPage): Promise<readonly StoredRun[]> {
    const part = partOf(partitionKey, after === undefined ? [] : [after.rootId])
    const rows =
      after === undefined
        ? await this.#ask('list', 'newest', [part, limit])
        : await this.#ask('list', 'older', [part, limit, after.rootId, after.born])
    return rows.map((row) => bare(partitionKey, String(row['app']), Number(row['born'])))
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

  async delete({ partitionKey, rootId }: RootKey): Promise<boolean> {
    const part = partOf(partitionKey, [rootId])
    return (await this.#ask('delete', 'forget', [part, rootId])).length > 0
  }

  async post({ partitionKey, rootId }: RootKey, appId: string, data: string): Promise<number> {
    const part = partOf(partitionKey, [rootId, appId])
    const { channel } = this.#listener
    const [row] = await this.#ask('store a message', 'post', [part, appId, rootId, data, channel, `${part}/${rootId}`])
    return Number(row?.['id'])
  }

  async inbox({ partitionKey, rootId }: RootKey): Promise<readonly Addressed[]> {
    const part = partOf(partitionKey, [rootId])
    const rows = await this.#ask('look for messages', 'inbox', [part, rootId])
    return rows.map((row) => ({ id: Number(row['id']), appId: String(row['app']), data: String(row['data']) }))
  }

  /** Calls back when a message below a root is stored. @returns a function that ends it */
  watch({ partitionKey, rootId }: RootKey, posted: () => void): () => void {
    return this.#listener.add(`${partOf(partitionKey)}/${rootId}`, posted)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#listener.close()
    if (this.#settings.owned) await this.#settings.pool.end()
  }

  async #ask(action: string, statement: keyof Statements, values: readonly unknown[]): Promise<readonly PgRow[]> {
    try {
      if (this.#closed) throw new TypeError('it was closed.')
      this.#ready ??= this.#prepare()
      await this.#ready
      try {
        return await this.#query(statement, values)
      } catch (error) {
        if (!READS.has(statement) || !isLost(error)) throw error
        return await this.#query(statement, values) // P2
      }
    } catch (error) {
      if (PersistenceError.is(error) || SnapshotError.is(error)) throw error
      throw isDamage(error) ? damaged(this.name, action, error) : unavailable(this.name, action, error)
    }
  }

  /** Sends a statement; one whose preparation is lost is sent again unprepared (P3). @throws the error of the server */
  async #query(statement: keyof Statements, values: readonly unknown[]): Promise<readonly PgRow[]> {
    const { pool } = this.#settings
    const text = this.#sql[statement]
    if (!this.#prepares) return (await pool.query(text, values)).rows
    try {
      return (await pool.query({ name: `teasel_${statement}_${this.#tables.schema}`, text, values })).rows
    } catch (error) {
      if (!isUnprepared(error)) throw error
      this.#prepares = false
      return (await pool.query(text, values)).rows
    }
  }

  /** Makes the tables. After a failure, the next call tries again. */
  async #prepare(): Promise<void> {
    try {
      const client = await this.#settings.pool.connect()
      try {
        await migrate(client, this.#tables, this.name)
      } finally {
        client.release()
      }
    } catch (error) {
      this.#ready = undefined
      throw error
    }
  }
}

/** The rows of a group: rows to insert, and notes that overwrite stored ones. */
function sorted(rows: readonly Row[]): { readonly fresh: readonly Row[]; readonly notes: readonly Row[] } {
  const fresh = new Map<string, Row>()
  const notes = new Map<string, Row>()
  for (const row of rows) {
    const place = `${row.index} ${row.appId}`
    const first = fresh.get(place)
    if (row.over !== true) {
      if (first !== undefined)
        notes.set(place, row) // a duplicate index in the group: refused as a whole
      else fresh.set(place, row)
    } else if (first?.kind === 'note') fresh.set(place, { ...row, kind: 'note' })
    else notes.set(place, row)
  }
  return { fresh: [...fresh.values()], notes: [...notes.values()] }
}

const column = <K extends keyof Row>(rows: readonly Row[], key: K): readonly Row[K][] => rows.map((row) => row[key])

const factsOf = (row: PgRow): RowFacts => ({
  appId: String(row['app']),
  index: Number(row['idx']),
  kind: String(row['kind']) as Row['kind'],
  epoch: Number(row['epoch']),
  sequenceId: Number(row['seq']),
  label: String(row['label']),
  order: Number(row['ord']),
})

/**
 * The stored form of a partition key; the null partition has a text of its own.
 * @throws {TypeError} for malformed names
 */
function partOf(partitionKey: string | null, appIds: readonly string[] = []): string {
  assertNames(partitionKey, appIds)
  return partitionKey === null ? '' : `=${partitionKey}`
}

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
