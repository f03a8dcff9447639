import { type FanOut, type TaskSource, traitsOf } from '../../parallel/fan-out.js'
import { openSource } from '../../parallel/open-source.js'
import type { Feed } from '../../parallel/restored-feed.js'
import type { AppJournal, MapJournal } from '../../persistence/app-journal.js'
import type { BranchStore, StoredMapVisit } from '../../persistence/branch-store.js'
import type { Persister } from '../../persistence/persister.js'
import type { Application, CurrentAttempt } from '../application.js'
import { failOnStoreLoss } from '../durability.js'
import { wrap } from '../step/attempt.js'
import { isScoped } from '../step/code-scope.js'
import type { BranchStarter } from './branch-starter.js'
import { KeptBranches, type KeptCallbacks } from './kept-branches.js'
import type { MapVisit } from './map-visit.js'
import type { Settling } from './record-branch-result.js'
import { TaskFeed } from './task-feed.js'

// Owns: the tasks of a map: its source, through the stored or kept progress of its branches.
// Does not own: that progress (persistence/durable-task-feed.ts, kept-branches.ts).

/** The callbacks of a map for its feed. */
export interface FeedCallbacks
  extends Pick<StoredMapVisit, 'wake' | 'satisfied' | 'cancelled' | 'restored' | 'closed' | 'isCancelled' | 'fault'> {
  readonly record: (settling: Settling) => void
}

/** The tasks of a map, with the stored or kept progress of its branches. */
export interface OpenedFeed {
  readonly feed: Feed
  readonly store?: BranchStore<MapJournal>
  readonly kept?: KeptBranches | undefined
}

/** Opens the source of a map. @throws the error of the source; an error for duplicate keys */
export function openFeed(
  map: MapVisit,
  fanOut: FanOut,
  signal: () => AbortSignal,
  starter: BranchStarter,
  callbacks: FeedCallbacks,
): OpenedFeed {
  const { app, run, step, visit, policy } = map
  const { name, subject } = step.node
  const source = sourceOf(map, fanOut, signal)
  const { entries, toTask } = source
  const feed = new TaskFeed(subject, source, callbacks.wake, (thrown, prefix) => wrap(run, step.node, thrown, prefix))
  const own = fanOut.persister as Persister | null | undefined
  const journal = own === null ? undefined : (app.journal ?? branchOnlyJournal(app, own))
  if (journal === undefined) return keptFeed(map, fanOut, feed, starter, callbacks)
  const taskAt = entries.kind === 'known' ? (i: number) => toTask(entries.at(i), i) : undefined
  const settle: StoredMapVisit['settle'] = (task, { startedAt, attempts, hasState, state }, result, endedAt) => {
    const past = { inputs: starter.inputsOf(task), attempts, endedAt, state: hasState ? state : undefined }
    callbacks.record({ task, startedAt, result, past })
  }
  const traits = traitsOf(fanOut, policy, app.semaphore)
  const about = {
    subject,
    name,
    visit,
    policy,
    traits,
    base: { ...step.state },
    feed,
    taskAt,
    settle,
    own: app.journal && own,
  }
  const store = journal.openMap({ ...about, ...callbacks })
  return { feed: store, store }
}

/** The source of a map for one step. Its signal is its own: it fires when the map needs no more tasks. */
function sourceOf({ app, step }: MapVisit, fanOut: FanOut, signal: () => AbortSignal): TaskSource {
  const { node, state, inputs } = step
  const open = (): TaskSource =>
    openSource(fanOut, {
      subject: node.subject,
      state,
      inputs,
      get signal() {
        return signal()
      },
    })
  return isScoped(app) ? scoped(step, step.within(open)) : open()
}

/** A generator whose code runs in the scope of its step. */
function scoped(step: CurrentAttempt, source: TaskSource): TaskSource {
  const { entries } = source
  if (entries.kind === 'known') return source
  const surrounded = <I extends typeof entries.iterator>(iterator: I): I =>
    ({
      next: () => step.within(() => iterator.next()),
      return: (value?: unknown) => step.within(() => iterator.return?.(value)),
    }) as I
  return entries.waits
    ? { ...source, entries: { ...entries, iterator: surrounded(entries.iterator) } }
    : { ...source, entries: { ...entries, iterator: surrounded(entries.iterator) } }
}

/** The tasks of a map that is not stored, with its kept progress. */
function keptFeed(
  { app, step, visit }: MapVisit,
  { fold }: FanOut,
  feed: Feed,
  starter: BranchStarter,
  callbacks: FeedCallbacks,
): OpenedFeed {
  const kept = fold.kind === 'all' ? KeptBranches.of(app, step.node.name, visit, step.state) : undefined // H3
  app.kept = kept
  if (kept === undefined) return { feed }
  const settle: KeptCallbacks['settle'] = (task, result) => {
    const { startedAt, endedAt, attempts, state } = result
    callbacks.record({ task, startedAt, result, past: { inputs: starter.inputsOf(task), attempts, endedAt, state } })
  }
  return { feed: kept.over(feed, step.state, { ...callbacks, settle }), kept }
}

/** The journal for the branches of an application that is not stored itself. */
function branchOnlyJournal(app: Application, own: Persister | undefined): AppJournal | undefined {
  const journal = own?.journal({ rootId: app.appId, clock: app.system.clock })
  if (journal !== undefined) failOnStoreLoss(app, journal)
  return journal
}
