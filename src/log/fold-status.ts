import type { CancelCause } from '../lifecycle/events.js'
import { isFinal } from '../lifecycle/final.js'
import { type BranchStatus, noCounts, type OpenStatus, type RunStatus } from '../read/status.js'
import type { FoldedApp, FoldedMap } from './folded.js'

// Owns: the status of folded applications as they count.
// S1  The status of an open application is that of its leaves: one runs, or one is tried again, or all wait.
// S2  Below one that has ended nothing is open; below one whose process is gone what needs a process is interrupted.
// S3  A cut in a store has told its status: a delay before an attempt needs no process there, and is waited for.

/** What is above an application. */
export type Above = 'live' | 'interrupted' | 'ended'

/** The status of an open application from what is below it. */
function openStatus(app: FoldedApp): OpenStatus {
  if (app.status === 'queued') return 'queued'
  const below = [...(app.openMap?.branches.values() ?? []), ...app.children.values()].filter(isOpenApp)
  if (below.length === 0) return leafStatus(app)
  const statuses = below.map(openStatus)
  // A branch that waits holds no place, so a queued one is about to start.
  if (statuses.includes('running') || statuses.includes('queued')) return 'running'
  return statuses.includes('retrying') ? 'retrying' : 'waiting'
}

export const isOpenApp = ({ status }: FoldedApp): boolean => status === 'open' || status === 'queued'

function leafStatus({ retry, waits }: FoldedApp): OpenStatus {
  if (retry !== undefined) return 'retrying'
  return waits.some(({ from }) => from !== 'siblings') ? 'waiting' : 'running'
}

/** The status of a root. @param alive whether its process may be alive */
export function rootStatus(root: FoldedApp, alive: boolean): RunStatus {
  const { status, cancelled, cut } = root
  if (cut !== undefined) return cut // S3
  if (status === 'cancelled')
    return cancelled !== undefined && !isFinal(cancelled.cause as CancelCause) ? 'interrupted' : 'cancelled'
  if (status === 'done') return 'finished'
  if (status !== 'open' && status !== 'queued') return status
  const open = openStatus(root)
  return !alive && (open === 'running' || open === 'retrying') ? 'interrupted' : open
}

/** The status of an application below a root. */
export function branchStatus(app: FoldedApp, above: Above): BranchStatus {
  const { status } = app
  if (status === 'halted' || status === 'finished') return 'done'
  if (status !== 'open' && status !== 'queued') return status
  if (above === 'ended') return 'cancelled'
  if (app.cancelled !== undefined) return 'cancelled'
  const open = openStatus(app)
  return above === 'interrupted' && (open === 'running' || open === 'retrying') ? 'interrupted' : open
}

/** What is above the applications below one. */
export function aboveIn(status: RunStatus | BranchStatus, above: Above): Above {
  if (above === 'ended') return 'ended'
  if (status === 'interrupted') return 'interrupted'
  return status === 'queued' || status === 'running' || status === 'waiting' || status === 'retrying' ? above : 'ended'
}

/** Numbers of the branches of a map, as they count. */
export function countsOf(map: FoldedMap, above: Above): { [S in BranchStatus]: number } {
  const counts = { ...noCounts(), ...map.forgotten }
  for (const branch of map.branches.values()) counts[branchStatus(branch, above)] += 1
  const known = Object.values(counts).reduce((sum, one) => sum + one, 0)
  const rest = Math.max(0, (map.total ?? 0) - known)
  counts[above === 'ended' || map.endedAt !== undefined ? 'cancelled' : 'queued'] += rest
  return counts
}
