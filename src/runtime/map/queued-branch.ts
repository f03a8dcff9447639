import type { EventType } from '../../lifecycle/events.js'
import { isObserved } from '../emit.js'
import type { EventSource } from '../event-source.js'
import { branchId, pathAt } from './branch-identity.js'
import { type MapVisit, parentOf } from './map-visit.js'

// Owns: the events of a branch that has not started, or never will.

/** Whether an event of a branch is observed, started or not. */
export function isBranchObserved({ app, watches, tracker }: MapVisit, type: EventType): boolean {
  return watches || tracker !== undefined || isObserved(app, type)
}

/** The event source of a branch that has not started. */
export function queuedBranchSource(map: MapVisit, key: string): EventSource {
  const { app, run, watches, tracker } = map
  const parent = parentOf(map, key)
  const { system, checkpoint, root } = app
  const watched = watches || app.watched
  return { system, checkpoint, root, run, parent, watched, tracker, appId: branchId(parent), path: pathAt(parent) }
}
