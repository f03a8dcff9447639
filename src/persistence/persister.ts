import type { JournalSetup } from './branch-store.js'
import type { PersisterDriver, RowFacts } from './driver.js'
import { openBranchStore } from './durable-task-feed.js'
import { closedDrivers } from './inbox-watch.js'
import { Journal } from './journal.js'
import { actionOf, isStateLabel, type StateLabel } from './labels.js'
import { loadRecords } from './loading.js'
import { endOf, millisecondsOf } from './order.js'
import type { StoredRecord } from './replay.js'
import { Scope, saved } from './scope.js'
import { type JournalOptions, scopeSettings } from './settings.js'

/** One step of a history. */
export interface StoredStep {
  /** Its number, from 0; -1 before the first step. */
  readonly sequenceId: number
  /** Grows with each rewind; the first is 0. */
  readonly epoch: number
  /**
   * `step`: an action committed. Otherwise a state that no step made: the `start` of an application, a `fork`, a
   * `rewind`, or a result of a fallback (`saved`).
   */
  readonly kind: 'step' | StateLabel
  /** The action that committed; undefined unless `kind` is `step`. */
  readonly action: string | undefined
  /** Epoch milliseconds. */
  readonly at: number
}

/** One application of a list. */
export interface StoredApp {
  readonly appId: string
  /** Time of its first row, epoch milliseconds. */
  readonly createdAt: number
}

/** The range of applications to list. */
export interface ListOptions {
  /** Default null. */
  readonly partitionKey?: string | null
  /** Maximum number (default 100). */
  readonly limit?: number
  /**
   * Lists applications older than this one, the last of the previous page. If it was deleted, others of its millisecond
   * are listed again. Default: from the newest on.
   */
  readonly after?: StoredApp
}

/** Identifies a stored application. */
export interface AppRef {
  readonly appId: string
  /** Default null. */
  readonly partitionKey?: string | null
}

/**
 * Saves and loads applications.
 *
 * Any number of applications can share one. Close it when none of them runs any more. Every method rejects with a
 * {@link PersistenceError} (`unavailable`) when the store is unavailable.
 * @see Burr burr/core/persistence.py (BaseStatePersister)
 */
export interface Persister extends AsyncDisposable {
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
  /** The applications of a partition, newest first. */
  list(options?: ListOptions): Promise<readonly StoredApp[]>
  /** The stored steps of an application in the order of writing, earlier epochs included. */
  steps(ref: AppRef): Promise<readonly StoredStep[]>
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
  journal(options: JournalOptions, setup?: Omit<JournalSetup<Journal>, 'appId'>): Journal
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
    async list(options = {}) {
      const { partitionKey = null, limit = 100, after } = options
      const [known] = after === undefined ? [] : [await driver.find({ partitionKey, rootId: after.appId })]
      const from = after && { partitionKey, rootId: after.appId, born: known?.born ?? endOf(after.createdAt) }
      const page = await driver.list({ partitionKey, limit, ...(from && { after: from }) })
      return page.map(({ rootId, born }) => ({ appId: rootId, createdAt: millisecondsOf(born) }))
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
