import { QueryCheck } from '../../read/query-check.js'
import type { AppTarget, BranchQuery, DescribeOptions, PageOf } from '../../read/reader.js'
import { BRANCH_STATUSES, type BranchStatus, isOpen, type RunStatus } from '../../read/status.js'
import type { AppNode, MapNode, Pending, RunTree } from '../../read/tree.js'
import type { WirePath } from '../../read/wire-path.js'
import type { PersisterDriver } from '../driver.js'
import { bareNode, derivedPending, nodeOf, pendingOf } from './app-node.js'
import { type Found, findApp } from './find-app.js'
import { timesOf } from './map-times.js'
import {
  aboveBranches,
  type Branch,
  branchCursor,
  branchPage,
  countsOf,
  firstPages,
  knownBelow,
  type MapTimes,
  type MapView,
  mapNode,
  mapsOf,
  neverStarted,
} from './maps.js'
import { bareStatus } from './open-branches.js'
import { openRun, type RunReading } from './open-run.js'
import { type Above, aboveIn, branchStatusOf } from './resolved.js'
import { bareSummaryOf, summaryOf } from './runs.js'
import type { KnownApp } from './source.js'

// Owns: a run as a tree, read from its store.
// T1  The number of queries depends on the nodes that are returned, not on the number of branches.

const DEFAULT_FIRST = 10
const DEFAULT_DEPTH = 3
/** Maximum number of open questions in a tree. */
const MOST_QUESTIONS = 1000
/** Maximum number of applications that one step made by hand. */
const MOST_CHILDREN = 100

/** A heartbeat has the workers of branches that run. */
const ENDED_WORKERS = 'workers of branches that have ended'

/** What a store has of no run. */
const LACKS = ['chunks', 'logs', 'spans', 'progress', 'inputs', 'messages', 'attempts', 'leaks', ENDED_WORKERS]

/** A run and what is below it. */
export async function describeRun(
  driver: PersisterDriver,
  query: AppTarget & DescribeOptions,
): Promise<RunTree | undefined> {
  const check = new QueryCheck('describe', query, 'runId partitionKey path first depth')
  const [rootId, partitionKey, path] = [check.needed('runId'), check.onePartition(), check.path()]
  const first = check.whole('first', 1, 1000) ?? DEFAULT_FIRST
  const depth = check.whole('depth', 1) ?? DEFAULT_DEPTH
  check.done()
  const reading = await openRun(driver, partitionKey, rootId)
  if (reading === undefined) return undefined
  const found = await findApp(reading.source, reading, path)
  if (found === undefined) return undefined
  const questions = await reading.source.questions(rootId, MOST_QUESTIONS)
  const tree = new TreeReading(reading, first)
  for (const one of questions) tree.add(pendingOf(one))
  const root = await tree.node(found, depth)
  const { known } = reading
  const { claim } = known.run
  return {
    run: await summaryOf(driver, known),
    root,
    lacks: [
      ...LACKS,
      ...(known.derived ? ['past maps'] : []),
      ...(tree.leftOut ? ['older maps'] : []),
      ...(tree.lacksUnstarted ? ['branches that never started'] : []),
      ...(tree.lacksKinds ? ['kinds and policies of some past maps'] : []),
      ...(tree.lacksMapTimes ? ['times of some past maps'] : []),
      ...(tree.lacksQueueTimes ? ['some queue times'] : []),
      ...(questions.length >= MOST_QUESTIONS ? ['further questions'] : []),
    ],
    asOf: { source: 'store', at: Date.now(), incarnation: claim?.incarnation ?? 0 },
  }
}

/** The nodes of one tree. */
class TreeReading {
  /** Whether past maps were left out. */
  leftOut = false
  /** Whether a branch has gone on in another process than the one that queued it. */
  lacksQueueTimes = false
  /** Whether a past map has branches without a row. */
  lacksUnstarted = false
  /** Whether the kind and the policy of a past map are not stored. */
  lacksKinds = false
  /** Whether the times of a past map are not stored, or are among too many rows. */
  lacksMapTimes = false
  readonly #reading: RunReading
  readonly #first: number
  readonly #pending = new Map<string, Pending[]>()

  constructor(reading: RunReading, first: number) {
    this.#reading = reading
    this.#first = first
  }

  /** Adds an open question. */
  add(pending: Pending): void {
    const known = this.#pending.get(pending.appId)
    if (known === undefined) this.#pending.set(pending.appId, [pending])
    else known.push(pending)
  }

