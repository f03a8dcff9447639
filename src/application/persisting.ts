import type { Clock } from '../internal/clock.js'
import { describeValue } from '../internal/guards.js'
import type { Journal } from '../persistence/journal.js'
import type { Persister } from '../persistence/persister.js'
import type { MigratedRecord } from '../persistence/scope-settings.js'
import type { JournalOptions, StoreOptions } from '../persistence/settings.js'

/** Options for storing an application. */
export interface PersistOptions<S, Names> {
  /**
   * Store of the application and everything below it: `memoryPersister()`, `sqlitePersister({ file })`. Default: none.
   * When the `appId` is already stored, the first run fails with a `PersistenceError` (`conflict`);
   * {@link resumeOrCreate} continues the stored application.
   */
  readonly persister?: Persister
  /** Separates the applications of one user or tenant from others. Default null. */
  readonly partitionKey?: string | null
  /**
   * When the application is stored: after every step (default), after the steps of some actions, when a run or a branch
   * ends, or on `app.save()`. Steps that were not stored run again after a crash. Any record of a running step (its
   * branches, an effect of `once`, a wait) also stores the step before it, except with `'manual'`.
   */
  readonly save?: 'every-step' | 'settle' | 'manual' | { readonly after: readonly Names[] }
  /** Keys that are never stored: they are unset after a resume, unless given in its `state`. Default: none. */
  readonly transient?: readonly (keyof S & string)[]
  /** Version of the records written by this code, a whole number (default 0). Older records go through `migrate`. */
  readonly version?: number
  /**
   * Converts a record of an older version to one that this code can resume. Also called for each branch of an
   * unfinished map, named in `branch`; the entries of such a map are then compared by key only. Default: records are
   * used unchanged.
   */
  readonly migrate?: (record: MigratedRecord, fromVersion: number) => MigratedRecord
  /** Behaviour while the store is unavailable: fail the step (default), or wait until it is available. */
  readonly whenUnavailable?: 'fail' | 'wait'
  /**
   * Behaviour when the source of a resumed map returns different branches than before: fail (default), or adopt them:
   * new ones start, changed ones restart, missing ones are recorded as cancelled.
   */
  readonly changedTasks?: 'error' | 'adopt'
  /**
   * Interval in milliseconds at which the store is polled for messages sent by another process with `sendStored`, while
   * something waits for a message from outside. Default 1 000; `Infinity` disables polling, and such messages are
   * delivered at the next resume.
   */
  readonly inboxPollMs?: number
  /**
   * How long the store counts the application as running after its process was last heard of, in milliseconds. Default
   * 30 000. While a run goes on, it is renewed each third of that. A run whose lease is over reads `interrupted`.
   */
  readonly leaseMs?: number
  /** The name of its graph, by which a list finds it and a host runs it. Default: none. */
  readonly name?: string
  /** For people: `Refund of order 7`. Default: none. */
  readonly title?: string
  /** By which a list finds it: `{ customer: '7' }`. Default: none. */
  readonly labels?: Readonly<Record<string, string>>
}

export const PERSIST_OPTIONS =
  'persister partitionKey save transient version migrate whenUnavailable changedTasks inboxPollMs leaseMs name title labels'

/** The same options without their types. */
export interface LoosePersist extends StoreOptions {
  readonly persister?: Persister | undefined
}

/**
 * Opens the journal of a root application; undefined without a persister.
 * @throws {TypeError | RangeError} for invalid options
 */
export function journalFor(
  options: LoosePersist,
  rootId: string,
  clock: Clock,
  more: Pick<JournalOptions, 'claim' | 'start'> = {},
): Journal | undefined {
  const { persister } = options
  if (persister === undefined) {
    const orphan = PERSIST_OPTIONS.split(' ').find((name) => options[name as keyof LoosePersist] !== undefined)
    if (orphan !== undefined) throw new TypeError(`${orphan} needs a persister. Give one too.`)
    return undefined
  }
  if (typeof persister?.journal !== 'function')
    throw new TypeError(
      `persister is ${describeValue(persister)}. Give memoryPersister() or sqlitePersister({ file }).`,
    )
  return persister.journal({ ...options, ...more, rootId, clock })
}
