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
import { mayBeDue } from '../../persistence/due.js'
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
import { pageBelow, pageOfWaits } from './detail-questions.js'
import type { RedisLink } from './link.js'
import { listenBy } from './listener.js'
import { RunQuestions } from './run-questions.js'
import { SCRIPTS } from './scripts.js'
import { Session } from './session.js'
import {
  countsBelowOf,
  factsAt,
  factsText,
  listOf,
  partText,
  postedOf,
  questionTexts,
  type Reply,
  rowsOf,
  runOf,
  searched,
  storable,
  summaryFields,
  summaryOf,
  tailOf,
  textOf,
} from './stored-texts.js'

// Owns: the keys of one persister in Redis.

/** Applications that one script loads. */
const LOADED_AT_ONCE = 100

export interface RedisSettings {
  readonly name: string
  /** The first part of every key, without braces. */
  readonly prefix: string
  /** Maximum wait for a connection, in milliseconds. */
  readonly timeoutMs: number
  /** Makes a connection that neither connects nor sends anything by itself. */
  connect(): RedisLink
  /** Called once, after the first connection. */
  opened(client: RedisLink): void
}

export class RedisDriver implements PersisterDriver {
  readonly name: string
  readonly shared = true
  readonly #prefix: string
  readonly #session: Session
  readonly #listener: ChannelListener
  readonly #runs: RunQuestions
  #closed: Promise<void> | undefined

  constructor(settings: RedisSettings) {
    this.name = settings.name
    this.#prefix = `{${settings.prefix}}`
    this.#session = new Session({ ...settings, prefix: this.#prefix })
    this.#listener = listenBy(settings.connect)
    this.#runs = new RunQuestions(this.#session)
  }

  async claim({ partitionKey, rootId }: RootKey, writer: string, options: ClaimOptions = {}): Promise<Claim> {
    const { fence = -1, leaseMs = 0, free = false, worker } = options
    const args = [partOf(partitionKey, [rootId]), rootId, writer, String(fence), String(leaseMs), free ? '1' : '0']
    const asked = await this.#ask('open an application', 'claim', worker === undefined ? args : [...args, worker])
    const [answer, first, second, third] = listOf(asked)
    if (answer === 'other') throw ofAnotherTree(rootId, writer, textOf(first))
    if (answer === 'taken') throw takenOver(rootId, writer, optional(first))
    if (answer === 'held') throw held(rootId, writer, textOf(first), Number(second), optional(third))
    return { incarnation: Number(first), before: optional(second) }
  }

