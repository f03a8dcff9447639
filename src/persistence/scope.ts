import type { Clock } from '../internal/clock.js'
import { isThenable } from '../internal/guards.js'
import type { Awaitable, Claim, Group, PersisterDriver, Row } from './driver.js'
import { PersistenceError } from './errors.js'
import type { InboxWatch } from './inbox-watch.js'
import { orderAfter } from './order.js'

// Owns: all writing below one root: who writes, in which order, what happens when the store is away.
// P1  A driver that answers at once is asked at once. While one is waited for, rows gather and go as one group; so do
//     those of branches that commit in the same turn, whatever the driver.
// P2  Rows of one application go in the order of their places.
// P3  Rows that may be there although saving them failed are looked for before they are called refused.

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

/** All writing below one root. */
export class Scope {
  readonly settings: ScopeSettings
  #claim: Claim | undefined
  #order = 0
  #gathered: Waiting[] = []
  #flushing: Promise<void> | undefined
  /** A save failed, and nobody knows whether its rows are there. */
  unsure = false
  /** Another runner has taken the tree. */
  isLost = false

  constructor(settings: ScopeSettings) {
    this.settings = settings
  }

  /** The same tree in another store. */
  over(driver: PersisterDriver): Scope {
    return new Scope({ ...this.settings, driver })
  }

  get incarnation(): number {
    return this.#claim?.incarnation ?? 0
  }

  /** Makes this runner the one who writes, once. */
  claim(): Awaitable<void> {
    if (this.#claim !== undefined) return undefined
    const { driver, writer } = this.settings
    const claimed = driver.claim(this.settings, writer)
    if (!isThenable(claimed)) this.#claim = claimed as Claim
    else
      return Promise.resolve(claimed).then((claim) => {
        this.#claim = claim
      })
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
    return held
  }

  #flush(): void {
    this.#flushing = undefined
    const all = this.#gathered
    if (all.length === 0) return
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
    const { driver, partitionKey, rootId, writer, whenUnavailable } = this.settings
    const group: Group = { partitionKey, rootId, writer, rows, taken }
    const claimed = this.claim()
    if (claimed !== undefined) return claimed.then(() => this.#send(rows, taken))
    try {
      const saved = driver.save(group)
      if (!isThenable(saved)) return undefined
      return whenUnavailable === 'wait'
        ? Promise.resolve(saved).catch((error: unknown) => this.#insist(group, error))
        : Promise.resolve(saved).catch((error: unknown) => this.#lost(error))
    } catch (error) {
      if (whenUnavailable === 'wait' && isAway(error)) return this.#insist(group, error)
      return this.#lost(error)
    }
  }

  #lost(error: unknown): never {
    if (isAway(error)) this.unsure = true
    if (PersistenceError.is(error) && error.fault === 'taken-over') this.isLost = true
    throw error
  }

  /** Tries again until the store is back. */
  async #insist(group: Group, first: unknown): Promise<void> {
    const { driver, clock } = this.settings
    let error = first
    for (let wait = FIRST_WAIT_MS; isAway(error); wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
      await new Promise<void>((resolve) => void clock.setTimeout(resolve, wait))
      try {
        await driver.save(group)
        return
      } catch (again) {
        if (await this.#isThere(group, again)) return // P3
        error = again
      }
    }
    throw error
  }

  async #isThere({ partitionKey, rows }: Group, error: unknown): Promise<boolean> {
    if (!PersistenceError.is(error) || error.fault !== 'conflict') return false
    const last = rows.at(-1)
    if (last === undefined) return false
    const history = await this.settings.driver.history(partitionKey, last.appId)
    return history.some(({ index, order }) => index === last.index && order === last.order)
  }
}

const isAway = (error: unknown): boolean => PersistenceError.is(error) && error.fault === 'unavailable'
