import type { Plan } from '../graph/plan.js'
import { isInstance, isThenable } from '../internal/guards.js'
import { PersistenceError } from '../store-errors.js'
import type { SummarySource } from './app-status.js'
import type { Awaitable, Claim, Group, PersisterDriver } from './driver.js'
import { faultOf, isUnavailable, refuseBranch, unavailable } from './faults.js'
import { type Batch, GroupCommit } from './group-commit.js'
import { closedDrivers } from './inbox-watch.js'
import { Lease } from './lease.js'
import { fitRecord } from './migrate.js'
import { orderAfter } from './order.js'
import { Outage } from './outage.js'
import { RunRequests } from './requests.js'
import type { KnownRoot, ScopeSettings } from './scope-settings.js'
import type { StoredRecord } from './stored-record.js'
import { type Refusal, TreeStatus } from './tree-status.js'

// Owns: all writes below one root: the claim, the order, a lost store, changed summaries; whether a stored root may be
// resumed.
// Does not own: which batches are saved together (group-commit.ts), waits for an unavailable store (outage.ts).
// P1  A failed save may have stored its rows. They are searched for before a later conflict counts as one.
// P2  A lost store ends the run: no write of that run follows, and every waiting caller gets the same error.
// P3  The store of a map is claimed after that of the root, with its incarnation as a fence. So a runner that was
//     stopped while another took over the root cannot take the store of a map from it.
// P4  Summaries without rows are stored after all rows before them. An unavailable store does not fail the run for them:
//     they are stored with the next rows, or a third of a lease later. Where the answer of a run depends on them, an
//     unavailable store is awaited or ends the run, as for rows.

const NONE: readonly number[] = Object.freeze([])

/** All writes below one root. */
export class Scope {
  readonly settings: ScopeSettings
  /** The facts of the root as its store has them: given ones, else those that are stored. */
  about: KnownRoot
  /** Shared with the other stores of its tree. */
  outage: Outage
  readonly #main: Scope | undefined
  #claim: Claim | undefined
  #claiming: Promise<void> | undefined
  #order = 0
  readonly #commits: GroupCommit
  /** Whether it is retrying a call of an unavailable store. */
  retrying = false
  /** Whether a save failed that may have stored its rows. */
  uncertain = false
  /** The error that ended the run (P2). */
  fault: { readonly error: unknown } | undefined
  /** The status of the whole tree; one for all its stores. */
  readonly tree: TreeStatus
  /** The lease in the store of the root. */
  readonly lease: Lease
  /** Requests of other processes, in the store of the root. */
  readonly requests: RunRequests
  /** The summaries that may have changed without a row, by the scope that stores them. */
  readonly #changed: Map<Scope, Set<SummarySource>>

  /** @param main the scope of the root, if this is the store of a map */
  constructor(settings: ScopeSettings, outage = new Outage(settings.clock), main?: Scope) {
    this.settings = settings
    this.about = settings.about
    this.#commits = new GroupCommit(this, settings.driver, (group) => this.#send(group))
    this.outage = outage
    this.#main = main
    this.#changed = main === undefined ? new Map() : main.#changed
    this.requests = main?.requests ?? new RunRequests(settings)
    this.lease = main?.lease ?? new Lease(settings, (error) => this.end(error))
    // An unavailable store is reported by what the run needs of it.
    if (main === undefined) this.lease.beaten = () => void this.requests.look().catch(() => {})
    this.tree = main?.tree ?? new TreeStatus(this.lease, (awaited) => this.#storeChanged(awaited))
  }

  /** A stored record as this code resumes it. @throws {SnapshotError} when it does not fit */
  fit(stored: StoredRecord, plan: Plan): StoredRecord {
    return fitRecord(stored, plan, this.settings)
  }

  /** Refuses a branch as the root. @throws {PersistenceError} `conflict` */
  refuseBranch(found: StoredRecord | undefined): void {
    refuseBranch(this.settings.rootId, this.settings.writer, found)
  }

  /** The summary of the root: it may change with anything below. */
  root: SummarySource | undefined

  /** A summary may have changed, and no row comes with it. */
  changed(source: SummarySource): void {
    this.#add(source)
    this.tree.changed()
  }

  #add(source: SummarySource): void {
    this.#changed.set(this, (this.#changed.get(this) ?? new Set()).add(source))
  }

