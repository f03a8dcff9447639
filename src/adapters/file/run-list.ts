import { foldedSummary } from '../../log/fold-tree.js'
import { type CursorPlace, cursorAt } from '../../read/cursor.js'
import { QueryCheck } from '../../read/query-check.js'
import type { DueQuery, PageOf, Paging, RunFilter, RunNumbers } from '../../read/reader.js'
import type { RunSummary } from '../../read/run-summary.js'
import { isOpen, RUN_STATUSES, type RunStatus } from '../../read/status.js'
import { keyOf } from './index-file.js'
import { GONE_MS, type IndexedRun, type IndexReader } from './index-reader.js'
import { type LogFiles, statOf } from './log-files.js'
import { nameOfRun, type PartFile } from './places.js'
import { RunReading } from './run-reading.js'

// Owns: runs in lists.
// N1  A list is read from the indexes. A log is opened only for a run that no index has, and for one whose process is
//     gone, whose last second the index may lack.

const DEFAULT_UP_TO = 10_000
const FILTERS = 'partitionKey status name labels createdFrom createdTo retrying pending leaked text'
/** Number of runs of dead processes whose end is remembered. */
const MOST_KNOWN = 10_000

export class RunList {
  readonly #files: LogFiles
  readonly #index: IndexReader
  /** Runs whose process is gone, by key, with the last sign of life at which they were read. */
  readonly #dead = new Map<string, { readonly seenAt: number; readonly run: RunSummary }>()

  constructor(files: LogFiles, index: IndexReader) {
    this.#files = files
    this.#index = index
  }

