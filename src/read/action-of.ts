import { type BranchCounts, type BranchStatus, noCounts } from './status.js'
import type { AppNode } from './tree.js'

/** Of how many actions of a product branches are counted. */
const MOST_ACTIONS = 100

/** The action at which a branch stands, or stood when it ended. */
export function actionOf({ step, next, position, status, error }: AppNode): string | undefined {
  const failed = status === 'failed' ? error?.fields?.['action'] : undefined // a live run has no step of it any more
  if (step !== undefined || typeof failed === 'string') return step?.action ?? String(failed)
  return status === 'done' ? position : (next ?? position)
}

/** Numbers of branches by status. */
export function countsOf(branches: readonly AppNode[]): BranchCounts {
  const counts = noCounts()
  for (const { status } of branches) counts[statusOf(status)] += 1
  return counts
}

const statusOf = (status: AppNode['status']): BranchStatus =>
  status === 'finished' || status === 'halted' ? 'done' : status

/** How many branches stand at each action, or ended there. Those in the queue stand nowhere. */
export function countsByAction(branches: readonly AppNode[]): ReadonlyMap<string, BranchCounts> {
  const counts = new Map<string, { [S in BranchStatus]: number }>()
  for (const branch of branches) {
    const action = actionOf(branch)
    const status = statusOf(branch.status)
    if (action === undefined || status === 'queued') continue
    const known = counts.get(action) ?? noCounts()
    known[status] += 1
    counts.set(action, known)
  }
  return counts
}

/**
 * The branches of a product by what their keys begin with: the key of an action, which may have dots, as may that of a
 * state. What two actions have in common, a picture takes apart.
 */
export function byActionOfProduct(branches: readonly AppNode[]): ReadonlyMap<string, readonly AppNode[]> {
  const groups = new Map<string, AppNode[]>()
  for (const branch of branches) {
    const key = keyOf(branch)
    for (let dot = key.indexOf('.'); dot >= 0; dot = key.indexOf('.', dot + 1)) {
      const group = groups.get(key.slice(0, dot)) ?? []
      group.push(branch)
      groups.set(key.slice(0, dot), group)
    }
  }
  return groups.size > MOST_ACTIONS ? new Map() : groups
}

/** The key of a branch. */
export const keyOf = ({ key, path }: AppNode): string => key ?? path.at(-1)?.[2] ?? ''
