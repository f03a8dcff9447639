import type { Plan } from '../graph/plan.js'
import { hashOfTask } from '../parallel/fingerprint.js'
import type { BranchResult } from '../parallel/results.js'
import type { SettlePolicy } from '../parallel/settle.js'
import type { BranchTask } from '../parallel/task.js'
import type { State } from '../state/freeze.js'
import type { StoredTiming } from './committing.js'
import { fitMigrated, migrateRecord, type Versions } from './migrate.js'
import type { ManifestEntry } from './record.js'
import type { StoredRecord } from './replay.js'

/** The recorded form of an entry. */
export const entryOf = (task: BranchTask, base: State): ManifestEntry => [task.key, hashOfTask(task, base)]

/** Adds the keys that the map reads and the record of its branch lacks: `reads` may have grown since it was written. */
export function withNewReads(stored: StoredRecord, given: State): StoredRecord {
  if (!stored.hasState || Object.keys(given).every((key) => Object.hasOwn(stored.state, key))) return stored
  return { ...stored, state: Object.freeze({ ...given, ...stored.state }) }
}

/**
 * Whether a branch starts again although it is stored: its source had dropped it, or its record belongs to the entry
 * that had its key before.
 */
export const startsAgain = (stored: StoredRecord, [, , replaced = -1]: ManifestEntry): boolean =>
  stored.cancelled?.cause === 'removed' || stored.order <= replaced

/**
 * The stored record of a branch, fitted to this code: with its result if it has settled, else to continue from.
 * @param journal of the application above
 * @param planOf returns the plan of its runnable
 * @throws {SnapshotError} when it does not fit
 * @throws {ContractError} when a condition cannot be evaluated
 */
export function fitBranch(
  found: StoredRecord,
  { state }: BranchTask,
  policy: SettlePolicy,
  journal: { readonly settings: Versions; readonly retryFailuresBefore: number },
  planOf: () => Plan,
): { readonly stored: StoredRecord; readonly result: BranchResult | undefined } {
  const stored = withNewReads(migrateRecord(found, journal.settings), state)
  const result = resultOf(stored, policy, journal.retryFailuresBefore)
  return { result, stored: result === undefined ? fitMigrated(stored, planOf(), found.next) : stored }
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
function resultOf(stored: StoredRecord, policy: SettlePolicy, retryFailuresBefore: number): BranchResult | undefined {
  const { cancelled, failed, failedAt, end, state, recovered } = stored
  if (cancelled?.final === true) return { status: 'cancelled', reason: cancelled.reason, by: cancelled.by }
  if (end !== undefined) return { status: 'done', state, recovered }
  if (failed !== undefined && policy !== 'all' && failedAt > retryFailuresBefore)
    return { status: 'failed', error: failed.error }
  return undefined
}