  /** All runs, in no order. */
  async all(): Promise<readonly RunSummary[]> {
    const now = Date.now()
    const [indexed, logs] = await Promise.all([this.#index.runs(), this.#files.all()])
    const found: RunSummary[] = []
    const named = new Set<string>()
    for (const [key, one] of indexed) {
      const name = nameOfRun(one.run.runId, one.run.partitionKey)
      const parts = logs.get(name)
      if (parts === undefined) continue
      named.add(name)
      found.push(await this.#resolved(key, one, parts, now))
    }
    for (const [name, parts] of logs) {
      if (named.has(name)) continue
      const run = await this.#unlisted(parts, now)
      if (run !== undefined) found.push(run)
    }
    return found
  }

  async #resolved(
    key: string,
    { run, writer, seenAt }: IndexedRun,
    parts: readonly PartFile[],
    now: number,
  ): Promise<RunSummary> {
    if (!isOpen(run.status)) return run
    if (now - seenAt < GONE_MS) return { ...run, heldBy: { id: writer, seenAt } }
    const known = this.#dead.get(key)
    if (known?.seenAt === seenAt) return known.run
    const fold = await new RunReading(this.#files, false).readOn(parts)
    const exact = foldedSummary(fold, { alive: false, seenAt }) ?? run
    this.#dead.set(key, { seenAt, run: exact })
    if (this.#dead.size > MOST_KNOWN) this.#dead.clear()
    return exact
  }

  /** A run that no index has yet, or whose index was lost. */
  async #unlisted(parts: readonly PartFile[], now: number): Promise<RunSummary | undefined> {
    const last = parts.at(-1)
    const stat = last && (await statOf(this.#files.path(last)))
    const seenAt = Math.round(stat?.mtimeMs ?? 0)
    const fold = await new RunReading(this.#files, false).readOn(parts)
    return foldedSummary(fold, { alive: now - seenAt < GONE_MS, seenAt })
  }

  async list(query: RunFilter & Paging = {}): Promise<PageOf<RunSummary>> {
    const check = new QueryCheck('list', query, `${FILTERS} limit after`)
    const fits = filterOf(check)
    const limit = check.limit()
    const place = check.after('run', '0sn')
    check.done()
    const after = place && placeOfRun(place)
    const all = (await this.all()).filter((run) => fits(run) && (after === undefined || newestFirst(run, after) > 0))
    return pageOf(all, newestFirst, limit, ({ partitionKey, runId, createdAt }) =>
      cursorAt('run', [partitionKey, runId, createdAt]),
    )
  }

  async count(query: RunFilter & { readonly upTo?: number | undefined } = {}): Promise<RunNumbers> {
    const check = new QueryCheck('count', query, `${FILTERS} upTo`)
    const fits = filterOf(check)
    const upTo = check.whole('upTo', 1) ?? DEFAULT_UP_TO
    check.done()
    const counts = new Map<RunStatus, number>()
    for (const run of await this.all()) if (fits(run)) counts.set(run.status, (counts.get(run.status) ?? 0) + 1)
    const found = RUN_STATUSES.filter((status) => counts.has(status))
    const capped = found.filter((status) => (counts.get(status) ?? 0) > upTo)
    const numbers = Object.fromEntries(found.map((status) => [status, Math.min(upTo, counts.get(status) ?? 0)]))
    return { ...numbers, ...(capped.length > 0 && { capped }) }
  }

  async due(query: DueQuery = {}): Promise<PageOf<RunSummary>> {
    const check = new QueryCheck('due', query, 'partitionKey before limit after')
    const [partition, before = Date.now(), limit] = [check.partition(), check.time('before'), check.limit()]
    const place = check.after('due', 'n0s')
    check.done()
    const after = place && placeOfDue(place)
    const all = (await this.all()).filter(
      (run) =>
        (partition === undefined || run.partitionKey === partition) &&
        dueAt(run) <= before &&
        (after === undefined || earliestFirst(run, after) > 0),
    )
    return pageOf(all, earliestFirst, limit, (run) => cursorAt('due', [dueAt(run), run.partitionKey, run.runId]))
  }
}

/** When a run is to be continued: at once if its process is gone, or at a time that it waits for. */
const dueAt = ({ status, since, nextAt = Infinity }: Due): number =>
  status === 'interrupted' ? since : status === 'waiting' ? nextAt : Infinity

type Due = Pick<RunSummary, 'status' | 'since' | 'partitionKey' | 'runId'> & { readonly nextAt?: number }
type Place = Pick<RunSummary, 'runId' | 'partitionKey' | 'createdAt'>

const placeOfRun = ([partitionKey, runId, createdAt]: CursorPlace): Place =>
  ({ partitionKey, runId, createdAt }) as unknown as Place

const placeOfDue = ([nextAt, partitionKey, runId]: CursorPlace): Due =>
  ({ status: 'waiting', since: 0, nextAt, partitionKey, runId }) as unknown as Due

/** @param order of all; the first `limit` are given */
export function pageOf<T>(
  all: readonly T[],
  order: (a: T, b: T) => number,
  limit: number,
  cursor: (last: T) => string,
): PageOf<T> {
  const sorted = [...all].sort(order)
  const items = sorted.slice(0, limit)
  const last = sorted.length > limit ? items.at(-1) : undefined
  return { items, ...(last !== undefined && { after: cursor(last) }) }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
const newestFirst = (a: Place, b: Place): number => b.createdAt - a.createdAt || compare(keyOf(b), keyOf(a))
const earliestFirst = (a: Due, b: Due): number => dueAt(a) - dueAt(b) || compare(keyOf(a), keyOf(b))

function filterOf(check: QueryCheck): (run: RunSummary) => boolean {
  const partition = check.partition()
  const status = check.oneOrMany('status', RUN_STATUSES)
  const [name, labels = {}, text] = [check.text('name'), check.labels(), check.text('text')?.toLowerCase()]
  const [from = -Infinity, to = Infinity] = [check.time('createdFrom'), check.time('createdTo')]
  const [retrying, pending, leaked] = [check.flag('retrying'), check.flag('pending'), check.flag('leaked')]
  const wanted = Object.entries(labels)
  return (run) =>
    (partition === undefined || run.partitionKey === partition) &&
    (status === undefined || status.includes(run.status)) &&
    (name === undefined || run.name === name) &&
    wanted.every(([label, value]) => Object.hasOwn(run.labels, label) && run.labels[label] === value) &&
    run.createdAt >= from &&
    run.createdAt < to &&
    !(retrying === true && run.retrying === 0) &&
    !(pending === true && run.pending === 0) &&
    !(leaked === true && run.leaked === 0) &&
    (text === undefined || run.runId.toLowerCase().includes(text) || run.title?.toLowerCase().includes(text) === true)
}
