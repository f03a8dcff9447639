import { type BranchCounts, type BranchStatus, isOpen, noCounts, type RunStatus } from '../../read/status.js'
import { STATUSES } from '../due.js'
import type { SummaryStatus } from '../summary.js'

// Owns: the status of an application as it counts: its own, and what is above it.
// R1  Below an application that has failed or was cancelled, and below a map that has ended, an open one is cancelled.
// R2  Below a run whose process is gone, only what needs a process is interrupted: queued and waiting ones stay.
// R3  Below an application of which all that is left waits, none runs: one that stands at a map waits with its branches.

/** The state of everything above an application. */
export type Above = 'live' | 'waiting' | 'retrying' | 'interrupted' | 'ended'

/** The status of a root. */
export function runStatusOf(stored: SummaryStatus, expired: boolean): RunStatus {
  if (expired && isOpen(stored)) return 'interrupted'
  return stored === 'done' ? 'finished' : stored
}

/** The status of an application below a root. */
export function branchStatusOf(stored: SummaryStatus, above: Above): BranchStatus {
  if (stored === 'halted' || stored === 'finished') return 'done'
  if (!isOpen(stored)) return stored
  if (above === 'ended') return 'cancelled'
  if (above === 'interrupted' && (stored === 'running' || stored === 'retrying')) return 'interrupted'
  return stored === 'running' && (above === 'waiting' || above === 'retrying') ? above : stored
}

/** What is above the applications below one with a status. */
export function aboveIn(status: RunStatus | BranchStatus, above: Above): Above {
  if (above === 'ended' || !isOpen(status)) return 'ended'
  if (status === 'interrupted' || above === 'interrupted') return 'interrupted'
  return status === 'waiting' || status === 'retrying' ? status : above
}

/** The stored statuses that count as one of some. */
export const storedFor = (wanted: readonly BranchStatus[], above: Above): readonly SummaryStatus[] =>
  STATUSES.filter((stored) => wanted.includes(branchStatusOf(stored, above)))

/** Numbers of branches by stored status, as they count. */
export function resolvedCounts(stored: Partial<Record<SummaryStatus, number>>, above: Above): BranchCounts {
  const counts = noCounts()
  for (const status of STATUSES) counts[branchStatusOf(status, above)] += stored[status] ?? 0
  return counts
}
