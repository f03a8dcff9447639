import type { Clock } from '../internal/clock.js'
import { describeValue } from '../internal/guards.js'
import { checkOptions } from '../internal/options.js'
import type { Journal } from '../persistence/journal.js'
import type { Persister } from '../persistence/persister.js'
import type { MigratedRecord, SavePolicy } from '../persistence/scope.js'

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
   * `app.save()` is called. What was not stored is run again after a crash.
   */
  readonly save?: 'every-step' | 'settle' | 'manual' | { readonly after: readonly Names[] }
  /** Keys that are never stored: they are unset after a resume, unless its `state` gives them. Default: none. */
  readonly transient?: readonly (keyof S & string)[]
  /** The version of the records that this code writes, a whole number (default 0). Older ones go through `migrate`. */
  readonly version?: number
  /**
   * Makes of a record of an older version one that this code can go on from. Default: records are taken as they are.
   */
  readonly migrate?: (record: MigratedRecord, fromVersion: number) => MigratedRecord
  /** When the store does not answer: fail the step (default), or wait until it does. */
  readonly whenUnavailable?: 'fail' | 'wait'
  /**
   * When a map is resumed and its source gives other branches than it had begun with: fail (default), or adopt them: new
   * ones start, changed ones run afresh, vanished ones are recorded as cancelled.
   */
  readonly changedTasks?: 'error' | 'adopt'
}

export const PERSIST_OPTIONS = 'persister partitionKey save transient version migrate whenUnavailable changedTasks'

/** The same, their types forgotten. */
export interface LoosePersist {
  readonly persister?: Persister | undefined
  readonly partitionKey?: string | null | undefined
  readonly save?: SavePolicy | undefined
  readonly transient?: readonly string[] | undefined
  readonly version?: number | undefined
  readonly migrate?: ((record: MigratedRecord, fromVersion: number) => MigratedRecord) | undefined
  readonly whenUnavailable?: 'fail' | 'wait' | undefined
  readonly changedTasks?: 'error' | 'adopt' | undefined
}

/**
 * Opens the books of a root application; undefined without a persister.
 * @throws {TypeError | RangeError} for options that cannot be
 */
export function journalFor(options: LoosePersist, appId: string, clock: Clock): Journal | undefined {
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
  const { partitionKey = null, save = 'every-step', transient = [], version = 0, migrate } = options
  for (const name of [appId, partitionKey ?? '']) {
    if (name.includes('\u0000'))
      throw new TypeError('An appId or partitionKey holds the character U+0000, which cannot be stored.')
  }
  if (!Number.isInteger(version) || version < 0)
    throw new RangeError(`version is ${describeValue(version)}; it takes a whole number, 0 or more.`)
  if (typeof save === 'object') checkOptions('save', save, 'after')
  return persister.journal({
    partitionKey,
    rootId: appId,
    clock,
    policy: save,
    transient: new Set(transient),
    version,
    migrate,
    whenUnavailable: oneOf('whenUnavailable', options.whenUnavailable, ['fail', 'wait']),
    changedTasks: oneOf('changedTasks', options.changedTasks, ['error', 'adopt']),
  })
}

function oneOf<T extends string>(name: string, value: T | undefined, [first, ...rest]: readonly [T, ...T[]]): T {
  if (value === undefined || value === first || rest.includes(value)) return value ?? first
  throw new TypeError(
    `${name} is ${describeValue(value)}. It takes ${[first, ...rest].map((one) => `'${one}'`).join(' or ')}.`,
  )
}
