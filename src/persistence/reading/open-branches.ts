import type { BranchCounts, BranchStatus } from '../../read/status.js'
import { noCounts } from '../../read/status.js'
import type { WirePath } from '../../read/wire-path.js'
import type { SummaryParent } from '../summary.js'
import type { BeatBranch, BeatFacts, MapFacts } from '../summary-facts.js'
import { branchesOf, derivedFrom } from './derived.js'
import { type Above, branchStatusOf } from './resolved.js'
import type { KnownApp, Source } from './source.js'

// Owns: the branches of an unfinished map that have no summary: queued ones, ones whose first step runs, and ones that
// older code has stored. They are found by the recorded entries of the map and by the last heartbeat.

/** A branch without a summary. */
export interface BareBranch {
  readonly appId: string
  readonly key: string
  /** {@link UNKNOWN_INDEX} for a branch of a generator, which is recorded with its first step. */
  readonly index: number
  /** Its record, where older code has stored it. */
  readonly known: KnownApp | undefined
  readonly beat: BeatBranch | undefined
}

/** The unfinished map of an application. */
export interface OpenMapView {
  readonly app: KnownApp
  readonly path: WirePath
  readonly map: MapFacts
  readonly epoch: number
  readonly beat: BeatFacts | undefined
}

/** The index of a branch that is not recorded: behind all others. */
export const UNKNOWN_INDEX = 2 ** 31 - 1

/** Number of entries that are looked up together. */
const AT_ONCE = 200

/** The branches of the heartbeat that belong to a map, by id. */
export function beatBranches({ beat, path, map }: Omit<OpenMapView, 'app' | 'epoch'>): Map<string, BeatBranch> {
  const below = (beat?.branches ?? []).filter(({ path: one }) => {
    const [name, visit] = one[path.length] ?? []
    return one.length === path.length + 1 && name === map.map && visit === map.visit && startsWith(one, path)
  })
  return new Map(below.map((one) => [one.appId, one]))
}

const startsWith = (path: WirePath, head: WirePath): boolean =>
  head.every((segment, i) => segment.every((part, at) => path[i]?.[at] === part))

/** Branches without a summary, in declaration order, then those of the heartbeat that are not recorded. */
export async function* bareBranches(
  source: Source,
  view: OpenMapView,
  from: number,
): AsyncGenerator<BareBranch, void, void> {
  const { app, map, epoch } = view
  const record = app.record ?? (await source.record(app.appId))
  const beats = beatBranches(view)
  const entries = record === undefined || record.map?.map !== map.map ? [] : [...branchesOf(record)]
  const wanted = entries.filter(({ index }) => index >= from)
  for (let at = 0; at < wanted.length; at += AT_ONCE) {
    const some = wanted.slice(at, at + AT_ONCE)
    const ids = some.map(({ appId }) => appId)
    const summaries = await source.driver.summaries(source.partitionKey, ids)
    const bare = some.filter((_, i) => summaries[i] === undefined)
    const records = await source.records(bare.map(({ appId }) => appId))
    for (const [i, { appId, key, index }] of bare.entries()) {
      const place: SummaryParent = {
        appId: app.appId,
        epoch,
        sequenceId: map.sequenceId,
        map: map.map,
        visit: map.visit,
        key,
        index,
      }
      const stored = records[i]
      const known = stored && (await derivedFrom(source, stored, place))
      yield { appId, key, index, known, beat: beats.get(appId) }
    }
  }
  const recorded = new Set(entries.map(({ appId }) => appId))
  const rest = [...beats.values()].filter(({ appId }) => !recorded.has(appId))
  const summaries = await source.driver.summaries(
    source.partitionKey,
    rest.map(({ appId }) => appId),
  )
  const unknown = rest.filter((_, i) => summaries[i] === undefined).sort((a, b) => (a.appId < b.appId ? -1 : 1))
  for (const beat of unknown)
    yield { appId: beat.appId, key: beat.path.at(-1)?.[2] ?? '', index: UNKNOWN_INDEX, known: undefined, beat }
}

/** The status of a branch without a summary, as it counts. */
export const bareStatus = ({ known, beat }: BareBranch, above: Above): BranchStatus =>
  branchStatusOf(known?.summary.status ?? beat?.status ?? 'queued', above)

/**
 * The numbers of branches without a summary, by stored status: what the heartbeat counts beyond the stored ones, and the
 * rest of the total as queued.
 * @param stored numbers of branches with a summary
 */
export function bareCounts(view: OpenMapView, stored: BranchCounts): BranchCounts {
  const { app, beat, map, path } = view
  const counts = noCounts()
  const known = path.length === 0 && beat !== undefined ? beat.counts : (app.facts.counts ?? {})
  const sum = (of: Partial<BranchCounts>): number => Object.values(of).reduce((all, one) => all + one, 0)
  let left = Math.max(0, (map.total ?? sum(known)) - sum(stored))
  const listed = noCounts()
  for (const { status } of beatBranches(view).values()) listed[status] += 1
  for (const status of ['done', 'cancelled', 'running', 'waiting', 'retrying'] as const) {
    const beyond = Math.max(0, (known[status] ?? 0) - stored[status])
    counts[status] = Math.min(left, status === 'running' && known[status] === undefined ? listed.running : beyond)
    left -= counts[status]
  }
  counts.queued = left
  return counts
}

/** The numbers of branches without a summary where older code has stored the application: each is loaded. */
export async function loadedCounts(source: Source, view: OpenMapView): Promise<BranchCounts> {
  const counts = noCounts()
  for await (const bare of bareBranches(source, view, 0)) counts[bareStatus(bare, 'live')] += 1
  return counts
}
