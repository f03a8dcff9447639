import { isFinal } from '../lifecycle/final.js'
import type { Due as LiveDue, Pending as LivePending } from '../lifecycle/pending.js'
import { branchIdOf } from '../parallel/branch-id.js'
import { type FanOut, traitsOf } from '../parallel/fan-out.js'
import { errorData } from '../read/error-data.js'
import { QueryCheck } from '../read/query-check.js'
import { queuedBefore } from '../read/queued.js'
import type { DescribeOptions } from '../read/reader.js'
import {
  BRANCH_STATUSES,
  type BranchCounts,
  type BranchStatus,
  noCounts,
  type OpenStatus,
  type RunStatus,
} from '../read/status.js'
import type { AppNode, BranchPage, LiveTree, MapNode, StepRecord } from '../read/tree.js'
import type { WirePath } from '../read/wire-path.js'
import type { Application } from '../runtime/application.js'
import {
  type BranchHandle,
  isSuspended,
  type LiveApp,
  type LiveRun,
  type RunningMap,
} from '../runtime/map/branch-handle.js'
import { hasDrained } from '../runtime/map/map-state.js'
import { allDue, allPending } from '../runtime/message/pending.js'
import type { RunResult } from '../runtime/run/result.js'
import { cancelData, dueOf, pendingOf, settledFacts, startsWith, wirePath } from './live-facts.js'

// Owns: a live run as a tree, from the engine's own tables.
// Does not own: the tables. It reads a branch through its handle alone.
// D1  One description is taken in one turn, so its parts belong to one moment.

const DEFAULT_FIRST = 10
const DEFAULT_DEPTH = 3

/** What a live run cannot tell without its events. */
const LACKS = [
  'times',
  'queue times of settled branches',
  'past maps',
  'chunks',
  'logs',
  'spans',
  'inputs',
  'messages',
  'attempts',
  'leaks',
]

/** A live run as a tree. @param ended the result of its last run, if that has ended */
export function describeLive(app: Application, ended: RunResult | undefined, options: DescribeOptions): LiveTree {
  const check = new QueryCheck('describe', options, 'first depth')
  const first = check.whole('first', 1, 1000) ?? DEFAULT_FIRST
  const depth = check.whole('depth', 1) ?? DEFAULT_DEPTH
  check.done()
  const tree = new LiveReading(app, first)
  const status = rootStatus(app, ended, tree)
  const root = tree.node(app, status, depth, endOf(ended, app))
  const { journal, appId } = app
  const { position, next, sequenceId } = app.checkpoint
  const at = app.system.clock.now()
  const incarnation = app.system.store?.incarnation ?? 0
  const { title, labels, name } = journal?.scope.about ?? {}
  const branches = root.maps[0]?.counts
  const { pending, due } = tree
  return {
    run: {
      runId: appId,
      partitionKey: journal?.scope.settings.partitionKey ?? null,
      ...(name !== undefined && { name }),
      ...(title !== undefined && { title }),
      labels: labels ?? {},
      status,
      ...(position !== undefined && { position }),
      ...(next !== undefined && { next }),
      sequenceId,
      epoch: journal?.epoch ?? 0,
      incarnation,
      ...(branches !== undefined && { branches }),
      pending: pending.length,
      retrying: due.filter(({ kind }) => kind === 'retry').length,
      leaked: app.run?.leaked.length ?? 0,
      ...(due[0] !== undefined && { nextAt: due[0].at }),
      ...(root.error !== undefined && { error: root.error }),
      ...(root.cancelled !== undefined && { cancelled: root.cancelled }),
    },
    root,
    lacks: LACKS,
    asOf: { source: 'live', at, incarnation },
  }
}

/** How an application ended. */
type End = Pick<AppNode, 'error' | 'cancelled'>

function endOf(ended: RunResult | undefined, { run, system, cancelled }: Application): End {
  if (run === undefined && cancelled !== undefined) return { cancelled: cancelData(cancelled, system) }
  if (run === undefined || run.running || ended === undefined) return {}
  if (ended.status === 'failed') return { error: errorData(ended.error) }
  return ended.status === 'cancelled' ? { cancelled: cancelData(ended.cancellation, system) } : {}
}

