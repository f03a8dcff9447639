import type { Plan } from '../graph/plan.js'
import { isInstance, isThenable } from '../internal/guards.js'
import { PersistenceError } from '../store-errors.js'
import type { StoringSummary } from './app-status.js'
import type { Awaitable, Claim, Group, PersisterDriver, Row } from './driver.js'
import { refuseBranch, unavailable } from './faults.js'
import { closedDrivers } from './inbox-watch.js'
import { Lease } from './lease.js'
import { fitRecord } from './migrate.js'
import { orderAfter } from './order.js'
import { Outage } from './outage.js'
import { RunRequests } from './requests.js'
import type { ScopeSettings } from './scope-settings.js'
import type { StoredRecord } from './stored-record.js'
import { type Refusal, TreeStatus } from './tree-status.js'
import { underWay } from './under-way.js'

// Owns: all writes below one root: the claim, the order, an unavailable store; whether a stored root may be resumed.
// P1  A synchronous driver is called at once, without a promise. Rows that arrive during an asynchronous save are saved
//     in one group after it; so are rows of branches that commit in the same turn, with any driver.
// P2  Rows of one application are saved in the order of their indices, so that a crash leaves no gap.
// P3  A failed save may have stored its rows. They are searched for before a later conflict counts as one.
// P4  A lost store ends the run: no write of that run follows, and every waiting caller gets the same error.
// P5  The store of a map is claimed after that of the root, with its incarnation as a fence. So a runner that was
//     stopped while another took over the root cannot take the store of a map from it.
// P6  Summaries without rows are stored after all rows before them. An unavailable store does not fail the run for them:
//     they are stored with the next rows, or a third of a lease later. Where the answer of a run depends on them, an
//     unavailable store is awaited or ends the run, as for rows.

export type { MigratedRecord, RootFacts, SavePolicy, ScopeSettings, StartFacts } from './scope-settings.js'

/** What is stored in one group. */
export interface Batch {
  readonly rows: readonly Row[]
  readonly taken?: readonly number[]
  readonly summaries?: readonly StoringSummary[]
  /** Whether the answer of a run depends on it, where it has no rows (P6). */
  readonly awaited?: boolean
}

interface Waiting {
  readonly batch: Batch
  readonly saved: () => void
  readonly failed: (error: unknown) => void
}

/** The summary of an application, if the store has another one. */
type SummarySource = () => StoringSummary | undefined

const FIRST_WAIT_MS = 50
const LONGEST_WAIT_MS = 5_000

const NONE: readonly number[] = Object.freeze([])

