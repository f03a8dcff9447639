import type { JournalSetup } from './branch-store.js'
import type { ListOptions, PersisterDriver, RowFacts, StoredApp } from './driver.js'
import { openBranchStore } from './durable-task-feed.js'
import { closedDrivers } from './inbox-watch.js'
import { Journal } from './journal.js'
import { actionOf, isStateLabel, type StateLabel } from './labels.js'
import { loadRecords } from './loading.js'
import { millisecondsOf } from './order.js'
import type { StoredRecord } from './replay.js'
import { Scope, saved } from './scope.js'
import { type JournalOptions, scopeSettings } from './settings.js'

/** One step of a history. */
export interface StoredStep {
  /** Its number; the first is 0, what lies before it -1. */
  readonly sequenceId: number
  /** Grows with each rewind; the first is 0. */
  readonly epoch: number
  /**
   * `step`: an action committed. Of what is no step: where the application was made (`start`) or forked (`fork`), gone
   * back to (`rewind`), or stored as it stood (`saved`).
   */
  readonly kind: 'step' | StateLabel
  /** The action that committed; undefined for what is no step. */
  readonly action: string | undefined
  /** Epoch milliseconds. */
  readonly at: number
}

/** Names an application: its partition is null unless it is said. */
export interface AppRef {
  readonly appId: string
  /** Default null. */
  readonly partitionKey?: string | null
}

/**
 * Saves and loads applications.
 *
 * Give it to `createApplication` or `resumeOrCreate`, to as many as you like; what it holds can be looked at from
 * anywhere. Close it when no application of it runs any more. Every method rejects with a {@link PersistenceError}
 * (`unavailable`) when the store does not answer.
 * @see Burr burr/core/persistence.py (BaseStatePersister)
 */
export interface Persister extends AsyncDisposable {
  /** As messages name it: `memory`, `sqlite app.db`. */
  readonly name: string
  /** What moves its rows. */
  readonly driver: PersisterDriver
  /**
   * What is stored of an application, also of a branch: where it stands, or where it stood after a step (of the newest
   * epoch that has it, unless one is named). Undefined where nothing is stored.
   * @throws {PersistenceError} `corrupt` when a record cannot be read
   */
  load(ref: AppRef & { readonly sequenceId?: number; readonly epoch?: number }): Promise<StoredRecord | undefined>
  /** The applications of a partition, newest first. */
  list(options?: ListOptions): Promise<readonly StoredApp[]>
  /** Every step that is stored of an application, those of earlier epochs too, and what lies between, in the order written. */
  steps(ref: AppRef): Promise<readonly StoredStep[]>
  /**
   * Forgets a root application and all below it; one that still runs it fails at its next step. @returns whether there
   * was one
   */
  delete(ref: AppRef): Promise<boolean>
  /** Closes the driver, once what it was given is saved. What is saved after it fails, and does not wait for the store. */
  close(): Promise<void>
  /**
   * For the engine: the books of a root application.
   * @throws {TypeError | RangeError} for options that cannot be
   * @internal
   */
  journal(options: JournalOptions, setup?: Omit<JournalSetup<Journal>, 'appId'>): Journal
}

/**
 * Makes a persister of a driver. Drivers of your own are proven by the contract suite of `teasel/testing`.
 *
 * @example
 * ```ts
 * const { driver } = memoryPersister() // in place of your own
 * const persister = createPersister(driver)
 * ```
 */
export function createPersister(driver: PersisterDriver): Persister {
  const persister: Persister = {
    name: driver.name,
    driver,
    async load({ appId, partitionKey = null, sequenceId, epoch }) {
      const until = sequenceId === undefined ? undefined : { sequenceId, epoch }
      const [stored] = await loadRecords((ids, to) => driver.load(partitionKey, ids, to), [appId], until)
      return stored
    },
    async list(options = {}) {
      return driver.list(options)
    },
    async steps({ appId, partitionKey = null }) {
      return (await driver.history(partitionKey, appId)).filter(({ kind }) => kind !== 'note').map(toStep)
    },
    async delete({ appId, partitionKey = null }) {
      return driver.delete({ partitionKey, rootId: appId })
    },
    journal: (options, setup) =>
      new Journal(new Scope(scopeSettings(options, driver)), openBranchStore, { ...setup, appId: options.rootId }),
    async close() {
      await saved(driver)
      closedDrivers.add(driver)
      await driver.close()
    },
    [Symbol.asyncDispose]: () => persister.close(),
  }
  return Object.freeze(persister)
}

const toStep = ({ sequenceId, epoch, label, order }: RowFacts): StoredStep => ({
  sequenceId,
  epoch,
  ...(isStateLabel(label) ? { kind: label, action: undefined } : { kind: 'step', action: actionOf(label) }),
  at: millisecondsOf(order),
})
