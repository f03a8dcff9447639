import { join } from 'node:path'
import { describeValue } from '../../internal/guards.js'
import { checkOptions } from '../../internal/options.js'
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
  ReadFault,
  RunFilter,
  RunNumbers,
  StepQuery,
} from '../../read/reader.js'
import type { RunSummary } from '../../read/run-summary.js'
import { BRANCH_STATUSES, STEP_STATUSES } from '../../read/status.js'
import type { AppNode, Pending, RunTree, StepRecord } from '../../read/tree.js'
import type { WirePath } from '../../read/wire-path.js'
import { compareCursors, cursorOf, type WireEvent } from '../../wire/events.js'
import { burrEvents } from './burr-events.js'
import { type BurrApp, BurrFolder } from './burr-folder.js'
import {
  appNodeOf,
  type BurrNode,
  idsBelow,
  nodeOf,
  nodesIn,
  questionsOf,
  stateOfStep,
  stepRecordOf,
  summaryOf,
} from './burr-tree.js'
import { checkedEvents, type EventQuery } from './event-query.js'
import type { Followed } from './follow.js'
import { type FoundRuns, orFault } from './read-faults.js'
import { countRuns, listDue, listPending, listRuns } from './run-pages.js'

// Owns: the reader of what Burr has tracked.
// B1  Reading writes nothing.

/** Options of {@link burrReader}. */
export interface BurrReaderOptions {
  /** The `storage_dir` of Burr's `LocalTrackingClient`: `~/.burr`, with the home folder written out. */
  readonly dir: string
  /** The `project` of the client. */
  readonly project: string
  /**
   * How long nothing may be written while a step is under way until its process counts as gone, milliseconds. Default
   * 10 minutes: Burr writes no sign of life.
   */
  readonly goneAfterMs?: number
}

const DEFAULT_GONE_MS = 600_000
const DEFAULT_DEPTH = 3

/** What Burr writes of no run, or a reader has no place for. */
const LACKS = [
  ...['attempts', 'edges', 'updates', 'first states', 'epochs', 'incarnations', 'maps', 'items of streams'],
  ...['ends of runs', 'ends of branches', 'cancels', 'messages', 'times that are waited for'],
]

/** A reader of runs of Burr. */
export interface BurrReader extends Reader {
  /** Its events are not told as they happen: a page reads its trees again. */
  readonly streams: 'trees'
  readonly recordedBy: 'Burr'
  /**
   * The events of a run and of all that its steps made, as they are now; it does not follow. Steps, questions, spans with
   * their attributes, and logs for the times of a stream: Burr keeps none of its items. The attributes of a step are in its
   * `step.end`.
   * @throws {InputError} for an invalid query, with every fault
   */
  events(query: BurrEventQuery): AsyncGenerator<WireEvent, void, void>
}

/** Options of {@link BurrReader.events}: those of {@link FileReader.events}, of which `follow` has no effect. */
export type BurrEventQuery = EventQuery

/**
 * Reads the folder that the `LocalTrackingClient` of Burr has written or writes, with the same types as any reader. An
 * application that a step of another one made is in `children` of that one, and in no list; it can be read by its own
 * id as well.
 *
 * Burr records no end of a run. One whose last step has no edge onwards in its graph reads `finished`, otherwise it reads
 * `halted`; a step without an end reads `running`, and `interrupted` after `goneAfterMs`. Keys of states that Burr
 * keeps for itself, `__SEQUENCE_ID` and `__PRIOR_STEP`, are left out. Times have no zone: they are read as local ones.
 * @throws {TypeError | RangeError} for invalid options
 *
 * @example
 * ```ts no-run
 * const reader = burrReader({ dir: '/home/ada/.burr', project: 'chat' })
 * const { items } = await reader.list({ status: 'failed' })
 * ```
 * @see Burr `LocalTrackingClient` in burr/tracking/client.py, and its records in burr/tracking/common/models.py
 */