function rootStatus(app: Application, ended: RunResult | undefined, tree: LiveReading): RunStatus {
  const { run, checkpoint } = app
  if (run?.running === true) return tree.statusOf(app, run)
  if (run === undefined) {
    if (app.cancelled !== undefined) return 'cancelled'
    if (checkpoint.next === undefined) return 'finished'
    return checkpoint.sequenceId < 0 && app.journal?.stored === undefined ? 'queued' : 'interrupted'
  }
  if (ended === undefined) return 'queued'
  return ended.status === 'cancelled' && !isFinal(ended.cancellation.cause) ? 'interrupted' : ended.status
}

/** One branch of a map: live, settled, or queued. */
interface LiveBranch {
  readonly key: string
  readonly index: number
  readonly status: BranchStatus
  readonly node: (depth: number) => AppNode
}

class LiveReading {
  readonly pending: readonly LivePending[]
  readonly due: readonly LiveDue[]
  readonly #first: number

  constructor(app: Application, first: number) {
    this.#first = first
    this.pending = allPending(app)
    this.due = allDue(app)
  }

  /** The status of an application whose run is under way. */
  statusOf(
    { appId, path }: Pick<LiveApp, 'appId' | 'path'>,
    { waits, attempts }: Pick<LiveRun, 'waits' | 'attempts'>,
  ): OpenStatus {
    if (attempts?.waiting === true) return 'retrying'
    if (waits === undefined || !isSuspended(waits.level)) return 'running'
    const below = (one: LiveDue): boolean => one.appId === appId || one.path.length > path.length
    const retries = this.due.some((one) => one.kind === 'retry' && below(one) && startsWith(one.path, path))
    return retries ? 'retrying' : 'waiting'
  }

  /** @param depth number of levels, this one included */
  node(app: LiveApp, status: AppNode['status'], depth: number, end: End = {}): AppNode {
    const { appId, checkpoint, run, journal } = app
    const { position, next, sequenceId } = checkpoint
    const path = wirePath(app)
    const map = run?.step?.map
    const epoch = journal?.epoch ?? 0
    const step = stepOf(app, path, status)
    return {
      appId,
      path,
      ...(app.parent !== undefined && { key: app.parent.key }),
      status,
      epoch,
      sequenceId,
      ...(position !== undefined && { position }),
      ...(next !== undefined && { next }),
      attempt: run?.attempts?.branch ?? (run === undefined ? 0 : 1),
      ...(run?.attempts?.recovered === true && { recovered: true }),
      ...(step !== undefined && { step }),
      ...end,
      pending: this.pending.filter((one) => one.appId === appId).map(pendingOf),
      due: this.due.filter((one) => one.appId === appId).map(dueOf),
      leaked: [],
      maps: depth < 1 || map === undefined ? [] : [this.#map(app, path, map, epoch, depth - 1)],
      children: depth < 1 ? [] : [...(run?.subApps?.values() ?? [])].map((one) => this.#child(one, depth - 1)),
    }
  }

  #child(app: LiveApp, depth: number): AppNode {
    const { run } = app
    const ended = app.checkpoint.next === undefined ? 'done' : 'interrupted'
    return this.node(
      app,
      run?.phase === 'running' ? this.statusOf(app, run) : run === undefined ? 'queued' : ended,
      depth,
    )
  }

  #map(app: LiveApp, path: WirePath, map: RunningMap, epoch: number, depth: number): MapNode {
    const { table, step, visit, policy } = map
    const { total } = table.state
    const branches = this.#branches(app, path, map, epoch)
    return {
      map: step.node.name,
      visit,
      epoch,
      sequenceId: app.checkpoint.sequenceId + 1,
      ...traitsOf(step.node.parts.body as FanOut, policy, app.semaphore),
      ...(total !== undefined && { total }),
      status: hasDrained(table.state) ? 'reducing' : 'running',
      counts: countsOf(branches),
      branches: depth < 1 ? [] : this.#pages(branches, depth),
    }
  }