/** All writes below one root. */
export class Scope {
  readonly settings: ScopeSettings
  /** Shared with the other stores of its tree. */
  outage: Outage
  readonly #main: Scope | undefined
  #claim: Claim | undefined
  #claiming: Promise<void> | undefined
  #order = 0
  #gathered: Waiting[] = []
  #flushing: Promise<void> | undefined
  /** Whether it is retrying a call of an unavailable store. */
  retrying = false
  /** Whether a save failed that may have stored its rows. */
  uncertain = false
  /** The error that ended the run (P4). */
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
    const known = this.#changed.get(this)
    if (known === undefined) this.#changed.set(this, new Set([source]))
    else known.add(source)
  }

  /** Stores the summaries that have changed (P6). @returns the error with which a store refused them */
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

  /** Claims the tree for this runner, once (P5). */
  claim(): Awaitable<void> {
    if (this.#claim !== undefined) return undefined
    if (this.#claiming !== undefined) return this.#claiming
    const { driver, writer } = this.settings
    const put = (claim: Claim): void => {
      this.#claim = claim
      if (this.#main === undefined) this.lease.claimed()
    }
    const { claim, leaseMs, worker } = this.settings
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
   * @throws the error of the store, with which the run fails (P4)
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
    return this.#retryUntilAvailable(again, error).catch((last: unknown) => this.lose(last))
  }

  #retries(error: unknown): boolean {
    return this.settings.whenUnavailable === 'wait' && this.outage.lost !== undefined && isUnavailable(error)
  }

  /** Reads records. One that cannot be read fails the run (P4). */
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

  /** Ends the run with the error of the store (P4). */
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
    const first = this.#flushing === undefined && this.#gathered.length === 0
    if (first && gathers) queueMicrotask(() => this.#flushing ?? this.#flush())
    else if (first) {
      const saved = this.#send(batch)
      if (!isThenable(saved)) return undefined
      return this.#hold(Promise.resolve(saved))
    }
    return new Promise((saved, failed) => {
      this.#gathered.push({ batch, saved, failed })
      underWay(this.settings.driver).add(this)
    })
  }

  /** Resolves when no save is pending. */
  async idle(): Promise<void> {
    while (this.#flushing !== undefined || this.#gathered.length > 0) await this.#flushing?.catch(() => {})
  }

  /** Collects further rows until a save has ended, and then saves them together (P1). */
  #hold(saving: Promise<void>): Promise<void> {
    const held = saving.then(
      () => this.#flush(),
      (error: unknown) => {
        this.#flush()
        throw error
      },
    )
    this.#flushing = held
    underWay(this.settings.driver).add(this)
    return held
  }

  #flush(): void {
    this.#flushing = undefined
    const all = this.#gathered
    if (all.length === 0) return void underWay(this.settings.driver).delete(this)
    this.#gathered = []
    const sent = async (): Promise<void> =>
      this.#send({
        rows: all.flatMap(({ batch }) => batch.rows),
        taken: all.flatMap(({ batch }) => batch.taken ?? []),
        summaries: all.flatMap(({ batch }) => batch.summaries ?? []),
        awaited: all.some(({ batch }) => batch.awaited),
      })
    const ended = sent().then(
      () => all.forEach(({ saved }) => void saved()),
      (error: unknown) => all.forEach(({ failed }) => void failed(error)),
    )
    void this.#hold(ended)
  }

  #send(batch: Batch): Awaitable<void> {
    if (this.fault !== undefined) throw this.fault.error // P4
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
          if (!(await this.#isThere(group, error))) throw error // P3
        }
      },
    )
  }

  /** @throws the error of the store, which the run survives unless another runner has its claim (P6) */
  async #sendSummaries(group: Group, awaited: boolean): Promise<void> {
    const { driver } = this.settings
    const save = async (): Promise<void> => driver.save(group)
    try {
      await this.outage.answerOf(driver.name, save()).catch((error: unknown) => {
        if (!awaited || !this.#retries(error)) throw error
        return this.#retryUntilAvailable(save, error)
      })
    } catch (error) {
      if (group.leaseMs !== undefined) this.lease.missed(group.leaseMs)
      if (isUnavailable(error)) throw error
      this.lose(error)
    }
  }

  /** Retries a call until the store is available. @throws its last error when the wait is abandoned */
  async #retryUntilAvailable<T>(again: () => Awaitable<T>, first: unknown): Promise<T> {
    let error = first
    const { driver } = this.settings
    this.retrying = true
    // A closed store stays unavailable.
    for (let wait = FIRST_WAIT_MS; isUnavailable(error) && !closedDrivers.has(driver); wait = nextWait(wait)) {
      if (!(await this.outage.pause(wait))) break
      try {
        const answer = await this.outage.answerOf(driver.name, Promise.resolve(again()))
        this.retrying = false
        return answer
      } catch (thrown) {
        error = thrown
      }
    }
    this.retrying = false
    throw error
  }

  async #isThere({ partitionKey, rows }: Group, error: unknown): Promise<boolean> {
    if (faultOf(error) !== 'conflict') return false
    const last = rows.at(-1)
    if (last === undefined) return false
    const history = await this.settings.driver.history(partitionKey, last.appId)
    return history.some(({ index, order }) => index === last.index && order === last.order)
  }
}

const nextWait = (wait: number): number => Math.min(wait * 2, LONGEST_WAIT_MS)
const faultOf = (error: unknown): string | undefined => (PersistenceError.is(error) ? error.fault : undefined)
const isUnavailable = (error: unknown): boolean => faultOf(error) === 'unavailable'
