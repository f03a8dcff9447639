import { reviveKnown } from '../codec/revive.js'
import type { CancelCause } from '../lifecycle/events.js'
import { cursorAt } from '../read/cursor.js'
import { type CancelData, type ErrorData, errorData } from '../read/error-data.js'
import type { RunSummary, WorkerInfo } from '../read/run-summary.js'
import { BRANCH_STATUSES, type BranchStatus, isOpen, type RunStatus, type StepStatus } from '../read/status.js'
import type { AppNode, BranchPage, Due, MapNode, Pending, StepRecord } from '../read/tree.js'
import type { WirePath } from '../read/wire-path.js'
import { isRef } from './blob-ref.js'
import type { RunFold } from './fold.js'
import { type Above, aboveIn, branchStatus, countsOf, isOpenApp, rootStatus } from './fold-status.js'
import type { FoldedApp, FoldedCancel, FoldedMap, FoldedStep, FoldedWait } from './folded.js'

// Owns: a folded run in the form of readers.

/** What a reader knows of the process that writes the log. */
export interface LogBeat {
  /** Whether it may be alive. */
  readonly alive: boolean
  /** Its last sign of life, epoch milliseconds. */
  readonly seenAt: number | undefined
}

const errorOf = (error: unknown): ErrorData =>
  isRef(error)
    ? { name: 'Error', message: `The file with this error is gone: ${error.p}` }
    : errorData(reviveKnown(error))

const cancelOf = ({ by, cause, reason, at }: FoldedCancel): CancelData => ({
  by,
  cause: cause as CancelCause,
  reason,
  at,
})

/** All open applications at and below one. */
function* openBelow(app: FoldedApp): Generator<FoldedApp, void, void> {
  if (!isOpenApp(app)) return
  yield app
  for (const branch of app.openMap?.branches.values() ?? []) yield* openBelow(branch)
  for (const child of app.children.values()) yield* openBelow(child)
}

const questionsOf = ({ waits }: FoldedApp): readonly FoldedWait[] => waits.filter(({ from }) => from === 'outside')

function dueOf({ appId, path, waits, retry }: FoldedApp): readonly Due[] {
  const times: Due[] = waits.flatMap(({ until, from, action, sequenceId }) =>
    until === undefined
      ? []
      : [{ appId, path, kind: from === 'time' ? 'sleep' : 'wait', at: until, action, sequenceId }],
  )
  return retry === undefined ? times : [...times, { appId, path, kind: 'retry', ...retry }]
}

/** A run, without its state. @returns undefined before its first line */
export function foldedSummary(fold: RunFold, { alive, seenAt }: LogBeat): RunSummary | undefined {
  const { head, root, createdAt = 0, updatedAt, startedAt, endedAt, leaked } = fold
  if (head === undefined || root === undefined) return undefined
  const status = rootStatus(root, alive)
  const open = isOpen(status) ? [...openBelow(root)] : []
  const due = open.flatMap((app) => dueOf(app).map(({ at }) => at))
  const map = root.openMap
  const worker: WorkerInfo = { ...head.worker, ...(seenAt !== undefined && { seenAt }) }
  const isGone = status === 'interrupted' && seenAt !== undefined && root.status === 'open' && root.cut === undefined
  return {
    runId: head.runId,
    partitionKey: head.partitionKey,
    ...(head.name !== undefined && { name: head.name }),
    ...(head.graph !== undefined && { graph: head.graph }),
    ...(head.title !== undefined && { title: head.title }),
    labels: head.labels ?? {},
    status,
    since: isGone ? seenAt : status === 'waiting' || status === 'retrying' ? lastSince(open) : root.since,
    createdAt,
    ...(startedAt !== undefined && { startedAt }),
    updatedAt,
    ...(endedAt !== undefined && !isOpen(status) && { endedAt }),
    ...(root.position !== undefined && { position: root.position }),
    ...(root.next !== undefined && { next: root.next }),
    sequenceId: root.sequenceId,
    epoch: root.epoch,
    incarnation: head.incarnation,
    ...(map !== undefined && { branches: countsOf(map, aboveIn(status, 'live')) }),
    pending: open.reduce((sum, app) => sum + questionsOf(app).length, 0),
    retrying: open.filter(({ retry }) => retry !== undefined).length,
    leaked,
    ...(due.length > 0 && { nextAt: due.reduce((first, at) => Math.min(first, at), Infinity) }),
    ...(root.error !== undefined && !isOpen(status) && { error: errorOf(root.error) }),
    ...(root.cancelled !== undefined && { cancelled: cancelOf(root.cancelled) }),
    ...(isOpen(status) && alive && endedAt === undefined && { heldBy: worker }),
    ...(fold.forkedFrom !== undefined && { forkedFrom: fold.forkedFrom }),
  }
}

