import { branchIdOf } from '../../parallel/branch-id.js'
import type { BranchStatus, RunStatus } from '../../read/status.js'
import type { WirePath } from '../../read/wire-path.js'
import type { SummaryParent } from '../summary.js'
import type { BeatFacts } from '../summary-facts.js'
import { damagedApp, derivedFrom, positionOf } from './derived.js'
import { aboveBranches, mapsOf } from './maps.js'
import { type BareBranch, bareBranches, bareStatus } from './open-branches.js'
import { type Above, aboveIn } from './resolved.js'
import type { KnownRun } from './runs.js'
import { factsOf, type KnownApp, type Source, type Summary } from './source.js'

/** An application at a path. */
export interface Found {
  readonly path: WirePath
  readonly status: RunStatus | BranchStatus
  readonly above: Above
  /** Undefined for a branch that nothing is stored of. */
  readonly known: KnownApp | undefined
  /** Undefined for the root. */
  readonly bare: BareBranch | undefined
}

/** A run that is read. */
interface Reading {
  readonly known: KnownRun
  readonly beat: BeatFacts | undefined
}

/** Finds an application by its path. @returns undefined when there is none */
export async function findApp(source: Source, { known, beat }: Reading, path: WirePath): Promise<Found | undefined> {
  let at: Found = { known: known.root, bare: undefined, path: [], status: known.status, above: 'live' }
  for (let depth = 0; depth < path.length; depth++) {
    const segment = path[depth]
    if (segment === undefined || at.known === undefined) return undefined
    const next = await stepDown(source, at, at.known, segment, beat)
    if (next === undefined) return undefined
    at = next
  }
  return at
}

/** The id of an application below another one, in the newest epoch that has it. */
async function idBelow(
  source: Source,
  parent: KnownApp,
  [map, visit, key]: WirePath[number],
): Promise<{ readonly appId: string; readonly epoch: number } | undefined> {
  const newest = parent.last?.epoch ?? parent.facts.epoch
  const epochs = Array.from({ length: newest + 1 }, (_, i) => newest - i)
  const ids = epochs.map((epoch) => branchIdOf(parent.appId, epoch, map, visit, key))
  const summaries = await source.driver.summaries(source.partitionKey, ids)
  const stored = summaries.findIndex((one) => one !== undefined)
  const at = stored >= 0 ? stored : (await source.records(ids)).findIndex((one) => one !== undefined)
  const [appId, epoch] = [ids[at], epochs[at]]
  return appId === undefined || epoch === undefined ? undefined : { appId, epoch }
}

async function stepDown(
  source: Source,
  found: Found,
  parent: KnownApp,
  segment: WirePath[number],
  beat: BeatFacts | undefined,
): Promise<Found | undefined> {
  const [map, visit, key] = segment
  const path: WirePath = [...found.path, segment]
  const above = aboveIn(found.status, found.above)
  const { maps } = await mapsOf(source, parent, found.path, beat)
  const id = await idBelow(source, parent, segment)
  const view = maps.find(
    (one) => one.map.map === map && one.map.visit === visit && (id === undefined || one.epoch === id.epoch),
  )
  const inside = view === undefined ? above : aboveBranches(view, above)
  if (id === undefined) {
    if (view === undefined || !view.isOpen) return undefined
    for await (const bare of bareBranches(source, view, 0))
      if (bare.key === key) return { known: bare.known, bare, path, status: bareStatus(bare, inside), above: inside }
    return undefined
  }
  const [summary] = await source.driver.summaries(source.partitionKey, [id.appId])
  const place: SummaryParent = {
    appId: parent.appId,
    epoch: id.epoch,
    sequenceId: view?.map.sequenceId ?? 0,
    map,
    visit,
    key,
    index: -1,
  }
  const known = await readBranch(source, id.appId, summary, place)
  if (known === undefined) return undefined
  const bare = { appId: id.appId, key, index: known.summary.parent?.index ?? -1, known, beat: undefined }
  return { known, bare, path, status: bareStatus(bare, inside), above: inside }
}

async function readBranch(
  source: Source,
  appId: string,
  summary: Summary | undefined,
  place: SummaryParent,
): Promise<KnownApp | undefined> {
  try {
    const record = await source.record(appId)
    if (summary === undefined) return record && (await derivedFrom(source, record, place))
    return { appId, summary, facts: factsOf(summary), last: record && positionOf(record), record }
  } catch (error) {
    const damaged = damagedApp(appId, undefined, error, place)
    return summary === undefined ? damaged : { appId, summary, facts: factsOf(summary), last: undefined }
  }
}
