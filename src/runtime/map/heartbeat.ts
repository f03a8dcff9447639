import type { Application } from '../application.js'
import { type BranchHandle, type LiveStatus, liveStatus } from './branch-handle.js'

// Owns: what the heartbeat of a run reports about the branches of the map at which it stands. A branch that has not
// committed a step has no rows, so that another process sees it by this alone.

/** Maximum number of reported branches. */
const MOST = 50
/** Maximum length of a report. */
const LONGEST = 8_000

/** The report of a root application, as JSON. It is sent whole each time: one that was lost is not missed. */
export function heartbeatOf({ run }: Application): string {
  const live = [...(run?.step?.map?.table.live.values() ?? [])]
  const counts: { [S in LiveStatus]?: number } = {}
  for (const branch of live) {
    const status = liveStatus(branch)
    counts[status] = (counts[status] ?? 0) + 1
  }
  for (let most = MOST; ; most = Math.floor(most / 2)) {
    const report = JSON.stringify({ counts, branches: live.slice(0, most).map(branchOf) })
    if (report.length <= LONGEST || most === 0) return report
  }
}

function branchOf(branch: BranchHandle): object {
  const { origin, attempts, queuedAt, startedAt, reported, worker } = branch
  const { appId, path, checkpoint } = origin
  return {
    appId,
    path: path.map(({ map, visit, key }) => [map, visit, key]),
    status: liveStatus(branch),
    attempt: startedAt === undefined ? 0 : attempts,
    queuedAt: queuedAt === startedAt ? undefined : queuedAt, // short: JSON leaves it out
    startedAt,
    sequenceId: checkpoint.sequenceId + 1,
    worker, // absent in JSON where it runs here
    ...reported,
  }
}
