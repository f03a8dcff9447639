import type { Reader } from '../read/reader.js'
import type { JournalSetup } from './branch-store.js'
import type { PersisterDriver } from './driver.js'
import { openBranchStore } from './durable-task-feed.js'
import { closedDrivers } from './inbox-watch.js'
import { Journal } from './journal.js'
import { loadRecords } from './loading.js'
import { storeReader } from './reading/store-reader.js'
import type { StoredRecord } from './replay.js'
import { Scope } from './scope.js'
import { type JournalOptions, scopeSettings } from './settings.js'
import { saved } from './under-way.js'

/** Identifies a stored application. */
export interface AppRef {
  readonly appId: string
  /** Default null. */
  readonly partitionKey?: string | null
}

/**
 * Saves and loads applications, and reads runs: it is a {@link Reader}.
 *
 * Any number of applications can share one. Close it when none of them runs any more. Every method rejects with a
 * {@link PersistenceError} (`unavailable`) when the store is unavailable.
 * @see Burr burr/core/persistence.py (BaseStatePersister)
 */
export interface Persister extends Reader, AsyncDisposable {
  /** Its name in messages: `memory`, `sqlite app.db`. */
  readonly name: string
  /** Stores its rows. */
  readonly driver: PersisterDriver
  /**
   * The record of an application or branch: the newest, or the one after a step. Without `epoch`, the newest epoch that
   * has the step. Undefined when nothing is stored.
   * @throws {PersistenceError} `corrupt` when a record cannot be read
   */
  load(ref: AppRef & { readonly sequenceId?: number; readonly epoch?: number }): Promise<StoredRecord | undefined>
  /**
   * Deletes a root application and everything below it. A runner that still runs it fails at its next step.
   * @returns whether it was stored
   */
  delete(ref: AppRef): Promise<boolean>
  /** Closes the driver once pending rows are saved. Later saves fail at once. */
  close(): Promise<void>
  /**
   * For the engine: the journal of a root application.
   * @throws {TypeError | RangeError} for invalid options
   * @internal
   */
  journal(options: JournalOptions, setup?: Omit<JournalSetup, 'appId'>): Journal
}

/**
 * Makes a persister of a driver. Test your own drivers with the contract suite of `teasel/testing`.
 *
 * @example
 * ```ts
 * const { driver } = memoryPersister() // or your own driver
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
    ...storeReader(driver),
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
