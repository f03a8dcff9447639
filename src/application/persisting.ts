import type { Clock } from '../internal/clock.js'
import { describeValue } from '../internal/guards.js'
import type { Journal } from '../persistence/journal.js'
import type { Persister } from '../persistence/persister.js'
import type { MigratedRecord } from '../persistence/scope.js'
import type { KeepOptions } from '../persistence/settings.js'

/** How an application is stored. */
export interface PersistOptions<S, Names> {
  /**
   * Where it is stored, with all that is below it: `memoryPersister()`, `sqlitePersister({ file })`. Default: nowhere.
   * Where its `appId` is stored already, the first run fails with a `PersistenceError` (`conflict`):
   * {@link resumeOrCreate} goes on with that one.
   */
  readonly persister?: Persister
  /** Keeps applications of one user or tenant apart from others. Default null. */
  readonly partitionKey?: string | null
  /**
   * When it is stored: after every step (default), after the steps of some actions, when a run or a branch ends, or when
   * `app.save()` is called. What was not stored is run again after a crash. Whatever is recorded of a step that goes on
   * (its branches, an effect of `once`, a wait) stores the step before it too, except where only `save()` stores.
   */
  readonly save?: 'every-step' | 'settle' | 'manual' | { readonly after: readonly Names[] }
  /** Keys that are never stored: they are unset after a resume, unless its `state` gives them. Default: none. */
  readonly transient?: readonly (keyof S & string)[]
  /** The version of the records that this code writes, a whole number (default 0). Older ones go through `migrate`. */
  readonly version?: number
  /**
   * Makes of a record of an older version one that this code can go on from. Default: records are taken as they are.
   * It is also asked about each branch of a half-done map, which it finds named in `branch`. The entries of such a map
   * are then compared by key alone.
   */
  readonly migrate?: (record: MigratedRecord, fromVersion: number) => MigratedRecord
  /** When the store does not answer: fail the step (default), or wait until it does. */
  readonly whenUnavailable?: 'fail' | 'wait'
  /**
   * When a map is resumed and its source gives other branches than it had begun with: fail (default), or adopt them: new
   * ones start, changed ones run afresh, vanished ones are recorded as cancelled.
   */
  readonly changedTasks?: 'error' | 'adopt'
  /**
   * While something waits for a message from outside: how often the store is asked for one that another process sent
   * with `answer`, in milliseconds. Default 1 000; `Infinity`: never, then such a message is there for the next resume.
   */
  readonly inboxPollMs?: number
}

export const PERSIST_OPTIONS =
  'persister partitionKey save transient version migrate whenUnavailable changedTasks inboxPollMs'

/** The same, their types forgotten. */
export interface LoosePersist extends KeepOptions {
  readonly persister?: Persister | undefined
}

/**
 * Opens the books of a root application; undefined without a persister.
 * @throws {TypeError | RangeError} for options that cannot be
 */
export function journalFor(options: LoosePersist, rootId: string, clock: Clock): Journal | undefined {
  const { persister } = options
  if (persister === undefined) {
    const lone = PERSIST_OPTIONS.split(' ').find((name) => options[name as keyof LoosePersist] !== undefined)
    if (lone !== undefined) throw new TypeError(`${lone} says how an application is stored. Give a persister too.`)
    return undefined
  }
  if (typeof persister?.journal !== 'function')
    throw new TypeError(
      `persister is ${describeValue(persister)}. Give memoryPersister() or sqlitePersister({ file }).`,
    )
  return persister.journal({ ...options, rootId, clock })
}
