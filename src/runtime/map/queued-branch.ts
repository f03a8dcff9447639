import type { EventType } from '../../lifecycle/events.js'
import type { EventSource } from '../event-source.js'
import type { LiveMap } from '../tree.js'
import { branchId, parentOf, pathAt } from './branch-identity.js'

// Owns: how something is told of a branch that is not made yet, or never is.

/** Whether someone would hear an event of a branch, made or not. Counts the event where nobody does. */
export function isBranchObserved({ app, watches, tracker }: LiveMap, type: EventType): boolean {
  return watches || tracker !== undefined || app.hears(type)
}

/** What stands for a branch that is not made: its events come from there. */
export function queuedBranchSource(map: LiveMap, key: string): EventSource {
  const { app, run, watches, tracker } = map
  const parent = parentOf(map, key)
  const { system, checkpoint } = app
  const watched = watches || app.watched
  const hears = (type: EventType): boolean => isBranchObserved(map, type)
  return { system, checkpoint, run, parent, watched, tracker, hears, appId: branchId(parent), path: pathAt(parent) }
}