  /** Stores the summaries that have changed (P4). @returns the error with which a store refused them */
  async #storeChanged(awaited: boolean): Promise<Refusal | undefined> {
    if (this.root !== undefined) this.#add(this.root)
    const all = [...this.#changed]
    this.#changed.clear()
    let refused: Refusal | undefined
    for (const [scope, sources] of all) refused = (await scope.#storeOf(sources, awaited)) ?? refused
    return refused
  }

  async #storeOf(sources: ReadonlySet<SummarySource>, awaited: boolean): Promise<Refusal | undefined> {
    if (this.#claim === undefined) return undefined // the rows of its first save bring them
    const summaries = [...sources].flatMap((source) => source() ?? [])
    if (summaries.length === 0 && !this.#leaseIsDue && this.requests.past.length === 0) return undefined
    try {
      await this.save({ rows: [], summaries, awaited })
    } catch (error) {
      for (const { lost } of summaries) lost()
      for (const source of sources) this.#add(source)
      const isOpen = this.fault === undefined
      if (isOpen && awaited && this.tree.running) this.end(error)
      else if (isOpen && !closedDrivers.has(this.settings.driver)) this.tree.changedLater(this.settings)
      return { error }
    }
    return undefined
  }

  /** Whether the lease in the store has to begin or to end. */
  get #leaseIsDue(): boolean {
    return this.#main === undefined && this.lease.isDue
  }

  /** The same tree in another store. */
  over(driver: PersisterDriver, settings = this.settings): Scope {
    return new Scope({ ...settings, driver }, this.outage, this.#main ?? this)
  }

  get incarnation(): number {
    return this.#claim?.incarnation ?? 0
  }

  /** Called when a run of the root begins. @throws {PersistenceError} when another runner has taken over the tree */
  begin(): void {
    this.outage.begin()
    if (faultOf(this.fault?.error) === 'taken-over') throw this.fault?.error
    this.fault = undefined
  }

  /** Claims the tree for this runner, once (P3). */
  claim(): Awaitable<void> {
    if (this.#claim !== undefined) return undefined
    if (this.#claiming !== undefined) return this.#claiming
    const { driver, writer, claim, leaseMs, worker } = this.settings
    const put = (claim: Claim): void => {
      this.#claim = claim
      if (this.#main === undefined) this.lease.claimed()
    }
    const how =
      this.#main === undefined ? { leaseMs, worker, free: claim === 'free' } : { fence: this.#main.incarnation }
    const claimed = this.ask(() => driver.claim(this.settings, writer, how))
    if (!isThenable(claimed)) return put(claimed)
    this.#claiming = claimed.then(put).finally(() => {
      this.#claiming = undefined
    })
    return this.#claiming
  }

  /**
   * Calls the store. With `whenUnavailable: 'wait'`, the call is retried while the store is unavailable, if a run waits
   * for it.
   * @throws the error of the store, with which the run fails (P2)
   */
  ask<T>(work: () => Awaitable<T>, again = work): Awaitable<T> {
    let answer: Awaitable<T>
    try {
      answer = work()
    } catch (error) {
      return this.#refused(again, error)
    }
    if (!isThenable(answer)) return answer as T
    const { name } = this.settings.driver
    const ended = this.outage.answerOf(name, Promise.resolve(answer))
    return ended.catch((error: unknown) => this.#refused(again, error))
  }

  #refused<T>(again: () => Awaitable<T>, error: unknown): Promise<T> {
    if (!this.#retries(error)) return this.lose(error)
    return this.#retry(again, error).catch((last: unknown) => this.lose(last))
  }

  #retries(error: unknown): boolean {
    return this.settings.whenUnavailable === 'wait' && this.outage.lost !== undefined && isUnavailable(error)
  }

  /** Reads records. One that cannot be read fails the run (P2). */
  read<T>(work: () => Awaitable<T>): Awaitable<T> {
    const refused = (error: unknown): never => {
      if (PersistenceError.is(error)) this.lose(error)
      throw error
    }
    try {
      const answer = work()
      return isThenable(answer) ? Promise.resolve(answer).catch(refused) : answer
    } catch (error) {
      return refused(error)
    }
  }

  /** Ends the run with the error of the store (P2). */
  lose(thrown: unknown): never {
    throw this.end(thrown)
  }

  /** As {@link Scope.lose}, without throwing. @returns the error of the store */
  end(thrown: unknown): Error {
    // A thrown `undefined` would count as a cancel without a reason.
    const error = isInstance(thrown, Error) ? thrown : unavailable(this.settings.driver.name, 'answer', thrown)
    const fault = faultOf(error)
    if (fault !== 'taken-over' && fault !== 'conflict' && fault !== 'corrupt') this.uncertain = true
    this.fault ??= { error }
    this.outage.lost?.(error)
    return error
  }

  /** Later rows get orders above this one. */
  after(order: number): void {
    this.#order = Math.max(this.#order, order)
  }

  nextOrder(): number {
    this.#order = orderAfter(this.#order, this.settings.clock.now())
    return this.#order
  }

  /** Saves a batch. @param gathers whether to wait for other commits of the same turn */
  save(batch: Batch, gathers = false): Awaitable<void> {
    return this.#commits.save(batch, gathers)
  }

  /** Resolves when no save is pending. */
  idle(): Promise<void> {
    return this.#commits.idle()
  }

  #send(batch: Batch): Awaitable<void> {
    if (this.fault !== undefined) throw this.fault.error // P2
    const claimed = this.claim()
    if (claimed !== undefined) return claimed.then(() => this.#send(batch))
    const { partitionKey, rootId, writer } = this.settings
    const { rows, taken = [], summaries = [], awaited = false } = batch
    const leaseMs = this.#main === undefined ? this.lease.due() : undefined
    const past = this.#main === undefined ? this.requests.past : NONE
    const group: Group = {
      ...{ partitionKey, rootId, writer, rows, taken: past.length === 0 ? taken : [...taken, ...past] },
      ...(summaries.length > 0 && { summaries: summaries.map(({ summary }) => summary) }),
      ...(leaseMs !== undefined && { leaseMs }),
    }
    const sent = rows.length === 0 ? this.#sendSummaries(group, awaited) : this.#sendRows(group)
    return past.length === 0 ? sent : Promise.resolve(sent).then(() => this.requests.removed(past))
  }

  #sendRows(group: Group): Awaitable<void> {
    const { driver } = this.settings
    return this.ask(
      () => driver.save(group),
      async () => {
        try {
          await driver.save(group)
        } catch (error) {
          if (!(await this.#isThere(group, error))) throw error // P1
        }
      },
    )
  }

  /** @throws the error of the store, which the run survives unless another runner has its claim (P4) */
  async #sendSummaries(group: Group, awaited: boolean): Promise<void> {
    const { driver } = this.settings
    const save = async (): Promise<void> => driver.save(group)
    try {
      await this.outage.answerOf(driver.name, save()).catch((error: unknown) => {
        if (!awaited || !this.#retries(error)) throw error
        return this.#retry(save, error)
      })
    } catch (error) {
      if (group.leaseMs !== undefined) this.lease.missed(group.leaseMs)
      if (isUnavailable(error)) throw error
      this.lose(error)
    }
  }

  #retry<T>(again: () => Awaitable<T>, error: unknown): Promise<T> {
    this.retrying = true
    return this.outage.retry(this.settings.driver, again, error).finally(() => {
      this.retrying = false
    })
  }

  async #isThere({ partitionKey, rows }: Group, error: unknown): Promise<boolean> {
    const last = rows.at(-1)
    if (last === undefined || faultOf(error) !== 'conflict') return false
    const history = await this.settings.driver.history(partitionKey, last.appId)
    return history.some(({ index, order }) => index === last.index && order === last.order)
  }
}
