import type { ChannelListener } from '../../persistence/channel-listener.js'
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
import { PersistenceError } from '../../store-errors.js'
import { belowQuery, countBelowQuery, summariesQuery, waitsQuery } from './detail-queries.js'
import { listenOn } from './listener.js'
import { isRefused, type PgRow } from './pool.js'
import { limitOf } from './question.js'
import { countQuery, dueQuery, findQuery, listQuery } from './run-queries.js'
import { saveStatements } from './save-statement.js'
import { type PostgresSettings, Session } from './session.js'
import { READS, type Statements, statementsOf } from './statements.js'
import { belowOf, countOf, countsOf, partText, questionOf, runOf, storable, summaryOf } from './stored-summaries.js'
import { type Tables, tablesOf } from './tables.js'

// Owns: the tables of one persister in PostgreSQL.

export class PostgresDriver implements PersisterDriver {
  readonly name: string
  readonly shared = true
  readonly #tables: Tables
  readonly #sql: Statements
  readonly #save: ReturnType<typeof saveStatements>
  readonly #session: Session
  readonly #listener: ChannelListener
  /** The channels of stored messages, and of roots that may be due. */
  readonly #channels: { readonly posted: string; readonly due: string }
  #closed: Promise<void> | undefined

  constructor(settings: PostgresSettings) {
    this.name = settings.name
    this.#tables = tablesOf(settings.schema)
    this.#sql = statementsOf(this.#tables)
    this.#session = new Session(settings, this.#tables)
    this.#listener = listenOn(settings.pool)
    const channel = (name: string): string => `${name} ${this.#tables.inbox}`.slice(0, 63)
    this.#channels = { posted: channel('teasel'), due: channel('teasel due') }
    this.#save = saveStatements(this.#tables, this.#channels.due)
  }

  async claim(root: RootKey, writer: string, options: ClaimOptions = {}): Promise<Claim> {
    const { rootId } = root
    const { fence = -1, leaseMs = 0, free = false, worker } = options
    const part = partOf(root.partitionKey, [rootId])
    const values = [part, rootId, writer, fence, leaseMs, free, worker ?? null]
    for (;;) {
      const [row = {}] = await this.#ask('open an application', 'claim', values)
      const before = typeof row['before'] === 'string' ? row['before'] : undefined
      if (typeof row['other'] === 'string') throw ofAnotherTree(rootId, writer, row['other'])
      if (row['count'] !== null) return { incarnation: Number(row['count']), before }
      if (before === undefined) continue // another first claim came before this one
      if (fence !== -1 && fence < Number(row['fence'])) throw takenOver(rootId, writer, before)
      const known = typeof row['worker'] === 'string' ? row['worker'] : undefined
      throw held(rootId, writer, before, Number(row['lease']), known)
    }
  }