  /** @param depth number of levels, this one included */
  async node(found: Found, depth: number): Promise<AppNode> {
    const { known, bare, path, status, above } = found
    if (known === undefined) return bareNode(bare, path, status)
    const { source, beat, known: run } = this.#reading
    const isRoot = path.length === 0
    const since = isRoot ? bareSummaryOf(run).since : known.summary.since
    const node = nodeOf(known, {
      path,
      status,
      since,
      pending: isOpen(status) ? this.#pendingOf(known, path) : [],
      beat: beat?.branches.find(({ appId }) => appId === known.appId),
    })
    if (isUnqueued(node)) this.lacksQueueTimes = true
    if (depth < 1) return node
    const { maps, more, makers } = await mapsOf(source, known, path, beat)
    if (more) this.leftOut = true
    const inside = isRoot ? aboveIn(status, 'live') : aboveIn(status, above)
    const [open] = maps
    const at =
      open?.isOpen === true && node.step !== undefined ? { map: open.map.map, visit: open.map.visit } : undefined
    const step = at && node.step && { ...node.step, map: at }
    const nodes: MapNode[] = []
    const times = await timesOf(source, known, maps)
    for (const view of maps) nodes.push(await this.#map(view, times.get(view), { status, above: inside }, depth - 1))
    return {
      ...node,
      ...(step !== undefined && { step }),
      maps: nodes,
      children: await this.#children(known, path, makers, inside, depth - 1),
    }
  }

  #pendingOf(known: KnownApp, path: WirePath): readonly Pending[] {
    const { record } = known
    const derived = record === undefined ? [] : derivedPending(record, this.#reading.known.run, path)
    return this.#pending.get(known.appId) ?? derived
  }

  async #map(
    view: MapView,
    times: MapTimes | undefined,
    { status, above }: { readonly status: RunStatus | BranchStatus; readonly above: Above },
    depth: number,
  ): Promise<MapNode> {
    const { source } = this.#reading
    const counts = await countsOf(source, view, above)
    const node = mapNode(view, counts, status, times)
    if (neverStarted(view) > 0) this.lacksUnstarted = true
    if (!view.isOpen) this.#past(node)
    if (!view.isOpen || depth < 1) return node
    const toNode = (branch: Branch): Promise<AppNode> => this.branch(view, branch, above, depth)
    return { ...node, branches: await firstPages(source, view, counts, above, this.#first, toNode) }
  }

  #past({ kind, status, startedAt, endedAt }: MapNode): void {
    if (kind === undefined) this.lacksKinds = true
    if (status === 'done' && (startedAt === undefined || endedAt === undefined)) this.lacksMapTimes = true
  }

  /** The node of a branch. @param above what is above its map */
  branch(view: MapView, branch: Branch, above: Above, depth: number): Promise<AppNode> {
    const inside = aboveBranches(view, above)
    const path: WirePath = [...view.path, [view.map.map, view.map.visit, branch.key]]
    return this.node(
      { known: branch.known, bare: branch, path, status: bareStatus(branch, inside), above: inside },
      depth,
    )
  }

  /** The applications that the action of the present step made. */
  async #children(
    { appId, facts, last }: KnownApp,
    path: WirePath,
    makers: ReadonlySet<string>,
    above: Above,
    depth: number,
  ): Promise<readonly AppNode[]> {
    const { driver, partitionKey } = this.#reading.source
    const step = (last?.sequenceId ?? -1) + 1
    const nodes: AppNode[] = []
    for (const map of makers) {
      const epoch = last?.epoch ?? facts.epoch
      const found = await driver.below({ partitionKey, parentId: appId, epoch, map, limit: MOST_CHILDREN })
      for (const one of found) {
        const { key, visit, index, sequenceId } = one.summary.parent
        if (sequenceId !== step || index >= 0) continue
        const known = knownBelow(one)
        const at: WirePath = [...path, [map, visit, key]]
        const bare = { appId: one.appId, key, index, known, beat: undefined }
        const status = branchStatusOf(one.summary.status, above)
        nodes.push(await this.node({ known, bare, path: at, status, above }, depth))
      }
    }
    return nodes
  }
}

/** Whether it is a branch that has started, and whose time in the queue is not stored. */
const isUnqueued = ({ index, startedAt, queuedAt }: AppNode): boolean =>
  index !== undefined && startedAt !== undefined && queuedAt === undefined

/** The branches of one visit of a map. */
export async function listBranches(driver: PersisterDriver, query: BranchQuery): Promise<PageOf<AppNode>> {
  const check = new QueryCheck('branches', query, 'runId partitionKey path map visit epoch status limit after')
  const [rootId, partitionKey, path] = [check.needed('runId'), check.onePartition(), check.path()]
  const [map, visit, epoch] = [check.needed('map'), check.whole('visit', 1) ?? 1, check.whole('epoch', 0)]
  const status = check.oneOrMany('status', BRANCH_STATUSES) ?? BRANCH_STATUSES
  const limit = check.limit()
  const place = check.after('branch', 'ns')
  check.done()
  const after = place && { index: place[0] as number, appId: place[1] as string }
  const reading = await openRun(driver, partitionKey, rootId)
  const found = reading && (await findApp(reading.source, reading, path))
  if (reading === undefined || found?.known === undefined) return { items: [] }
  const { maps } = await mapsOf(reading.source, found.known, path, reading.beat)
  const view = maps.find(
    (one) => one.map.map === map && one.map.visit === visit && (epoch === undefined || one.epoch === epoch),
  )
  if (view === undefined) return { items: [] }
  const above = aboveIn(found.status, found.above)
  const page = await branchPage(reading.source, view, status, above, { limit, after })
  const tree = new TreeReading(reading, 1)
  for (const one of await reading.source.questions(rootId, MOST_QUESTIONS)) tree.add(pendingOf(one))
  const items: AppNode[] = []
  for (const branch of page.items) items.push(await tree.branch(view, branch, above, 0))
  return { items, ...(page.after !== undefined && { after: branchCursor(page.after) }) }
}
