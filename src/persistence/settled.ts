import { hashOfTask } from '../parallel/fingerprint.js'
import type { BranchResult } from '../parallel/results.js'
import type { SettlePolicy } from '../parallel/settle.js'
import type { BranchTask } from '../parallel/task.js'
import type { State } from '../state/freeze.js'
import type { StoredTiming } from './committing.js'
import type { ManifestEntry } from './record.js'
import type { StoredRecord } from './replay.js'

/** The recorded form of an entry. */
export const entryOf = (task: BranchTask, base: State): ManifestEntry => [task.key, hashOfTask(task, base)]

/** Adds the keys that the map reads and the record of its branch lacks: `reads` may have grown since it was written. */
export function withNewReads(stored: StoredRecord, given: State): StoredRecord {
  if (!stored.hasState || Object.keys(given).every((key) => Object.hasOwn(stored.state, key))) return stored
  return { ...stored, state: Object.freeze({ ...given, ...stored.state }) }
}

/** The record of a failed branch that runs again with its map: its attempts and its times are reset. */
export const forRetry = (stored: StoredRecord | undefined): StoredRecord | undefined =>
  stored?.failed === undefined ? stored : { ...stored, ...AFRESH }

const AFRESH = {
  failed: undefined,
  startedAt: undefined,
  deadlineAt: undefined,
  waiting: undefined,
  passedWaits: [],
  retry: undefined,
  attempts: 1,
  tries: 0,
} as const

/** The timing of a queued branch from an earlier run. */
export const storedTiming = (stored: StoredRecord | undefined): StoredTiming =>
  stored?.startedAt === undefined ? { startedAt: undefined, attempts: 0 } : stored

/** The result of a settled branch; undefined if it continues. A failure is a result unless the policy is `all`. */
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
