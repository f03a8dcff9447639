import type { Feed } from '../../parallel/restored-feed.js'
import type { BranchTask } from '../../parallel/task.js'
import type { Cancellation } from '../cancel/cancellation.js'
import type { Grace } from '../cancel/grace.js'
import type { LiveMap } from '../tree.js'

/**
 * Gives up what of a map had its time to end after its cancel, and waits for the next that may be.
 * @param dueSince since when a source or folding code that is waited for should have ended
 * @param abandonRest gives that up
 */
export function abandonOverdue(
  { table }: LiveMap,
  grace: Grace,
  dueSince: number | undefined,
  abandonRest: () => void,
): void {
  if (table.live.size === 0) {
    if (dueSince === undefined) return
    const left = grace.left(dueSince)
    return left <= 0 ? abandonRest() : grace.start(left)
  }
  const all = table.state.phase.kind !== 'running' // else those alone were cancelled that are ending
  let next: number | undefined
  for (const key of [...(all ? table.live.keys() : table.ending)]) {
    const branch = table.live.get(key)
    if (branch?.cancelledAt === undefined) continue
    const left = grace.left(branch.cancelledAt)
    if (left <= 0) branch.abandon()
    else next = Math.min(next ?? left, left)
  }
  if (next !== undefined) grace.start(next)
}

/** Stops every branch of a map, and waits for nothing. */
export function stopAll({ table }: LiveMap, cancellation: Cancellation): void {
  for (const branch of [...table.live.values()]) {
    branch.alarm?.clear()
    branch.stop(cancellation)
  }
}

/** Tells of whatever a map that closes does not start any more. */
export function recordRest({ app, step }: LiveMap, feed: Feed | undefined, lose: (task: BranchTask) => void): void {
  try {
    for (const task of feed?.rest() ?? []) lose(task)
  } catch (error) {
    app.system.logger.warn(`The rest of the source of "${step.node.name}" could not be read.`, error)
  }
}