  #branches(app: LiveApp, path: WirePath, map: RunningMap, epoch: number): readonly LiveBranch[] {
    const { table, step, visit } = map
    const found: LiveBranch[] = []
    const bare = (key: string): AppNode => ({
      appId: branchIdOf(app.appId, epoch, step.node.name, visit, key),
      path: [...path, [step.node.name, visit, key]],
      key,
      status: 'queued',
      attempt: 0,
      pending: [],
      due: [],
      leaked: [],
      maps: [],
      children: [],
    })
    for (const [key, branch] of table.live) found.push(this.#live(key, branch, bare))
    for (const [key, result] of table.settled) {
      const { status } = result
      const node = (): AppNode => ({ ...bare(key), status, ...('key' in result && settledFacts(result)) })
      found.push({ key, index: 'index' in result ? result.index : Number.MAX_SAFE_INTEGER, status, node })
    }
    let index = found.length
    for (const key of map.queued()) found.push({ key, index: index++, status: 'queued', node: () => bare(key) })
    return found.sort((a, b) => a.index - b.index)
  }

  #live(key: string, branch: BranchHandle, bare: (key: string) => AppNode): LiveBranch {
    const { inside, task, status: phase, waitsFor, isRetrying, queuedAt, startedAt, origin } = branch
    const { index } = task
    const queued = queuedBefore(queuedAt, startedAt)
    const open = isRetrying ? 'retrying' : this.statusOf(origin, { waits: { level: waitsFor }, attempts: undefined })
    const status = phase === 'made' ? 'queued' : branch.cancelledAt !== undefined ? 'cancelled' : open
    const node = (depth: number): AppNode => ({
      ...(inside === undefined ? this.#elsewhere(bare(key), status, branch) : this.node(inside, status, depth)),
      status,
      key,
      index,
      ...(queued !== undefined && { queuedAt: queued }),
      ...(startedAt !== undefined && { startedAt }),
    })
    return { key, index, status, node }
  }

  /** A branch that runs elsewhere, or has not begun. */
  #elsewhere(node: AppNode, status: BranchStatus, branch: BranchHandle): AppNode {
    const { attempts, origin, journal, reported, worker } = branch
    const { appId, checkpoint } = origin
    const place = { appId, path: node.path, sequenceId: checkpoint.sequenceId + 1, epoch: journal?.epoch ?? 0 }
    return {
      ...node,
      attempt: attempts,
      ...(worker !== undefined && { worker }),
      ...(reported !== undefined && status === 'running' && { step: { ...place, status, ...reported } }),
      pending: this.pending.filter((one) => one.appId === appId).map(pendingOf),
      due: this.due.filter((one) => one.appId === appId).map(dueOf),
    }
  }

  #pages(branches: readonly LiveBranch[], depth: number): readonly BranchPage[] {
    return BRANCH_STATUSES.flatMap((status) => {
      const all = branches.filter((one) => one.status === status)
      if (all.length === 0) return []
      const items = all.slice(0, this.#first).map(({ node }) => node(depth))
      return [{ status, items, more: all.length - items.length }]
    })
  }
}

function countsOf(branches: readonly LiveBranch[]): BranchCounts {
  const counts = noCounts()
  for (const { status } of branches) counts[status] += 1
  return counts
}

function stepOf(app: LiveApp, path: WirePath, status: AppNode['status']): StepRecord | undefined {
  const { appId, checkpoint, run, journal } = app
  const { attempt } = run ?? {}
  const map = run?.step?.map
  if (run?.phase !== 'running' || (status !== 'running' && status !== 'waiting' && status !== 'retrying'))
    return undefined
  const action = attempt?.node.name ?? checkpoint.next
  if (action === undefined) return undefined
  return {
    appId,
    path,
    action,
    sequenceId: checkpoint.sequenceId + 1,
    epoch: journal?.epoch ?? 0,
    status,
    ...(attempt !== undefined && { attempt: attempt.attempt }),
    ...(attempt?.report?.progress !== undefined && { progress: attempt.report.progress }),
    ...(map !== undefined && { map: { map: map.step.node.name, visit: map.visit } }),
  }
}
