import { judge, policyNamed } from '../../parallel/settle.js'
import { cursorAt } from '../../read/cursor.js'
import { BRANCH_STATUSES, type BranchCounts, type BranchStatus, type RunStatus } from '../../read/status.js'
import type { AppNode, BranchPage, MapNode } from '../../read/tree.js'
import type { WirePath } from '../../read/wire-path.js'
import type { BelowCount, StoredBelow, SummaryStatus } from '../summary.js'
import type { BeatFacts, MapFacts } from '../summary-facts.js'
import {
  type BareBranch,
  bareBranches,
  bareCounts,
  bareStatus,
  beatBranches,
  loadedCounts,
  type OpenMapView,
} from './open-branches.js'
import { type Above, resolvedCounts, storedFor } from './resolved.js'
import { factsOf, type KnownApp, type Source } from './source.js'
import { openMapOf } from './standing.js'

// Owns: the maps of an application and pages of their branches.
// M1  A page asks for its own branches, whatever the number of all.

/** One visit of a map of an application. */
export interface MapView {
  readonly app: KnownApp
  readonly path: WirePath
  readonly map: MapFacts
  readonly epoch: number
  /** Whether its step has not committed. */
  readonly isOpen: boolean
  readonly stored: Partial<Record<SummaryStatus, number>>
  readonly beat: BeatFacts | undefined
}

/** When a map began and ended, as far as it is known. */
export type MapTimes = Pick<MapNode, 'startedAt' | 'endedAt'>

/** A branch of a map: with a summary, or without one. */
export type Branch = BareBranch

/** The place of a branch in its map. */
interface BranchPlace {
  readonly index: number
  readonly appId: string
}

/** Maximum number of past visits. */
const MOST_MAPS = 100

/** The visits of maps of an application, the open one first, then past ones, newest first; and the actions that made applications by hand. */
export async function mapsOf(
  source: Source,
  app: KnownApp,
  path: WirePath,
  beat: BeatFacts | undefined,
): Promise<{ readonly maps: readonly MapView[]; readonly more: boolean; readonly makers: ReadonlySet<string> }> {
  const visits = byVisit(await source.driver.countBelow(source.partitionKey, app.appId))
  const { facts, last } = app
  const epoch = last?.epoch ?? facts.epoch
  const next = (last?.sequenceId ?? -1) + 1
  // Before a branch has a row, the summary may not have the map yet: its entries are the last row then.
  const stands =
    last?.label === 'manifest' || visits.some((visit) => visit.epoch === epoch && visit.sequenceId === next)
  const open = openMapOf(app) ?? (stands ? await recordedMap(source, app, next) : undefined)
  const makers = new Set<string>()
  const views: MapView[] = []
  for (const visit of visits) {
    if (makers.has(visit.map)) continue
    const first = await firstOf(source, app.appId, visit)
    if (first !== undefined && first.parent.index < 0) {
      makers.add(visit.map) // an action is a map, or makes applications by hand
      continue
    }
    const at = open !== undefined && isSame({ ...open, epoch }, visit) ? open : undefined
    const { map, visit: number, sequenceId, stored } = visit
    const isCurrent = at !== undefined || (visit.epoch === epoch && sequenceId === next)
    const { of: total, visit: began } = first === undefined ? {} : factsOf(first)
    const mapFacts = at ?? { map, visit: number, sequenceId, ...began, ...(total !== undefined && { total }) }
    views.push({ app, path, map: mapFacts, epoch: visit.epoch, isOpen: isCurrent, stored, beat })
    if (views.length > MOST_MAPS) break
  }
  if (open !== undefined && !views.some(({ isOpen: is }) => is))
    views.unshift({ app, path, map: open, epoch, isOpen: true, stored: {}, beat })
  views.sort((a, b) => Number(b.isOpen) - Number(a.isOpen))
  return { maps: views.slice(0, MOST_MAPS), more: views.length > MOST_MAPS, makers }
}

/** The map of the next step, as its notes have it. */
async function recordedMap(source: Source, app: KnownApp, sequenceId: number): Promise<MapFacts | undefined> {
  const record = app.record ?? (await source.record(app.appId))
  if (record?.map === undefined) return undefined
  const { map, visit, total, startedAt } = record.map
  return { map, visit, sequenceId, startedAt, ...(total !== undefined && { total }) }
}

