import type { Clock } from '../internal/clock.js'
import { isInstance, isThenable } from '../internal/guards.js'
import { PersistenceError } from '../store-errors.js'
import type { Awaitable, Claim, Group, PersisterDriver, Row } from './driver.js'
import { unavailable } from './faults.js'
import { closedDrivers, type InboxWatch } from './inbox-watch.js'
import { orderAfter } from './order.js'
import { Outage } from './outage.js'

// Owns: all writing below one root: who writes, in which order, what happens when the store is away.
// P1  A driver that answers at once is asked at once. While one is waited for, rows gather and go as one group; so do
//     those of branches that commit in the same turn, whatever the driver.
// P2  Rows of one application go in the order of their places.
// P3  Rows that may be there although saving them failed are looked for before they are called refused.
// P4  A store that is lost ends the run: nothing more is written by it, whoever asks, and whoever waited is told the same.

/** When a step is saved. */
export type SavePolicy = 'every-step' | 'settle' | 'manual' | { readonly after: readonly string[] }

/** What a whole tree of applications shares of its store. */
export interface ScopeSettings {
  readonly driver: PersisterDriver
  readonly partitionKey: string | null
  readonly rootId: string
  readonly writer: string
  readonly clock: Clock
  readonly policy: SavePolicy
  readonly transient: ReadonlySet<string>
  readonly version: number
  readonly whenUnavailable: 'fail' | 'wait'
  /** What becomes of recorded branches that the source does not give again as they were. */
  readonly changedTasks: 'error' | 'adopt'
  readonly migrate: ((record: MigratedRecord, fromVersion: number) => MigratedRecord) | undefined
  /** Looks for messages that other processes send. */
  readonly watch: InboxWatch
}

/** What a `migrate` is given and gives back: where an application stands. */
export interface MigratedRecord {
  readonly state: Readonly<Record<string, unknown>>
  readonly position: string | undefined
  readonly next: string | undefined
  /** For a branch: the map action that spawned it, and its key. The answer of `migrate` needs none. */
  readonly branch?: { readonly map: string; readonly key: string }
}

interface Waiting {
  readonly rows: readonly Row[]
  readonly taken: readonly number[]
  readonly saved: () => void
  readonly failed: (error: unknown) => void
}

const FIRST_WAIT_MS = 50
const LONGEST_WAIT_MS = 5_000

const saving = new WeakMap<PersisterDriver, Set<Scope>>()

/** The trees that a store is writing to. */
function underWay(driver: PersisterDriver): Set<Scope> {
  let known = saving.get(driver)
  if (known === undefined) {
    known = new Set()
    saving.set(driver, known)
  }
  return known
}

/** Resolves when what a store was given is saved; what waits for a store that is away is not waited for. */
export async function saved(driver: PersisterDriver): Promise<void> {
  for (const scope of [...underWay(driver)]) if (!scope.retrying) await scope.idle()
}

/** All writing below one root. */
export class Scope {
  readonly settings: ScopeSettings
  /** What it shares with the other stores of its tree. */
  outage: Outage
  #claim: Claim | undefined
  #claiming: Promise<void> | undefined
  #order = 0
  #gathered: Waiting[] = []
  #flushing: Promise<void> | undefined
  /** It asks a store again that is away. */
  retrying = false
  /** A save failed, and nobody knows whether its rows are there. */
  uncertain = false
  /** What the run that writes here has failed with (P4). */
  fault: { readonly error: unknown } | undefined

  constructor(settings: ScopeSettings, outage = new Outage(settings.clock)) {
    this.settings = settings
    this.outage = outage
  }

  /** The same tree in another store. */
  over(driver: PersisterDriver): Scope {
    return new Scope({ ...this.settings, driver }, this.outage)
  }

  get incarnation(): number {
    return this.#claim?.incarnation ?? 0
  }

