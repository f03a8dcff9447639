import { hashOfTask } from '../parallel/fingerprint.js'
import type { BranchResult } from '../parallel/results.js'
import type { SettlePolicy } from '../parallel/settle.js'
import type { BranchTask } from '../parallel/task.js'
import type { State } from '../state/freeze.js'
import type { StoredTiming } from './committing.js'
import type { ManifestEntry } from './record.js'
import type { StoredRecord } from './replay.js'

/** An entry as it is recorded. */
export const entryOf = (task: BranchTask, base: State): ManifestEntry => [task.key, hashOfTask(task, base)]

/** A record of a branch with the keys that its map reads since it was written: the branch can change none away. */
export function withNewReads(stored: StoredRecord, given: State): StoredRecord {
  if (!stored.hasState || Object.keys(given).every((key) => Object.hasOwn(stored.state, key))) return stored
  return { ...stored, state: Object.freeze({ ...given, ...stored.state }) }
}

/** A branch that had failed, and is run again with the step of its map: its attempts and its time begin afresh. */
export const forRetry = (stored: StoredRecord | undefined): StoredRecord | undefined =>
  stored?.failed === undefined ? stored : { ...stored, failed: undefined, startedAt: undefined, attempts: 1, tries: 0 }

/** When a branch began in a former run, and at which attempt it is: of one that waits for its turn. */
export const storedTiming = (stored: StoredRecord | undefined): StoredTiming =>
  stored?.startedAt === undefined ? { startedAt: undefined, attempts: 0 } : stored

/** How a branch had settled, or nothing where it goes on. A failure counts where it is data for the map. */
export function resultOf(
  stored: StoredRecord,
  policy: SettlePolicy,
  retryFailuresBefore: number,
): BranchResult | undefined {
  const { cancelled, failed, failedAt, end, state, recovered } = stored
  if (cancelled?.final === true) return { status: 'cancelled', reason: cancelled.reason, by: cancelled.by }
  if (end !== undefined) return { status: 'done', state, recovered }
  if (failed !== undefined && policy !== 'all' && failedAt > retryFailuresBefore)
    return { status: 'failed', error: failed.error }
  return undefined
}
