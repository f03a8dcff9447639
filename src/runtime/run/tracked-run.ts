import { runnableOf } from '../../graph/plan-of.js'
import { nameOf, observe } from '../../internal/guards.js'
import { publicState } from '../../state/freeze.js'
import type { TrackedRun, Tracker } from '../../tracking/tracker.js'
import type { Application } from '../application.js'
import { reportFault } from '../emit.js'
import type { EventSource } from '../event-source.js'

/** Describes a run of the root application to its tracker. Trackers of maps get it at their first branch. */
export function beginTracking(app: Application): void {
  const { tracker, system, journal, checkpoint, appId, plan } = app
  if (tracker === undefined || app.parent !== undefined) return // an application that an action made is part of the run
  const { state, position, next, sequenceId } = checkpoint
  const { partitionKey, start } = journal?.scope.settings ?? { partitionKey: null }
  const { name, title, labels = {}, createdAt, startedAt } = journal?.scope.about ?? {}
  const run: TrackedRun = {
    eventsOf: system.runId,
    appId,
    partitionKey,
    incarnation: system.store?.incarnation ?? 0,
    epoch: journal?.epoch ?? 0,
    ...(name !== undefined && { name }),
    graph: runnableOf(plan),
    ...(title !== undefined && { title }),
    labels,
    carried: start?.carried,
    sequenceId,
    ...(position !== undefined && { position }),
    ...(next !== undefined && { next }),
    createdAt,
    startedAt,
  }
  system.tracked = { run, below: undefined }
  tell(app, tracker, { ...run, state: publicState(state) })
}

/** Describes the run to the tracker of a map, unless it is that of its application. Each is told once. */
export function beginBelow(app: Application, tracker: Tracker | undefined): void {
  const { tracked } = app.system
  if (tracker === undefined || tracker === app.root.tracker || tracked === undefined) return
  tracked.below ??= new Set()
  if (tracked.below.has(tracker)) return
  tracked.below.add(tracker)
  tell(app.root, tracker, tracked.run)
}

function tell(source: EventSource, tracker: Tracker, run: TrackedRun): void {
  if (tracker.begin === undefined) return
  const fault = (error: unknown): void => reportFault(source, `tracker ${nameOf(tracker)}`.trimEnd(), error)
  observe((one: TrackedRun) => tracker.begin?.(one), run, fault)
}
