import type { EventType } from '../lifecycle/events.js'
import { parentOf } from './identity.js'
import type { LiveApp, LiveMap } from './tree.js'

// Owns: how something is told of a branch that is not made yet, or never is.

/** Whether someone would hear an event of a branch, made or not. Counts the event where nobody does. */
export function hearsOfBranch({ app, watches, tracker }: LiveMap, type: EventType): boolean {
  return watches || tracker !== undefined || app.hears(type)
}

/** What stands for a branch that is not made: its events come from there. */
export function unmade(map: LiveMap, key: string): LiveApp {
  const { plan, standing } = map.app
  return map.app.child({ plan, standing, parent: parentOf(map, key) })
}