  async beat({ partitionKey, rootId }: RootKey, writer: string, leaseMs: number, data: string | null): Promise<number> {
    const args = [partOf(partitionKey, [rootId]), rootId, writer, String(leaseMs)]
    const [answer, first] = listOf(await this.#ask('renew a lease', 'beat', data === null ? args : [...args, data]))
    if (answer === 'taken') throw takenOver(rootId, writer, optional(first))
    return Number(first)
  }

  async save(group: Group): Promise<void> {
    const { partitionKey, rootId, writer, rows, taken = [], summaries = [], leaseMs } = group
    const part = partOf(partitionKey, [rootId])
    for (const { appId, label } of rows) {
      assertText('An appId', appId)
      assertText('The name of an action', label)
    }
    for (const { appId } of summaries) assertText('An appId', appId)
    const isDue = leaseMs === 0 || summaries.some((one) => one.appId === rootId && mayBeDue(one))
    const args = [
      ...[part, rootId, writer, leaseMs === undefined ? '' : String(leaseMs), isDue ? '1' : '0', searched(rootId)],
      ...[String(rows.length), String(taken.length), String(summaries.length)],
    ]
    for (const row of rows)
      args.push(row.appId, String(row.index), factsText(row), row.over === true ? '1' : '0', row.data)
    for (const id of taken) args.push(String(id))
    for (const summary of summaries) for (const text of summaryTexts(summary, rootId)) args.push(text)
    const [answer, first, second] = listOf(await this.#ask('save', 'save', args))
    if (answer === 'taken') throw takenOver(rootId, writer, optional(first))
    if (answer === 'other') throw ofAnotherTree(textOf(first), writer, textOf(second))
    if (answer === 'conflict') throw conflict(textOf(first), Number(second), writer)
  }

  async load(
    partitionKey: string | null,
    appIds: readonly string[],
    until?: Until,
  ): Promise<readonly (Tail | undefined)[]> {
    const part = partOf(partitionKey, appIds)
    const tails: (Tail | undefined)[] = []
    for (let from = 0; from < appIds.length; from += LOADED_AT_ONCE) {
      const some = appIds.slice(from, from + LOADED_AT_ONCE)
      const asked =
        until === undefined
          ? this.#ask('load', 'load', [part, ...some])
          : this.#ask('load', 'loadUntil', [part, String(until.sequenceId), String(until.epoch ?? ''), ...some])
      for (const [i, reply] of listOf(await asked).entries()) {
        const tail = tailOf(some[i] ?? '', reply)
        tails.push(until === undefined && tail.rows.length + tail.inbox.length === 0 ? undefined : tail)
      }
    }
    return tails
  }

  async history(partitionKey: string | null, appId: string): Promise<readonly RowFacts[]> {
    const part = partOf(partitionKey, [appId])
    const [facts] = listOf(await this.#ask('read a history', 'rows', [part, appId, '0', '-1', '0']))
    return listOf(facts).map((one, index) => factsAt(appId, index, one))
  }

  async rows(partitionKey: string | null, appId: string, { from, limit }: RowPage): Promise<readonly Row[]> {
    const part = partOf(partitionKey, [appId])
    if (limit <= 0) return []
    const last = Number.isFinite(limit) ? from + limit - 1 : -1
    const [facts, data] = listOf(await this.#ask('read rows', 'rows', [part, appId, String(from), String(last), '1']))
    return rowsOf(appId, from, listOf(facts), listOf(data))
  }

  async list(page: RunPage): Promise<readonly StoredRun[]> {
    assertNames(page.partitionKey ?? null)
    return this.#runs.list(page)
  }

  async find({ partitionKey, rootId }: RootKey): Promise<StoredRun | undefined> {
    const part = partOf(partitionKey, [rootId])
    return listOf(await this.#ask('find a run', 'find', [part, rootId])).map(runOf)[0]
  }

  async count(query: RunQuery, upTo: number): Promise<RunCounts> {
    assertNames(query.partitionKey ?? null)
    return this.#runs.count(query, upTo)
  }

  async below(page: BelowPage): Promise<readonly StoredBelow[]> {
    assertNames(page.partitionKey, [page.parentId])
    return pageBelow(this.#session, page)
  }

  async countBelow(partitionKey: string | null, parentId: string): Promise<readonly BelowCount[]> {
    const part = partOf(partitionKey, [parentId])
    return countsBelowOf(await this.#ask('count branches', 'countBelow', [part, parentId]))
  }

  async summaries(
    partitionKey: string | null,
    appIds: readonly string[],
  ): Promise<readonly (Omit<AppSummary, 'waits' | 'taken' | 'wake'> | undefined)[]> {
    const part = partOf(partitionKey, appIds)
    const replies = listOf(await this.#ask('read summaries', 'apps', [part, ...appIds]))
    return appIds.map((appId, i) => summaryOf(appId, replies[i]))
  }

  async waits(page: WaitPage): Promise<readonly OpenQuestion[]> {
    assertNames(page.partitionKey ?? null, page.rootId === undefined ? [] : [page.rootId])
    return pageOfWaits(this.#session, page)
  }

  async due(page: DuePage): Promise<readonly StoredRun[]> {
    assertNames(page.partitionKey ?? null)
    return this.#runs.due(page)
  }

  async delete({ partitionKey, rootId }: RootKey): Promise<boolean> {
    const part = partOf(partitionKey, [rootId])
    return (await this.#ask('delete', 'forget', [part, rootId])) === 1
  }

  async post({ partitionKey, rootId }: RootKey, appId: string, data: string, kind?: string): Promise<number> {
    const args = [partOf(partitionKey, [rootId, appId]), rootId, appId, data]
    return Number(await this.#ask('store a message', 'post', kind === undefined ? args : [...args, storable(kind)]))
  }

  async inbox({ partitionKey, rootId }: RootKey): Promise<readonly Addressed[]> {
    const part = partOf(partitionKey, [rootId])
    const replies = listOf(await this.#ask('look for messages', 'inbox', [part, rootId]))
    return replies.map((reply) => {
      const [id, appId, post] = listOf(reply)
      return { appId: textOf(appId), ...postedOf(id, post) }
    })
  }

  /** Calls back when a message below a root is stored. @returns a function that ends it */
  watch({ partitionKey, rootId }: RootKey, posted: () => void): () => void {
    return this.#listener.add(`${this.#prefix}:m:${partOf(partitionKey, [rootId])}\0${rootId}`, posted)
  }

  /** Calls back when a root may have become due. @returns a function that ends it */
  watchDue(due: () => void): () => void {
    return this.#listener.add(`${this.#prefix}:due`, due)
  }

  close(): Promise<void> {
    this.#closed ??= this.#listener.close().then(() => this.#session.close())
    return this.#closed
  }

  #ask(action: string, script: keyof typeof SCRIPTS, args: readonly string[]): Promise<Reply> {
    return this.#session.run(action, SCRIPTS[script], args)
  }
}

const optional = (reply: Reply | undefined): string | undefined =>
  reply === null || reply === undefined ? undefined : textOf(reply)

/** A summary as arguments of a save. */
function summaryTexts(summary: AppSummary, rootId: string): readonly string[] {
  const { appId, wake, waits, taken = [] } = summary
  const fields = summaryFields(summary, rootId)
  const head = [appId, wake === null ? '' : String(wake), String(fields.length / 2)]
  const sizes = [String(waits === undefined ? -1 : waits.length), String(taken.length)]
  return [...head, ...sizes, ...fields, ...(waits ?? []).flatMap(questionTexts), ...taken.map(String)]
}

/**
 * The stored form of a partition key; the null partition has a text of its own.
 * @throws {TypeError} for malformed names
 */
function partOf(partitionKey: string | null, appIds: readonly string[] = []): string {
  assertNames(partitionKey, appIds)
  return partText(partitionKey)
}
