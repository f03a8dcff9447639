import { branchKnown, cancelOf } from './fold-parts.js'
import type { FoldedApp } from './folded.js'
import type { EventLine } from './lines.js'

// Owns: what the lines after a cut change: the cancel of a run that goes on after a resume, in a store.
// U1  What a store keeps stays as it was: what waits still waits, and no application is cancelled. Such a run is as one
//     whose process has died, but for its status, which the cancel tells.
// U2  What committed or failed meanwhile counts.

/** The root is cut off by the cancel of a line. @returns false for one that has no store, or is cancelled for good */
export function cutOff(root: FoldedApp, line: EventLine): boolean {
  const stored = line['stored']
  if (stored !== 'waiting' && stored !== 'interrupted') return false
  root.cut = stored
  if (stored === 'interrupted') {
    root.cancelled = cancelOf(line)
    root.since = line.time
  }
  return true
}

/** Whether a line after a cut tells only of its end (U1). */
export function isOfCut(app: FoldedApp, line: EventLine): boolean {
  switch (line.type) {
    case 'cancel':
      app.cancelOfCut = cancelOf(line)
      return true
    case 'wake':
    case 'map.end':
      return true
    case 'branch.settled':
      return line['status'] === 'cancelled' && staysOpen(app, line)
    case 'step.end':
    case 'run.end':
      return line['status'] === 'cancelled'
    default:
      return false
  }
}

/** A branch that has not started may have no line before. */
function staysOpen(app: FoldedApp, line: EventLine): true {
  const { startedAt } = (line['result'] ?? {}) as { readonly startedAt?: unknown }
  branchKnown(app, line)
  if (startedAt === undefined) Object.assign(app, { status: 'queued', attempt: 0 })
  return true
}