interface Visit {
  readonly epoch: number
  readonly map: string
  readonly visit: number
  readonly sequenceId: number
  readonly stored: Partial<Record<SummaryStatus, number>>
}

const isSame = (a: Pick<Visit, 'epoch' | 'map' | 'visit'>, b: Visit): boolean =>
  a.epoch === b.epoch && a.map === b.map && a.visit === b.visit

/** The visits, newest first. */
function byVisit(counts: readonly BelowCount[]): readonly Visit[] {
  const visits = new Map<string, Visit & { stored: Partial<Record<SummaryStatus, number>> }>()
  for (const { epoch, sequenceId, map, visit, status, count } of counts) {
    const name = JSON.stringify([epoch, sequenceId, map, visit])
    const known = visits.get(name) ?? { epoch, sequenceId, map, visit, stored: {} }
    known.stored[status] = (known.stored[status] ?? 0) + count
    visits.set(name, known)
  }
  return [...visits.values()].sort((a, b) => b.epoch - a.epoch || b.sequenceId - a.sequenceId || b.visit - a.visit)
}

/** The summary of the first application of a visit. */
async function firstOf(
  { driver, partitionKey }: Source,
  parentId: string,
  { epoch, map, visit }: Visit,
): Promise<StoredBelow['summary'] | undefined> {
  const [first] = await driver.below({ partitionKey, parentId, epoch, map, visit, limit: 1 })
  return first?.summary
}

/** Whether an unfinished map starts no more branches: it has enough, by its policy or by `watch`. */
function isClosed({ map: { policy, closed, total }, stored }: MapView): boolean {
  const { done, failed, cancelled } = resolvedCounts(stored, 'live')
  const rule = policy === undefined ? undefined : policyNamed(policy)
  return closed === true || (rule !== undefined && judge(rule, { total, done, failed, cancelled }) === 'satisfied')
}

/** What is above the branches of a map. Those that it does not need any more are cancelled. */
export const aboveBranches = (view: MapView, above: Above): Above => (view.isOpen && !isClosed(view) ? above : 'ended')

/** Number of branches of a map that is over that have no row: it was closed before they started. */
export function neverStarted({ isOpen, map: { total = 0 }, stored }: MapView): number {
  const known = Object.values(stored).reduce((sum, one) => sum + one, 0)
  return isOpen ? 0 : Math.max(0, total - known)
}

/** The numbers of branches of a map, as they count. */
export async function countsOf(source: Source, view: MapView, above: Above): Promise<BranchCounts> {
  const stored = resolvedCounts(view.stored, 'live')
  const bare = !view.isOpen
    ? { cancelled: neverStarted(view) }
    : view.app.record !== undefined && view.app.facts.counts === undefined && view.beat === undefined
      ? await loadedCounts(source, view)
      : bareCounts(view, stored)
  const raw = Object.fromEntries(
    BRANCH_STATUSES.map((status) => [status, stored[status] + (bare[status as keyof typeof bare] ?? 0)]),
  )
  return resolvedCounts(raw, aboveBranches(view, above))
}

/** The node of a map, without its branches. @param status that of its application */
export function mapNode(
  view: MapView,
  counts: BranchCounts,
  status: RunStatus | BranchStatus,
  times: MapTimes | undefined,
): MapNode {
  const { map, visit, sequenceId, kind, policy, concurrency, limit } = view.map
  const { startedAt = view.map.startedAt, endedAt } = times ?? {}
  const all = Object.values(counts).reduce((sum, one) => sum + one, 0)
  const total = view.map.total ?? (view.isOpen ? undefined : all)
  return {
    map,
    visit,
    epoch: view.epoch,
    sequenceId,
    ...(kind !== undefined && { kind }),
    ...(policy !== undefined && { policy }),
    ...(concurrency !== undefined && { concurrency }),
    ...(limit !== undefined && { limit }),
    ...(total !== undefined && { total }),
    status: mapStatus(view, counts, status, total),
    ...(startedAt !== undefined && { startedAt }),
    ...(endedAt !== undefined && { endedAt }),
    counts,
    branches: [],
  }
}

