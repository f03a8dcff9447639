import type { FanOut } from '../parallel/fan-out.js'
import type { Feed } from '../parallel/restored-feed.js'
import type { Journal } from '../persistence/journal.js'
import type { KeptBranches, KeptMap } from '../persistence/map-keeping.js'
import { millisecondsOf } from '../persistence/order.js'
import type { Persister } from '../persistence/persister.js'
import type { BranchStarter } from './branch-starter.js'
import { mapSource } from './map-outcome.js'
import { mindStore } from './minded-store.js'
import type { Recorder } from './recorder.js'
import { wrap } from './step-border.js'
import { TaskFeed } from './task-feed.js'
import type { LiveApp, LiveMap } from './tree.js'

// Owns: where the tasks of a map come from, and that they go through its books where the application has a journal.

/** What a map is told by its feed. */
export interface FeedTold extends Pick<KeptMap, 'wake' | 'enough' | 'restored' | 'closed' | 'fault'> {
  readonly record: Recorder['record']
}

/** The tasks of a map, and the books of its branches. */
export interface OpenedFeed {
  readonly feed: Feed
  readonly kept: KeptBranches<Journal> | undefined
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
  const journal = own === null ? undefined : (app.journal ?? loneJournal(app, own))
  if (journal === undefined) return { feed, kept: undefined }
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

/** The books of a map whose application is not stored itself. */
function loneJournal(app: LiveApp, own: Persister | undefined): Journal | undefined {
  const journal = own?.journal({ rootId: app.appId, clock: app.hub.clock })
  if (journal !== undefined) mindStore(app, journal.scope)
  return journal
}
