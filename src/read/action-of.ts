import { type BranchCounts, type BranchStatus, noCounts } from './status.js'
import type { AppNode } from './tree.js'

/** The action at which a branch stands, or stood when it ended. */
export function actionOf({ step, next, position, status, error }: AppNode): string | undefined {
  const failed = status === 'failed' ? error?.fields?.['action'] : undefined // a live run has no step of it any more
  if (step !== undefined || typeof failed === 'string') return step?.action ?? String(failed)
  return status === 'done' ? position : (next ?? position)
}

/** How many branches stand at each action, or ended there. Those in the queue stand nowhere. */
export function countsByAction(branches: readonly AppNode[]): ReadonlyMap<string, BranchCounts> {
  const counts = new Map<string, { [S in BranchStatus]: number }>()
  for (const branch of branches) {
    const action = actionOf(branch)
    const status = branch.status === 'finished' || branch.status === 'halted' ? 'done' : branch.status
    if (action === undefined || status === 'queued') continue
    const known = counts.get(action) ?? noCounts()
    known[status] += 1
    counts.set(action, known)
  }
  return counts
}