const lastSince = (open: readonly FoldedApp[]): number => open.reduce((last, { since }) => Math.max(last, since), 0)

/** Reads nodes of a folded run. */
export class FoldedTree {
  readonly #fold: RunFold
  readonly #first: number
  readonly #beat: LogBeat

  /** @param first number of branches per status */
  constructor(fold: RunFold, beat: LogBeat, first: number) {
    this.#fold = fold
    this.#beat = beat
    this.#first = first
  }

  /** An application by its path, with what is above it. */
  find(
    path: WirePath,
  ): { readonly app: FoldedApp; readonly status: RunStatus | BranchStatus; readonly above: Above } | undefined {
    let app = this.#fold.root
    if (app === undefined) return undefined
    let status: RunStatus | BranchStatus = rootStatus(app, this.#beat.alive)
    let above: Above = 'live'
    for (const [name, visit, key] of path) {
      const map: FoldedMap | undefined = app.maps.findLast((one) => one.map === name && one.visit === visit)
      const child: FoldedApp | undefined = map?.branches.get(key) ?? childOf(app, name, visit, key)
      if (child === undefined) return undefined
      above = map !== undefined && map.endedAt !== undefined ? 'ended' : aboveIn(status, above)
      app = child
      status = branchStatus(app, above)
    }
    return { app, status, above }
  }

  /** @param depth number of levels, this one included */
  node(app: FoldedApp, status: RunStatus | BranchStatus, above: Above, depth: number): AppNode {
    const { appId, path, index, title, queuedAt, startedAt, endedAt, position, next, recovered, error } = app
    const cancelled = app.cancelled ?? (status === 'interrupted' ? app.cancelOfCut : undefined)
    const step = stepOf(app, status)
    const inside = aboveIn(status, above)
    const open = isOpen(status)
    return {
      appId,
      path,
      ...(path.length > 0 && { key: path.at(-1)?.[2] ?? '' }),
      ...(index !== undefined && { index }),
      ...(title !== undefined && { title }),
      status,
      since: app.since,
      ...(queuedAt !== undefined && { queuedAt }),
      ...(startedAt !== undefined && { startedAt }),
      ...(endedAt !== undefined && !open && { endedAt }),
      epoch: app.epoch,
      sequenceId: app.sequenceId,
      ...(position !== undefined && { position }),
      ...(next !== undefined && { next }),
      attempt: app.attempt,
      ...(app.worker !== undefined && { worker: app.worker }),
      ...(recovered && { recovered }),
      ...(step !== undefined && { step }),
      ...(error !== undefined && !open && { error: errorOf(error) }),
      ...(cancelled !== undefined && { cancelled: cancelOf(cancelled) }),
      pending: open ? questionsOf(app).map((wait) => this.#pending(app, wait)) : [],
      due: open ? dueOf(app) : [],
      leaked: app.leaked,
      maps: depth < 1 ? [] : mapsOf(app).map((map) => this.#map(map, status, inside, depth - 1)),
      children:
        depth < 1
          ? []
          : [...app.children.values()].map((one) => this.node(one, branchStatus(one, inside), inside, depth - 1)),
    }
  }

  /** The open questions of a run. */
  questions(): readonly Pending[] {
    const { root } = this.#fold
    if (root === undefined || !isOpen(rootStatus(root, this.#beat.alive))) return []
    return [...openBelow(root)].flatMap((app) => questionsOf(app).map((wait) => this.#pending(app, wait)))
  }

  #pending({ appId, path }: FoldedApp, wait: FoldedWait): Pending {
    const { id, kinds, since, until, ask, schemas, action, sequenceId, answered } = wait
    const { runId = '', partitionKey = null, title, labels } = this.#fold.head ?? {}
    return {
      ...{ runId, partitionKey, appId, path, action, sequenceId, id, kinds },
      ...(ask !== undefined && { ask }),
      ...(schemas !== undefined && { schemas: schemas as NonNullable<Pending['schemas']> }),
      since,
      ...(until !== undefined && { until }),
      answered,
      ...(title !== undefined && { title }),
      ...(labels !== undefined && { labels }),
    }
  }

  #map(map: FoldedMap, status: RunStatus | BranchStatus, above: Above, depth: number): MapNode {
    const isPast = map.endedAt !== undefined
    const inside: Above = isPast ? 'ended' : above
    const counts = countsOf(map, inside)
    const { policy, kind, concurrency, limit, total, endedAt } = map
    const all = Object.values(counts).reduce((sum, one) => sum + one, 0)
    const known = total ?? (isPast ? all : undefined)
    return {
      ...{ map: map.map, visit: map.visit, epoch: map.epoch, sequenceId: map.sequenceId },
      ...(kind !== undefined && { kind: kind as NonNullable<MapNode['kind']> }),
      ...(policy !== undefined && { policy }),
      ...(concurrency !== undefined && { concurrency }),
      ...(limit !== undefined && { limit }),
      ...(known !== undefined && { total: known }),
      status: mapStatus(map, status),
      startedAt: map.startedAt,
      ...(endedAt !== undefined && { endedAt }),
      counts,
      branches: isPast || depth < 1 ? [] : this.#pages(map, inside, depth),
    }
  }

  #pages(map: FoldedMap, above: Above, depth: number): readonly BranchPage[] {
    const byStatus = new Map<BranchStatus, FoldedApp[]>()
    for (const branch of inOrder(map)) {
      const status = branchStatus(branch, above)
      const known = byStatus.get(status)
      if (known === undefined) byStatus.set(status, [branch])
      else known.push(branch)
    }
    return BRANCH_STATUSES.flatMap((status) => {
      const all = byStatus.get(status) ?? []
      if (all.length === 0) return []
      const some = all.slice(0, this.#first)
      const last = some.at(-1)
      const more = all.length - some.length
      const items = some.map((one) => this.node(one, status, above, depth))
      return [{ status, items, more, ...(more > 0 && last !== undefined && { after: branchCursor(last) }) }]
    })
  }
}

/** The branches of a map, in declaration order. */
export const inOrder = ({ branches }: FoldedMap): readonly FoldedApp[] =>
  [...branches.values()].sort((a, b) => (a.index ?? 0) - (b.index ?? 0))

const branchCursor = ({ index = 0, appId }: FoldedApp): string => cursorAt('branch', [index, appId])

/** The open map, then past ones, newest first. */
function mapsOf({ maps, openMap }: FoldedApp): readonly FoldedMap[] {
  const past = maps.filter((one) => one !== openMap).reverse()
  return openMap === undefined ? past : [openMap, ...past]
}

function childOf({ children }: FoldedApp, name: string, visit: number, key: string): FoldedApp | undefined {
  for (const child of children.values()) {
    const [at, number, own] = child.path.at(-1) ?? []
    if (at === name && number === visit && own === key) return child
  }
  return undefined
}

function mapStatus({ status, endedAt }: FoldedMap, above: RunStatus | BranchStatus): MapNode['status'] {
  if (endedAt !== undefined) return status
  if (above === 'interrupted' || above === 'failed' || above === 'cancelled') return above
  return status
}

/** The step under way, or the one that did not commit. */
function stepOf({ step }: FoldedApp, status: RunStatus | BranchStatus): StepRecord | undefined {
  if (step === undefined || status === 'done' || status === 'finished' || status === 'halted') return undefined
  return stepRecord(step, status === 'queued' ? undefined : status)
}

/** A step in the form of readers. @param status that of its application, while the step is open */
export function stepRecord({ error, status: own, ...step }: FoldedStep, status?: StepStatus): StepRecord {
  return { ...step, status: status ?? own, ...(error !== undefined && { error: errorOf(error) }) }
}