  async beat(root: RootKey, writer: string, leaseMs: number, data: string | null): Promise<number> {
    const part = partOf(root.partitionKey, [root.rootId])
    const values = [part, root.rootId, writer, leaseMs, data, this.#channels.due]
    const [row] = await this.#ask('renew a lease', 'beat', values)
    if (row === undefined) throw await this.#lost(part, root.rootId, writer)
    return Number(row['lease'])
  }

  async save(group: Group): Promise<void> {
    const { partitionKey, rootId, writer, rows, summaries = [] } = group
    const part = partOf(partitionKey, [rootId])
    for (const { appId, label } of rows) {
      assertText('An appId', appId)
      assertText('The name of an action', label)
    }
    for (const { appId } of summaries) assertText('An appId', appId)
    const saving = this.#save(part, group)
    const answer = await this.#session.send('save', saving).catch((error: unknown) => {
      const cause: unknown = PersistenceError.is(error) ? error.cause : error
      if (isRefused(cause)) return undefined
      throw error
    })
    if (saving.lone ? answer?.rowCount === 1 : answer?.rows[0]?.['saved'] === true) return
    const [owner] = await this.#ask('save', 'owner', [part, rootId])
    if (owner?.['writer'] !== writer) throw await this.#lost(part, rootId, writer)
    const appIds = [...new Set([...rows, ...summaries].map(({ appId }) => appId))]
    const [other] = await this.#ask('save', 'rootOf', [part, appIds, rootId])
    if (other !== undefined) throw ofAnotherTree(String(other['app']), writer, String(other['root']))
    throw conflict(rows[0]?.appId ?? rootId, rows[0]?.index ?? 0, writer)
  }

  /** The runner does not hold the tree. */
  async #lost(part: string, rootId: string, writer: string): Promise<PersistenceError> {
    const [owner] = await this.#ask('save', 'owner', [part, rootId])
    const known = owner?.['writer']
    return takenOver(rootId, writer, typeof known === 'string' ? known : undefined)
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

  async rows(partitionKey: string | null, appId: string, { from, limit }: RowPage): Promise<readonly Row[]> {
    const part = partOf(partitionKey, [appId])
    const rows = await this.#ask('read rows', 'rows', [part, appId, from, limitOf(limit)])
    return rows.map((row) => ({ ...factsOf(row), data: String(row['data']) }))
  }

  async list(page: RunPage): Promise<readonly StoredRun[]> {
    assertNames(page.partitionKey ?? null)
    return (await this.#session.ask('list', listQuery(this.#tables, page))).map(runOf)
  }

  async find(root: RootKey): Promise<StoredRun | undefined> {
    assertNames(root.partitionKey, [root.rootId])
    return (await this.#session.ask('find a run', findQuery(this.#tables, root))).map(runOf)[0]
  }

  async count(query: RunQuery, upTo: number): Promise<RunCounts> {
    assertNames(query.partitionKey ?? null)
    return countsOf(await this.#session.ask('count', countQuery(this.#tables, query, upTo)), upTo)
  }

  async below(page: BelowPage): Promise<readonly StoredBelow[]> {
    assertNames(page.partitionKey, [page.parentId])
    return (await this.#session.ask('list branches', belowQuery(this.#tables, page))).map(belowOf)
  }

  async countBelow(partitionKey: string | null, parentId: string): Promise<readonly BelowCount[]> {
    assertNames(partitionKey, [parentId])
    return (await this.#session.ask('count branches', countBelowQuery(this.#tables, partitionKey, parentId))).map(
      countOf,
    )
  }

  async summaries(
    partitionKey: string | null,
    appIds: readonly string[],
  ): Promise<readonly (Omit<AppSummary, 'waits' | 'taken' | 'wake'> | undefined)[]> {
    assertNames(partitionKey, appIds)
    const rows = await this.#session.ask('read summaries', summariesQuery(this.#tables, partitionKey, appIds))
    const found = new Map(rows.map((row) => [Number(row['n']), summaryOf(row)]))
    return appIds.map((_, i) => found.get(i + 1))
  }

  async waits(page: WaitPage): Promise<readonly OpenQuestion[]> {
    assertNames(page.partitionKey ?? null, page.rootId === undefined ? [] : [page.rootId])
    return (await this.#session.ask('list open questions', waitsQuery(this.#tables, page))).map(questionOf)
  }

  async due(page: DuePage): Promise<readonly StoredRun[]> {
    assertNames(page.partitionKey ?? null)
    return (await this.#session.ask('list due runs', dueQuery(this.#tables, page))).map(runOf)
  }

  async delete({ partitionKey, rootId }: RootKey): Promise<boolean> {
    const part = partOf(partitionKey, [rootId])
    return (await this.#ask('delete', 'forget', [part, rootId]))[0]?.['known'] === true
  }

  async post({ partitionKey, rootId }: RootKey, appId: string, data: string, kind?: string): Promise<number> {
    const part = partOf(partitionKey, [rootId, appId])
    const { posted, due } = this.#channels
    const values = [part, appId, rootId, data, posted, `${part}/${rootId}`]
    const [row] =
      kind === undefined
        ? await this.#ask('store a message', 'post', values)
        : await this.#ask('store a message', 'answer', [...values, storable(kind), due])
    return Number(row?.['id'])
  }

  async inbox({ partitionKey, rootId }: RootKey): Promise<readonly Addressed[]> {
    const part = partOf(partitionKey, [rootId])
    const rows = await this.#ask('look for messages', 'inbox', [part, rootId])
    return rows.map((row) => ({ id: Number(row['id']), appId: String(row['app']), data: String(row['data']) }))
  }

  /** Calls back when a message below a root is stored. @returns a function that ends it */
  watch({ partitionKey, rootId }: RootKey, posted: () => void): () => void {
    return this.#listener.add(this.#channels.posted, posted, `${partOf(partitionKey)}/${rootId}`)
  }

  /** Calls back when a root may have become due. @returns a function that ends it */
  watchDue(due: () => void): () => void {
    return this.#listener.add(this.#channels.due, due)
  }

  close(): Promise<void> {
    this.#closed ??= this.#listener.close().then(() => this.#session.close())
    return this.#closed
  }

  #ask(action: string, statement: keyof Statements, values: readonly unknown[]): Promise<readonly PgRow[]> {
    const asked = { name: statement, text: this.#sql[statement], values, reads: READS.has(statement) }
    return this.#session.ask(action, asked)
  }
}

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
  return partText(partitionKey)
}
