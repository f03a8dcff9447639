import type { Path } from '../action/context.js'
import { systemClock } from '../internal/clock.js'
import { printedPath, type WirePath } from '../read/wire-path.js'
import { PersistenceError } from '../store-errors.js'
import type { RootKey } from './driver.js'
import { isEnded } from './due.js'
import { openBranchStore } from './durable-task-feed.js'
import { Journal } from './journal.js'
import type { AppRef, Persister } from './persister.js'
import { isPart, requestOf } from './request-form.js'
import { Scope } from './scope.js'
import { postTo } from './seal.js'
import { scopeSettings } from './settings.js'

// Owns: the end of a run that no process holds: a cancel, or a failure that a host has found.

/** Options of {@link cancelStored}. */
export interface CancelStoredOptions extends AppRef {
  /** The store of the application. */
  readonly persister: Persister
  /** The reason, stored with the cancel. Default: none. */
  readonly reason?: unknown
  /** Path of a branch below the root, in any form. Default: the whole run. */
  readonly path?: string | Path | WirePath | undefined
  /** A map of the run, or of that branch, as paths print it: `fan`, `fan#2`. */
  readonly map?: string | undefined
}

/**
 * Cancels a stored root application for good, or a part of it, from any process.
 *
 * A run that nobody holds is `cancelled` at once. The process that holds a run is asked: with or without a host it looks for
 * that at each heartbeat, a third of its `leaseMs`, and sooner while something waits for a message. The answer does not wait
 * for it. A branch or a map is cancelled by the holder only: of a run that nobody holds it stays as it is.
 * @returns `cancelled`; `requested` when another process holds the run; `ended` when it had ended before; `unknown` when
 * nothing is stored, or nobody holds the run of that part
 * @throws {PersistenceError} when the store is unavailable, or a record cannot be read
 *
 * @example
 * ```ts
 * await cancelStored({ persister: memoryPersister(), appId: 'order-1', reason: 'withdrawn' }) // 'unknown'
 * ```
 */
export async function cancelStored({
  persister,
  appId,
  partitionKey = null,
  reason,
  path,
  map,
}: CancelStoredOptions): Promise<'cancelled' | 'requested' | 'ended' | 'unknown'> {
  const { driver } = persister
  const root = { partitionKey, rootId: appId }
  const printed = path === undefined ? '' : printedPath(path)
  const part = { path: printed === '' ? undefined : printed, map }
  const answer = !isPart(part)
    ? await endStored(persister, root, async (journal) =>
        journal.cancelled({ cause: 'app', by: 'app', reason }, NEVER_STARTED, true),
      )
    : await holderOf(persister, root)
  if (answer !== 'held') return answer === 'done' ? 'cancelled' : answer
  await postTo({ driver, ...root }, appId, requestOf(part, reason))
  return 'requested'
}

/** Whether a process holds a run. A clock that differs from that of the store is wrong about the last moments of a lease. */
async function holderOf({ driver }: Persister, root: RootKey): Promise<'held' | 'ended' | 'unknown'> {
  const found = await driver.find(root)
  if (found?.summary !== undefined && isEnded(found.summary.status)) return 'ended'
  return (found?.claim?.leaseUntil ?? 0) > systemClock.now() ? 'held' : 'unknown'
}

/** Stores that a run that nobody holds has failed. @returns false when it is held, ended, or not stored */
export async function failStored(
  persister: Persister,
  { appId, partitionKey = null }: AppRef,
  error: Error,
): Promise<boolean> {
  const root = { partitionKey, rootId: appId }
  return (await endStored(persister, root, async (journal) => journal.failed(error, NEVER_STARTED))) === 'done'
}

const NEVER_STARTED = { startedAt: undefined, attempts: 1 } as const

async function endStored(
  persister: Persister,
  root: RootKey,
  write: (journal: Journal) => Promise<void>,
): Promise<'done' | 'held' | 'ended' | 'unknown'> {
  const { driver } = persister
  const { partitionKey, rootId: appId } = root
  const isStored = async (): Promise<'ended' | 'unknown' | undefined> => {
    const found = await driver.find(root)
    if (found === undefined) return 'unknown'
    return found.summary !== undefined && isEnded(found.summary.status) ? 'ended' : undefined
  }
  const before = await isStored()
  if (before !== undefined) return before
  const scope = new Scope(scopeSettings({ ...root, clock: systemClock, claim: 'free' }, driver))
  try {
    await scope.claim()
  } catch (error) {
    if (PersistenceError.is(error) && error.fault === 'held') return 'held'
    throw error
  }
  const stored = await persister.load({ appId, partitionKey })
  const now = stored === undefined ? 'unknown' : await isStored() // it may have ended meanwhile
  if (stored === undefined || now !== undefined) return now ?? 'unknown'
  const journal = new Journal(scope, openBranchStore, { appId, stored })
  await journal.status.restore()
  scope.requests.drop(journal.inbox.requests)
  await write(journal)
  await scope.tree.flush()
  return 'done'
}