export function burrReader(options: BurrReaderOptions): BurrReader {
  checkOptions('burrReader', options, 'dir project goneAfterMs')
  const { dir, project, goneAfterMs = DEFAULT_GONE_MS } = options
  if (typeof dir !== 'string' || dir === '')
    throw new TypeError(`burrReader needs dir: the path of a folder, not ${describeValue(dir)}.`)
  if (typeof project !== 'string' || project === '')
    throw new TypeError(`burrReader needs project: the name of a folder in dir, not ${describeValue(project)}.`)
  if (!(goneAfterMs >= 0))
    throw new RangeError(`goneAfterMs is ${describeValue(goneAfterMs)}; it takes milliseconds, 0 or more.`)
  return new FolderReader(new BurrFolder(join(dir, project)), goneAfterMs)
}

interface ReadRun {
  readonly run: RunSummary
  readonly root: BurrNode
  /** What of it could not be read. */
  readonly lacks: readonly string[]
}

class FolderReader implements BurrReader {
  readonly streams = 'trees'
  readonly recordedBy = 'Burr'
  readonly #folder: BurrFolder
  readonly #goneAfterMs: number

  constructor(folder: BurrFolder, goneAfterMs: number) {
    this.#folder = folder
    this.#goneAfterMs = goneAfterMs
  }

