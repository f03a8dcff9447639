import { systemClock } from '../internal/clock.js'
import { PersistenceError } from '../store-errors.js'
import type { RootKey } from './driver.js'
import { isEnded } from './due.js'
import { openBranchStore } from './durable-task-feed.js'
import { Journal } from './journal.js'
import type { AppRef, Persister } from './persister.js'
import { readMessage } from './replay.js'
import { Scope } from './scope.js'
import { postTo } from './seal.js'
import { scopeSettings } from './settings.js'

// Owns: the end of a run that no process holds: a cancel, or a failure that a host has found.

/** The kind of the stored message by which a process asks the holder of a run to cancel it. */
const CANCEL_KIND = 'teasel.cancel'

/** Options of {@link cancelStored}. */
export interface CancelStoredOptions extends AppRef {
  /** The store of the application. */
  readonly persister: Persister
  /** The reason, stored with the cancel. Default: none. */
  readonly reason?: unknown
}

/**
 * Cancels a stored root application for good, from any process.
 *
 * A run that nobody holds is `cancelled` at once. A run that another process holds is asked to end: a host looks for
 * that at each heartbeat, and at once in a store with notifications.
 * @returns `cancelled`; `requested` when another process holds the run; `ended` when it had ended before; `unknown` when
 * nothing is stored
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
}: CancelStoredOptions): Promise<'cancelled' | 'requested' | 'ended' | 'unknown'> {
  const { driver } = persister
  const root = { partitionKey, rootId: appId }
  const ended = await endStored(persister, root, async (journal) =>
    journal.cancelled({ cause: 'app', by: 'app', reason }, NEVER_STARTED, true),
  )
  if (ended !== 'held') return ended === 'done' ? 'cancelled' : ended
  await postTo({ driver, ...root }, appId, { kind: CANCEL_KIND, body: reason })
  return 'requested'
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
  await journal.summary.restore()
  await write(journal)
  await scope.tree.settled()
  return 'done'
}

/** The reason of a stored request to cancel a root; undefined if there is none. */
export async function cancelRequest(
  { driver }: Persister,
  { appId, partitionKey = null }: AppRef,
): Promise<{ readonly reason: unknown } | undefined> {
  for (const posted of await driver.inbox({ partitionKey, rootId: appId })) {
    if (posted.appId !== appId || !posted.data.includes(CANCEL_KIND)) continue
    const { kind, body } = readMessage(appId, posted)
    if (kind === CANCEL_KIND) return { reason: body }
  }
  return undefined
}
