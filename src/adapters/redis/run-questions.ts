import { STATUSES } from '../../persistence/due.js'
import type { DuePage, RunCounts, RunPage, RunQuery, StoredRun, SummaryStatus } from '../../persistence/summary.js'
import { type From, fromOf, type Place, pageOver, walk } from './pages.js'
import { SCRIPTS } from './scripts.js'
import type { Session } from './session.js'
import { labelIndex, listOf, nameIndex, partText, type Reply, runOf, storableLower, textOf } from './stored-texts.js'

// Owns: the questions about root applications.
// Q1  Of the filters with an index, the one that fewest roots fit is read, and the others are tested.
// Q2  A run whose lease is over counts as interrupted: it is found in the index of those that a lease holds.

/** An index that is read, and the statuses that its roots may have. */
interface Source {
  readonly index: string
  readonly statuses: readonly SummaryStatus[] | undefined
}

const scopeOf = (partitionKey: string | null | undefined): string =>
  partitionKey === undefined ? '*' : partText(partitionKey)
const csv = (statuses: readonly SummaryStatus[] | undefined): string =>
  statuses === undefined ? '*' : `,${statuses.join()},`

/** The names of the indexes of the filters. */
function indexesOf({ name, labels = {}, retrying, pending, leaked, unsummarised }: RunQuery): readonly string[] {
  return [
    ...Object.entries(labels).map(([label, value]) => labelIndex(label, value)),
    ...(name === undefined ? [] : [nameIndex(name)]),
    ...(retrying === true ? ['retrying'] : []),
    ...(pending === true ? ['pending'] : []),
    ...(leaked === true ? ['leaked'] : []),
    ...(unsummarised === true ? ['s:'] : []),
  ]
}

/** The sources of statuses: no root is in two of them. */
const ofStatuses = (wanted: readonly SummaryStatus[]): readonly Source[] => [
  ...wanted.map((status): Source => ({ index: `s:${status}`, statuses: [status] })),
  ...(wanted.includes('interrupted') ? [{ index: 'leased', statuses: ['interrupted'] } satisfies Source] : []),
]

/** The questions about the roots of one store. */
export class RunQuestions {
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
  }

  async list({ limit, after, ...query }: RunPage): Promise<readonly StoredRun[]> {
    const sources = await this.#sourcesOf(query, limit)
    const place: Place | undefined = after && {
      score: String(after.born),
      member: `${after.rootId}\0${partText(after.partitionKey)}`,
    }
    const calls = sources.map((source) => (from: From) => this.#ask('list', query, source, from))
    return (await pageOver(calls, place, limit, true)).map(({ reply }) => runOf(reply))
  }

  async due({ partitionKey, before, limit, after }: DuePage): Promise<readonly StoredRun[]> {
    const last = before === undefined ? 'now' : String(before)
    const head = [scopeOf(partitionKey), 'due', '0', '', last]
    const place = after && { score: String(after.wakeAt), member: `${partText(after.partitionKey)}\0${after.rootId}` }
    const call = (from: From) => this.#session.run('list due runs', SCRIPTS.runs, [...head, ...from, '0', '*', ''])
    return (await pageOver([call], place, limit, false)).map(({ reply }) => runOf(reply))
  }

  async count(query: RunQuery, upTo: number): Promise<RunCounts> {
    const { partitionKey, status, createdFrom, createdTo, text } = query
    const wanted = STATUSES.filter((one) => status === undefined || status.includes(one))
    const numbers = new Map<string, number>()
    const plain = createdFrom === undefined && createdTo === undefined && text === undefined
    if (plain && indexesOf(query).length === 0) {
      const asked = await this.#session.run('count', SCRIPTS.count, [scopeOf(partitionKey), ...STATUSES])
      for (const one of listOf(asked)) add(numbers, one)
    } else {
      const sources = await this.#sourcesOf(query, Number.POSITIVE_INFINITY)
      await Promise.all(sources.map((source) => this.#tally(query, source, wanted, upTo, numbers)))
    }
    const counted = wanted.map((one) => [one, Math.min(upTo, numbers.get(one) ?? 0)] as const)
    return Object.fromEntries(counted.filter(([, number]) => number > 0))
  }

  /** Counts the roots of a source, until every status that they may have has enough. */
  async #tally(
    query: RunQuery,
    source: Source,
    wanted: readonly SummaryStatus[],
    upTo: number,
    numbers: Map<string, number>,
  ): Promise<void> {
    const statuses = source.statuses ?? wanted
    await walk(
      (from) => this.#ask('count', query, source, fromOf(from, Number.POSITIVE_INFINITY), true),
      undefined,
      (items) => {
        for (const one of items) add(numbers, one)
        return statuses.every((one) => (numbers.get(one) ?? 0) >= upTo) ? 'enough' : undefined
      },
    )
  }

  /** Q1. */
  async #sourcesOf(query: RunQuery, limit: number): Promise<readonly Source[]> {
    const { partitionKey, status, text } = query
    const wanted = status && STATUSES.filter((one) => status.includes(one))
    const indexes = indexesOf(query)
    const byStatus = wanted === undefined ? [] : ofStatuses(wanted)
    if (wanted !== undefined && indexes.length === 0) return byStatus
    if (wanted?.length === 0 || limit <= 0) return []
    const all: Source = { index: 'all', statuses: wanted }
    const [first] = indexes
    if (first === undefined) return [all]
    if (indexes.length === 1 && wanted === undefined && text === undefined) return [{ ...all, index: first }]
    const names = [...indexes, ...byStatus.map(({ index }) => index)]
    const asked = await this.#session.run('list', SCRIPTS.sizes, [scopeOf(partitionKey), ...names])
    const sizes = listOf(asked).map(Number)
    const [least = 0] = indexes.map((_, i) => i).sort((a, b) => (sizes[a] ?? 0) - (sizes[b] ?? 0))
    const together = sizes.slice(indexes.length).reduce((sum, size) => sum + size, 0)
    if (wanted !== undefined && together < (sizes[least] ?? 0)) return byStatus
    return [{ ...all, index: indexes[least] ?? first }]
  }

  #ask(action: string, query: RunQuery, source: Source, from: From, counts = false): Promise<Reply> {
    const { partitionKey, createdFrom, createdTo, text = '' } = query
    // Of one born at the same time as `createdTo`, the index has the order, which is not smaller.
    const beyond = createdTo === undefined ? '' : String(Math.ceil(createdTo * 1024))
    const last = createdFrom === undefined ? '' : String(Math.ceil(createdFrom * 1024))
    const args = [scopeOf(partitionKey), source.index, '1', beyond, last, ...from, counts ? '1' : '0']
    const filters = [csv(source.statuses), storableLower(text), ...indexesOf(query)]
    return this.#session.run(action, SCRIPTS.runs, [...args, ...filters])
  }
}

/** @param reply a status, and a number */
function add(numbers: Map<string, number>, reply: Reply): void {
  const [status, number] = listOf(reply)
  numbers.set(textOf(status), (numbers.get(textOf(status)) ?? 0) + Number(number))
}