  /** The runs that no step made. */
  async #all(): Promise<FoundRuns> {
    const faults: ReadFault[] = []
    const apps = await this.#folder.all(faults)
    const made = new Set([...apps.values()].flatMap(({ children }) => children.map(({ appId }) => appId)))
    const isRoot = ({ appId, spawnedBy = '' }: BurrApp): boolean => !made.has(appId) && !apps.has(spawnedBy)
    const roots = [...apps.values()].filter(isRoot)
    return { runs: roots.map((app) => this.#read(app, apps).run), faults, ofIndexes: [] }
  }

  #read(app: BurrApp, apps: ReadonlyMap<string, BurrApp>): ReadRun {
    const below = [...idsBelow(app, (id) => apps.get(id))]
    const writtenAt = below.reduce((last, id) => Math.max(last, apps.get(id)?.writtenAt ?? 0), 0)
    const root = nodeOf(app, apps, Date.now() - writtenAt < this.#goneAfterMs)
    return { root, run: summaryOf(root, apps.get(app.spawnedBy ?? '')), lacks: [] }
  }

  async #run(runId: string, partitionKey: string | null): Promise<ReadRun | undefined> {
    const apps = new Map<string, BurrApp>()
    const wanted = [runId]
    const faults: ReadFault[] = []
    for (const id of wanted) {
      const read = () => this.#folder.app(id)
      const app = apps.has(id) ? undefined : id === runId ? await read() : await orFault(faults, read)
      if (app === undefined) continue
      apps.set(id, app)
      for (const { appId } of app.children) wanted.push(appId)
    }
    const app = apps.get(runId)
    if (app === undefined || app.partitionKey !== partitionKey) return undefined
    const { spawnedBy } = app
    const above = spawnedBy === undefined ? undefined : await orFault([], () => this.#folder.app(spawnedBy))
    if (above !== undefined && !apps.has(above.appId)) apps.set(above.appId, above)
    return { ...this.#read(app, apps), lacks: faults.map(({ error }) => error.message) }
  }

  async #node(runId: string, partitionKey: string | null, path: WirePath): Promise<BurrNode | undefined> {
    const read = await this.#run(runId, partitionKey)
    return read && nodesIn(read.root).find((node) => isSame(node.path, path))
  }

  list(query?: RunFilter & Paging): Promise<PageOf<RunSummary>> {
    return listRuns(() => this.#all(), query)
  }

  count(filter?: RunFilter & { readonly upTo?: number | undefined }): Promise<RunNumbers> {
    return countRuns(() => this.#all(), filter)
  }

  due(query?: DueQuery): Promise<PageOf<RunSummary>> {
    return listDue(() => this.#all(), query)
  }

  pending(query?: PendingQuery): Promise<PageOf<Pending>> {
    return listPending(
      () => this.#all(),
      async ({ runId, partitionKey }) => {
        const read = await this.#run(runId, partitionKey)
        return read === undefined ? [] : nodesIn(read.root).flatMap((node) => questionsOf(read.run, node))
      },
      query,
    )
  }

  async describe(query: AppTarget & DescribeOptions): Promise<RunTree | undefined> {
    const check = new QueryCheck('describe', query, 'runId partitionKey path first depth')
    const [runId, partitionKey, path] = [check.needed('runId'), check.onePartition(), check.path()]
    check.whole('first', 1, 1000)
    const depth = check.whole('depth', 1) ?? DEFAULT_DEPTH
    check.done()
    const read = await this.#run(runId, partitionKey)
    const node = read && nodesIn(read.root).find((one) => isSame(one.path, path))
    if (read === undefined || node === undefined) return undefined
    const { run } = read
    const asOf = { source: 'log', at: Date.now(), incarnation: 0 } as const
    return { run, root: appNodeOf(run, node, depth), recordedBy: 'Burr', lacks: [...LACKS, ...read.lacks], asOf }
  }

  /** None: the parallel actions of Burr make applications, which are in `children`. */
  async branches(query: BranchQuery): Promise<PageOf<AppNode>> {
    const check = new QueryCheck('branches', query, 'runId partitionKey path map visit epoch status limit after')
    check.needed('runId')
    check.onePartition()
    check.path()
    check.needed('map')
    check.whole('visit', 1)
    check.whole('epoch', 0)
    check.oneOrMany('status', BRANCH_STATUSES)
    check.limit()
    check.after('branch', 'ns')
    check.done()
    return { items: [] }
  }

  /** The steps by their number. */
  async steps(query: StepQuery): Promise<PageOf<StepRecord>> {
    const check = new QueryCheck('steps', query, 'runId partitionKey path from to status limit after')
    const [runId, partitionKey, path] = [check.needed('runId'), check.onePartition(), check.path()]
    const [from = -1, to = Infinity] = [check.whole('from', -1), check.whole('to', -1)]
    const status = check.oneOrMany('status', STEP_STATUSES)
    const limit = check.limit()
    const [after = -1] = (check.after('step', 'i') ?? []) as readonly number[]
    check.done()
    const node = await this.#node(runId, partitionKey, path)
    if (node === undefined) return { items: [] }
    const fitting = node.app.log.steps
      .filter(({ sequenceId }) => sequenceId > after && sequenceId >= from && sequenceId <= to)
      .sort((a, b) => a.sequenceId - b.sequenceId)
      .map((step) => stepRecordOf(node, step))
      .filter((step) => status?.includes(step.status) !== false)
    const items = fitting.slice(0, limit)
    const last = fitting.length > limit ? items.at(-1) : undefined
    return { items, ...(last !== undefined && { after: cursorAt('step', [last.sequenceId]) }) }
  }

  events(query: BurrEventQuery): AsyncGenerator<WireEvent, void, void> {
    return this.#events(checkedEvents(query))
  }

  async *#events({ runId, partitionKey, after, types, signal }: Followed): AsyncGenerator<WireEvent, void, void> {
    const read = await this.#run(runId, partitionKey)
    if (read === undefined) return
    for (const event of await burrEvents(nodesIn(read.root), runId, (id) => this.#folder.logPath(id))) {
      if (signal?.aborted === true) return
      const isNew = after === undefined || compareCursors(cursorOf(event), after) > 0
      if (isNew && types?.includes(event.type) !== false) yield event
    }
  }

  async state(
    query: AppTarget & { readonly sequenceId?: number; readonly epoch?: number },
  ): Promise<Payload | undefined> {
    const check = new QueryCheck('state', query, 'runId partitionKey path sequenceId epoch')
    const [runId, partitionKey, path] = [check.needed('runId'), check.onePartition(), check.path()]
    const [sequenceId, epoch = 0] = [check.whole('sequenceId', -1), check.whole('epoch', 0)]
    check.done()
    const node = epoch === 0 ? await this.#node(runId, partitionKey, path) : undefined
    if (node === undefined) return undefined
    const { steps } = await this.#folder.log(node.app.appId)
    const done = steps.filter((step) => step.endedAt !== undefined && step.exception === undefined)
    const step = done.findLast((one) => sequenceId === undefined || one.sequenceId === sequenceId)
    return step && stateOfStep(step)
  }
}

const isSame = (a: WirePath, b: WirePath): boolean => JSON.stringify(a) === JSON.stringify(b)
