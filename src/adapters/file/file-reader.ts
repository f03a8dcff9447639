import { describeValue } from '../../internal/guards.js'
import { checkOptions } from '../../internal/options.js'
import type { RunFold } from '../../log/fold.js'
import { aboveIn, branchStatus } from '../../log/fold-status.js'
import { FoldedTree, foldedSummary, inOrder, type LogBeat } from '../../log/fold-tree.js'
import { cursorAt } from '../../read/cursor.js'
import type { Payload } from '../../read/payload.js'
import { QueryCheck } from '../../read/query-check.js'
import type {
  AppTarget,
  BranchQuery,
  DescribeOptions,
  DueQuery,
  PageOf,
  Paging,
  PendingQuery,
  Reader,
  RunFilter,
  RunNumbers,
  StepQuery,
} from '../../read/reader.js'
import type { RunSummary } from '../../read/run-summary.js'
import { BRANCH_STATUSES, STEP_STATUSES } from '../../read/status.js'
import type { AppNode, Pending, RunTree, StepRecord } from '../../read/tree.js'
import type { WirePath } from '../../read/wire-path.js'
import type { GraphPicture } from '../../visualize/picture.js'
import type { WireEvent } from '../../wire/events.js'
import { checkedEvents, type EventQuery } from './event-query.js'
import { followRun } from './follow.js'
import { readGraph } from './graphs.js'
import { GONE_MS, IndexReader } from './index-reader.js'
import { LogFiles, statOf } from './log-files.js'
import { placesIn } from './places.js'
import { RunList } from './run-list.js'
import { listPending } from './run-pages.js'
import { RunReading } from './run-reading.js'
import { type StepUnderWay, stateOf, stepPage } from './step-pages.js'

// Owns: the reader of a folder of logs.
// K1  Reading writes nothing, and holds no file open between two calls.

/** Options of {@link fileReader}. */
export interface FileReaderOptions {
  /** The `dir` of the tracker. */
  readonly dir: string
  /** The `project` of the tracker. Default `'default'`. */
  readonly project?: string
}

/** A reader of logs. */
export interface FileReader extends Reader {
  /**
   * The events of a run as JSON data, in the order of their numbers. `decodeEvent` of `teasel/codec` restores them.
   * Leaving the loop closes the log. The run goes on.
   * @throws {InputError} for an invalid query, with every fault
   */
  events(query: EventQuery): AsyncGenerator<WireEvent, void, void>
  /**
   * The picture of a graph, by the `graph` of a {@link RunSummary}. Undefined for an unknown hash, and for a file that
   * cannot be read.
   */
  graph(hash: string): Promise<GraphPicture | undefined>
}

const DEFAULT_FIRST = 10
const DEFAULT_DEPTH = 3
/** Number of runs whose reading goes on where it ended. */
const MOST_OPEN = 16

/** What a log has of no run. */
const LACKS = ['claims', 'untaken messages', 'first states of branches']

/**
 * Reads the logs of a {@link fileTracker}, also while they are written, in this process or in another one. A list is read
 * from an index, which is up to a second behind.
 *
 * A run whose process has shown no sign of life for 15 seconds reads `interrupted`, unless all that is left waits.
 * @throws {TypeError} for invalid options
 *
 * @example
 * ```ts no-run
 * const reader = fileReader({ dir: './logs' })
 * for await (const event of reader.events({ runId: 'order-7' })) console.log(event.type)
 * ```
 * @see Burr `LocalBackend` in burr/tracking/server/backend.py
 */
export function fileReader(options: FileReaderOptions): FileReader {
  checkOptions('fileReader', options, 'dir project')
  const { dir, project = 'default' } = options
  if (typeof dir !== 'string' || dir === '')
    throw new TypeError(`fileReader needs dir: the path of a folder, not ${describeValue(dir)}.`)
  if (typeof project !== 'string' || project === '')
    throw new TypeError(`project is ${describeValue(project)}; it takes the name of a folder.`)
  return new LogReader(dir, project)
}

/** A run as it is now. */
interface ReadRun {
  readonly fold: RunFold
  readonly beat: LogBeat
}

class LogReader implements FileReader {
  readonly #files: LogFiles
  readonly #index: IndexReader
  readonly #runs: RunList
  /** The least recently read one is the first. */
  readonly #readings = new Map<string, RunReading>()

  constructor(dir: string, project: string) {
    const places = placesIn(dir, project)
    this.#files = new LogFiles(places)
    this.#index = new IndexReader(places)
    this.#runs = new RunList(this.#files, this.#index)
  }

  list(query?: RunFilter & Paging): Promise<PageOf<RunSummary>> {
    return this.#runs.list(query)
  }

  count(filter?: RunFilter & { readonly upTo?: number | undefined }): Promise<RunNumbers> {
    return this.#runs.count(filter)
  }

  due(query?: DueQuery): Promise<PageOf<RunSummary>> {
    return this.#runs.due(query)
  }

