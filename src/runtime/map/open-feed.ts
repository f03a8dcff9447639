import type { FanOut } from '../../parallel/fan-out.js'
import type { Feed } from '../../parallel/restored-feed.js'
import type { Journal } from '../../persistence/journal.js'
import type { KeptBranches, KeptMap } from '../../persistence/map-keeping.js'
import { millisecondsOf } from '../../persistence/order.js'
import type { Persister } from '../../persistence/persister.js'
import { failOnStoreLoss } from '../minded-store.js'
import { wrap } from '../step/attempt-border.js'
import type { LiveApp, LiveMap } from '../tree.js'
import type { Recorder } from './branch-result.js'
import type { BranchStarter } from './branch-starter.js'
import { HeldBranches, type HeldTold } from './held-branches.js'
import { mapSource } from './outcome.js'
import { TaskFeed } from './task-feed.js'

// Owns: where the tasks of a map come from, and that they go through what is stored of its branches, or is held of them.

/** What a map is told by its feed. */
export interface FeedTold extends Pick<KeptMap, 'wake' | 'enough' | 'restored' | 'closed' | 'fault'> {
  readonly record: (...settled: Parameters<Recorder['record']>) => void
}

/** The tasks of a map, and what is stored of its branches, or held. */
export interface OpenedFeed {
  readonly feed: Feed
  readonly kept?: KeptBranches<Journal>
  readonly held?: HeldBranches | undefined
}

/** Opens the source of a map. @throws what the source throws, and for keys that are given twice */
export function openFeed(
  map: LiveMap,
  fanOut: FanOut,
  signal: () => AbortSignal,
  starter: BranchStarter,
  told: FeedTold,
): OpenedFeed {
  const { app, run, step, visit, policy } = map
  const { name, subject } = step.node
  const source = mapSource(fanOut, step, signal)
  const { entries, toTask } = source
  const feed = new TaskFeed(subject, source, told.wake, (thrown, told) => wrap(run, step.node, thrown, told))
  const own = fanOut.persister as Persister | null | undefined
  const journal = own === null ? undefined : (app.journal ?? branchOnlyJournal(app, own))
  if (journal === undefined) return heldFeed(map, fanOut, feed, starter, told)
  const taskAt = entries.kind === 'known' ? (i: number) => toTask(entries.at(i), i) : undefined
  const settle: KeptMap['settle'] = (task, { startedAt, attempts, order, based, state }, ending) =>
    told.record(task, undefined, startedAt, ending, {
      inputs: starter.inputsOf(task),
      attempts,
      endedAt: millisecondsOf(order),
      state: based ? state : undefined,
    })
  const about = { subject, name, visit, policy, base: { ...step.state }, feed, taskAt, settle, own: app.journal && own }
  const kept = journal.openMap({ ...about, ...told })
  return { feed: kept, kept }
}

/** The tasks of a map that is not stored, with what is held of it in memory. */
function heldFeed(
  { app, step, visit }: LiveMap,
  { fold }: FanOut,
  feed: Feed,
  starter: BranchStarter,
  told: FeedTold,
): OpenedFeed {
  const held = fold.kind === 'all' ? HeldBranches.of(app, step.node.name, visit, step.state) : undefined // H4
  app.held = held
  if (held === undefined) return { feed }
  const settle: HeldTold['settle'] = (task, settled) => {
    const { startedAt, endedAt, attempts, state } = settled
    told.record(task, undefined, startedAt, settled, { inputs: starter.inputsOf(task), attempts, endedAt, state })
  }
  return { feed: held.over(feed, step.state, { ...told, settle }), held }
}

/** The books of a map whose application is not stored itself. */
function branchOnlyJournal(app: LiveApp, own: Persister | undefined): Journal | undefined {
  const journal = own?.journal({ rootId: app.appId, clock: app.system.clock })
  if (journal !== undefined) failOnStoreLoss(app, journal.scope)
  return journal
}
