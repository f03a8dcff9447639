import { isPlainObject, tryGet } from '../internal/guards.js'
import type { RootKey } from '../persistence/driver.js'
import { isEnded } from '../persistence/due.js'
import type { StoredRun } from '../persistence/summary.js'
import type { SummaryFacts } from '../persistence/summary-facts.js'
import type { Job } from './engine-driver.js'

// Owns: the jobs of runs: their ids, their content, and which job a stored run needs.
// Does not own: runs. The store decides what is due; a job only invites to look.
// J1  A job invites to the next claim of its run: its id has the number of the last claim. So a job that is still active
//     for an earlier claim is never taken for the one that a message needs.
// J2  A job for a later time has an id of its own. So it never stands in the way of one that is due at once.

/** The content of the job of a run. */
export interface RunJob extends RootKey {
  /** The name of its graph. */
  readonly name: string
  /** The time that it was made for, epoch milliseconds; undefined for one that was due at once. */
  readonly at: number | undefined
}

/** When a stored run is to be taken, epoch milliseconds, 0 at once; undefined: not by itself. */
export function dueAt({ summary, wakeAt, expired }: StoredRun): number | undefined {
  if (summary === undefined || wakeAt === null || isEnded(summary.status)) return undefined
  if (summary.status === 'running' || summary.status === 'retrying') return expired ? 0 : undefined
  return wakeAt
}

/** The id of the job for the next claim of a run. @param at the time that it is for, if it is later */
export function runJobId({ partitionKey, rootId }: RootKey, claims: number, at?: number): string {
  return JSON.stringify(['run', partitionKey, rootId, claims, ...(at === undefined ? [] : [at])])
}

/**
 * The job that a stored run needs now.
 * @param now epoch milliseconds
 * @returns undefined when it needs none: it is held, has ended, or waits for a message only
 */
export function jobOf(run: StoredRun, now: number): Job | undefined {
  const due = dueAt(run)
  const name = run.summary?.name
  if (due === undefined || name === undefined) return undefined
  const at = due > now ? due : undefined
  const { partitionKey, rootId } = run
  const priority = priorityOf(run)
  return {
    id: runJobId(run, run.claim?.incarnation ?? 0, at),
    data: JSON.stringify({ kind: 'run', partitionKey, rootId, name, ...(at !== undefined && { at }) }),
    ...(at !== undefined && { delayMs: at - now }),
    ...(priority !== undefined && { priority }),
  }
}

/** The job of a run for the time that its summary tells; undefined without one. */
export function timedJobId(run: StoredRun): string | undefined {
  const at = run.summary?.nextAt ?? undefined
  return at === undefined ? undefined : runJobId(run, run.claim?.incarnation ?? 0, at)
}

function priorityOf({ summary }: StoredRun): number | undefined {
  return tryGet(() => JSON.parse(summary?.facts ?? '{}') as SummaryFacts)?.priority
}

/** The content of a job; undefined when it is no job of a run. */
export function runJobFrom(data: string): RunJob | undefined {
  const job = tryGet(() => JSON.parse(data) as unknown)
  if (!isPlainObject(job) || job['kind'] !== 'run') return undefined
  const { partitionKey = null, rootId, name, at } = job
  if (typeof rootId !== 'string' || typeof name !== 'string') return undefined
  if (partitionKey !== null && typeof partitionKey !== 'string') return undefined
  return { partitionKey, rootId, name, at: typeof at === 'number' ? at : undefined }
}