  /** A run of the root begins. @throws {PersistenceError} when the tree is another's by now */
  begin(): void {
    this.outage.begin()
    if (faultOf(this.fault?.error) === 'taken-over') throw this.fault?.error
    this.fault = undefined
  }

  /** Makes this runner the one who writes, once. */
  claim(): Awaitable<void> {
    if (this.#claim !== undefined) return undefined
    if (this.#claiming !== undefined) return this.#claiming
    const { driver, writer } = this.settings
    const put = (claim: Claim): void => {
      this.#claim = claim
    }
    const claimed = this.ask(() => driver.claim(this.settings, writer))
    if (!isThenable(claimed)) return put(claimed)
    this.#claiming = claimed.then(put).finally(() => {
      this.#claiming = undefined
    })
    return this.#claiming
  }

  /**
   * What the store answers, now or later. One that is away is asked again where that was asked for, once there is a run
   * that waits for it.
   * @throws what it refuses with, and the run fails with it (P4)
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
    const waits = this.settings.whenUnavailable === 'wait' && this.outage.lost !== undefined
    return waits && isUnavailable(error) ? this.#retryUntilAvailable(again, error) : this.lose(error)
  }

  /** Puts together what was stored; what cannot be read fails the run as well (P4). */
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

  /** The store is lost, and with it the run that writes there (P4). */
  lose(thrown: unknown): never {
    // What is no error says nothing, and `undefined` would be taken for a cancel without a reason.
    const error = isInstance(thrown, Error) ? thrown : unavailable(this.settings.driver.name, 'answer', thrown)
    const fault = faultOf(error)
    if (fault !== 'taken-over' && fault !== 'conflict' && fault !== 'corrupt') this.uncertain = true
    this.fault ??= { error }
    this.outage.lost?.(error)
    throw error
  }

  /** Orders are given after all that is known to be stored. */
  after(order: number): void {
    this.#order = Math.max(this.#order, order)
  }

  nextOrder(): number {
    this.#order = orderAfter(this.#order, this.settings.clock.now())
    return this.#order
  }

  /** @param gathers whether others may commit in the same turn */
  save(rows: readonly Row[], taken: readonly number[] = [], gathers = false): Awaitable<void> {
    const first = this.#flushing === undefined && this.#gathered.length === 0
    if (first && gathers) queueMicrotask(() => this.#flushing ?? this.#flush())
    else if (first) {
      const saved = this.#send(rows, taken)
      if (!isThenable(saved)) return undefined
      return this.#hold(Promise.resolve(saved))
    }
    return new Promise((saved, failed) => {
      this.#gathered.push({ rows, taken, saved, failed })
      underWay(this.settings.driver).add(this)
    })
  }

  /** Resolves when nothing is being saved. */
  async idle(): Promise<void> {
    while (this.#flushing !== undefined || this.#gathered.length > 0) await this.#flushing?.catch(() => {})
  }

  /** Further rows gather until it has ended, and then go together (P1). */
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
      this.#send(
        all.flatMap(({ rows }) => rows),
        all.flatMap(({ taken }) => taken),
      )
    const ended = sent().then(
      () => all.forEach(({ saved }) => void saved()),
      (error: unknown) => all.forEach(({ failed }) => void failed(error)),
    )
    void this.#hold(ended)
  }

  #send(rows: readonly Row[], taken: readonly number[]): Awaitable<void> {
    if (this.fault !== undefined) throw this.fault.error // P4
    const { driver, partitionKey, rootId, writer } = this.settings
    const group: Group = { partitionKey, rootId, writer, rows, taken }
    const claimed = this.claim()
    if (claimed !== undefined) return claimed.then(() => this.#send(rows, taken))
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

  /** Asks again until the store is back, or the wait is given up. */
  async #retryUntilAvailable<T>(again: () => Awaitable<T>, first: unknown): Promise<T> {
    let error = first
    const { driver } = this.settings
    this.retrying = true
    // A store that was closed does not come back.
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
    return this.lose(error)
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