function mapStatus(
  view: MapView,
  counts: BranchCounts,
  status: RunStatus | BranchStatus,
  total: number | undefined,
): MapNode['status'] {
  const { app, isOpen: open, epoch, map } = view
  if (!open) {
    const past = app.last === undefined || epoch < app.last.epoch || map.sequenceId <= app.last.sequenceId
    return past ? 'done' : 'cancelled'
  }
  if (status === 'interrupted' || status === 'failed' || status === 'cancelled') return status
  const settled = counts.done + counts.failed + counts.cancelled
  return total !== undefined && total > 0 && settled === total ? 'reducing' : 'running'
}

/** Branches of a map with some statuses, in declaration order. */
export async function branchPage(
  source: Source,
  view: MapView,
  wanted: readonly BranchStatus[],
  above: Above,
  { limit, after }: { readonly limit: number; readonly after?: BranchPlace | undefined },
): Promise<{ readonly items: readonly Branch[]; readonly after: BranchPlace | undefined }> {
  const inside = aboveBranches(view, above)
  const { driver, partitionKey } = source
  const { map, visit } = view.map
  const place = { partitionKey, parentId: view.app.appId, epoch: view.epoch, map, visit }
  const rows = await driver.below({ ...place, status: storedFor(wanted, inside), limit: limit + 1, after })
  const beats = view.isOpen ? beatBranches(view) : undefined
  const found: Branch[] = rows.map((row) => {
    const { index, key } = row.summary.parent
    return { appId: row.appId, index, key, known: knownBelow(row), beat: beats?.get(row.appId) }
  })
  if (mayHaveBare(view)) {
    const bound = found.length > limit ? found[limit] : undefined
    for await (const bare of bareBranches(source, openView(view), after?.index ?? 0)) {
      if (bound !== undefined && byPlace(bare, bound) > 0) break
      if (after !== undefined && byPlace(bare, after) <= 0) continue
      if (!wanted.includes(bareStatus(bare, inside))) continue
      found.push(bare)
      if (bound === undefined && found.length > rows.length + limit) break
    }
    found.sort(byPlace)
  }
  const items = found.slice(0, limit)
  const last = found.length > limit ? items.at(-1) : undefined
  return { items, after: last && { index: last.index, appId: last.appId } }
}

/** Whether a map may have branches without a summary. */
function mayHaveBare({ isOpen, map: { total }, stored }: MapView): boolean {
  const known = Object.values(stored).reduce((sum, one) => sum + one, 0)
  return isOpen && (total === undefined || known < total)
}

const openView = ({ app, path, map, epoch, beat }: MapView): OpenMapView => ({ app, path, map, epoch, beat })

const byPlace = (a: BranchPlace, b: BranchPlace): number =>
  a.index - b.index || (a.appId < b.appId ? -1 : a.appId > b.appId ? 1 : 0)

export const knownBelow = ({ appId, summary, last }: StoredBelow): KnownApp => ({
  appId,
  summary,
  facts: factsOf(summary),
  last,
})

/** The first branches of each status that has any. */
export async function firstPages(
  source: Source,
  view: MapView,
  counts: BranchCounts,
  above: Above,
  first: number,
  toNode: (branch: Branch) => Promise<AppNode>,
): Promise<readonly BranchPage[]> {
  const pages: BranchPage[] = []
  for (const status of BRANCH_STATUSES) {
    if (counts[status] === 0) continue
    const { items, after } = await branchPage(source, view, [status], above, { limit: first })
    if (items.length === 0) continue
    const nodes: AppNode[] = []
    for (const one of items) nodes.push(await toNode(one))
    pages.push({
      status,
      items: nodes,
      more: after === undefined ? 0 : Math.max(1, counts[status] - items.length),
      ...(after !== undefined && { after: branchCursor(after) }),
    })
  }
  return pages
}

/** The cursor of a branch. */
export const branchCursor = ({ index, appId }: BranchPlace): string => cursorAt('branch', [index, appId])