  async #run(runId: string, partitionKey: string | null): Promise<ReadRun | undefined> {
    const key = JSON.stringify([partitionKey, runId])
    const parts = await this.#files.of(runId, partitionKey)
    const last = parts.at(-1)
    const reading = this.#readings.get(key) ?? new RunReading(this.#files, true)
    this.#readings.delete(key)
    if (last === undefined) return undefined
    this.#readings.set(key, reading)
    const [oldest] = this.#readings.keys()
    if (this.#readings.size > MOST_OPEN && oldest !== undefined) this.#readings.delete(oldest)
    const fold = await reading.readOn(parts)
    const { head } = fold
    if (head === undefined) return undefined
    const written = (await statOf(this.#files.path(last)))?.mtimeMs ?? 0
    const seenAt = Math.max(Math.round(written), (await this.#index.seenAt(head.worker.id)) ?? 0)
    return { fold, beat: { alive: Date.now() - seenAt < GONE_MS, seenAt } }
  }

  async describe(query: AppTarget & DescribeOptions): Promise<RunTree | undefined> {
    const check = new QueryCheck('describe', query, 'runId partitionKey path first depth')
    const [runId, partitionKey, path] = [check.needed('runId'), check.onePartition(), check.path()]
    const first = check.whole('first', 1, 1000) ?? DEFAULT_FIRST
    const depth = check.whole('depth', 1) ?? DEFAULT_DEPTH
    check.done()
    const read = await this.#run(runId, partitionKey)
    const run = read && foldedSummary(read.fold, read.beat)
    if (read === undefined || run === undefined) return undefined
    const { fold, beat } = read
    const tree = new FoldedTree(fold, beat, first)
    const found = tree.find(path)
    if (found === undefined) return undefined
    const { app, status, above } = found
    return {
      run,
      root: tree.node(app, status, above, depth),
      lacks: [...LACKS, ...fold.lacks],
      asOf: { source: 'log', at: Date.now(), incarnation: run.incarnation, seq: fold.seq },
    }
  }

  async branches(query: BranchQuery): Promise<PageOf<AppNode>> {
    const check = new QueryCheck('branches', query, 'runId partitionKey path map visit epoch status limit after')
    const [runId, partitionKey, path] = [check.needed('runId'), check.onePartition(), check.path()]
    const [map, visit, epoch] = [check.needed('map'), check.whole('visit', 1) ?? 1, check.whole('epoch', 0)]
    const statuses = check.oneOrMany('status', BRANCH_STATUSES) ?? BRANCH_STATUSES
    const limit = check.limit()
    const place = check.after('branch', 'ns')
    check.done()
    const read = await this.#run(runId, partitionKey)
    if (read === undefined) return { items: [] }
    const tree = new FoldedTree(read.fold, read.beat, 1)
    const found = tree.find(path)
    const visited = found?.app.maps.findLast(
      (one) => one.map === map && one.visit === visit && (epoch === undefined || one.epoch === epoch),
    )
    if (found === undefined || visited === undefined) return { items: [] }
    const above = visited.endedAt !== undefined ? 'ended' : aboveIn(found.status, found.above)
    const [from = -1, id = ''] = (place ?? []) as readonly [number?, string?]
    const items = inOrder(visited)
      .map((app) => ({ app, status: branchStatus(app, above), index: app.index ?? 0 }))
      .filter(
        ({ app, status, index }) => statuses.includes(status) && (index > from || (index === from && app.appId > id)),
      )
    const page = items.slice(0, limit)
    const last = items.length > limit ? page.at(-1) : undefined
    return {
      items: page.map(({ app, status }) => tree.node(app, status, above, 0)),
      ...(last !== undefined && { after: cursorAt('branch', [last.index, last.app.appId]) }),
    }
  }

  steps(query: StepQuery): Promise<PageOf<StepRecord>> {
    const underWay = async (path: WirePath): Promise<StepUnderWay | undefined> => {
      const read = await this.#run(query.runId, query.partitionKey ?? null)
      const found = read && new FoldedTree(read.fold, read.beat, 1).find(path)
      const status = STEP_STATUSES.find((one) => one === found?.status)
      const { step } = found?.app ?? {}
      return status && { status, step: step?.endedAt === undefined ? step : undefined }
    }
    return stepPage(this.#files, query, underWay)
  }

  state(query: AppTarget & { readonly sequenceId?: number; readonly epoch?: number }): Promise<Payload | undefined> {
    return stateOf(this.#files, query)
  }

  pending(query?: PendingQuery): Promise<PageOf<Pending>> {
    return listPending(
      () => this.#runs.all(),
      async ({ runId, partitionKey }) => {
        const read = await this.#run(runId, partitionKey)
        return read === undefined ? [] : new FoldedTree(read.fold, read.beat, 1).questions()
      },
      query,
    )
  }

  graph(hash: string): Promise<GraphPicture | undefined> {
    return readGraph(this.#files.places.graphs, hash)
  }

  events(query: EventQuery): AsyncGenerator<WireEvent, void, void> {
    return followRun(this.#files, checkedEvents(query))
  }
}
