import { assertTrackerChoice, type TrackedMap } from '../../parallel/branch-tracker.js'
import type { FanOut } from '../../parallel/fan-out.js'
import type { Tracker } from '../../tracking/tracker.js'
import type { Application, CurrentAttempt } from '../application.js'

/** The tracker of the branches of a map. @throws the error of its function; {TypeError} for a value that is no tracker */
export function trackerBelow(app: Application, { node }: CurrentAttempt, { tracker }: FanOut): Tracker | undefined {
  if (app.tracker === undefined) return undefined
  let chosen = tracker
  if (typeof tracker === 'function') {
    const map: TrackedMap = { appId: app.appId, ...app.where(node) }
    chosen = tracker(map)
    assertTrackerChoice(chosen)
  }
  if (chosen === null) return undefined
  return chosen === undefined || chosen === 'cascade' ? app.tracker : (chosen as Tracker) // other values were refused above
}
