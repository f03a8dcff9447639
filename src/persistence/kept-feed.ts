import { isThenable } from '../internal/guards.js'
import type { Ending } from '../parallel/results.js'
import { type BranchTask, planOfTask } from '../parallel/task.js'
import { branchIdOf } from './branch-id.js'
import { isFinal, type OpenMap } from './committing.js'
import { compareEntries } from './compare-entries.js'
import { otherBranches } from './faults.js'
import type { Journal } from './journal.js'
import { loadRecords } from './loading.js'
import { openLone } from './lone-books.js'
import type { Feed, KeptBranches, KeptLife, KeptMap, MapKeeper } from './map-keeping.js'
import { assertActions, chosenAnew, migrateRecord } from './migrate.js'
import type { Hanging, ManifestEntry, Notes } from './record.js'
import type { StoredMessage, StoredRecord } from './replay.js'
import type { Scope } from './scope.js'
import { endingOf, entryOf, triedAfresh, withNewReads } from './settled.js'

// Owns: what of the branches of one map is recorded, and what becomes of it when its source runs again (design: D16).
// Does not own: the source itself, the running of branches.
// K1  A source of known length is recorded whole before its first task is handed out; an entry of a generator with the
//     first record of its branch, and the total when it has ended.
// K2  What is stored is settled before anything starts, in the order in which it settled.
// K3  A branch that is done is never handed out again.

class KeptFeed implements KeptBranches<Journal> {
  readonly #journal: Journal
  /** Where the branches are stored. */
  readonly #scope: Scope
  readonly #map: KeptMap
  readonly #feed: Feed
  /** What was recorded before, by place; undefined where nothing was. */
  #recorded: OpenMap | undefined
  #stored = new Map<string, StoredRecord>()
  /** Tasks of recorded entries that are to start. */
  #ready: BranchTask[] = []
  #held: BranchTask[] = []
  #phase: 'opening' | 'restoring' | 'open' = 'opening'
  #fault: { readonly error: unknown } | undefined

  constructor(journal: Journal, map: KeptMap, scope: Scope) {
    this.#journal = journal
    this.#scope = scope
    this.#map = map
    this.#feed = map.feed
    const { name, visit } = map
    const opened = journal.opened ? this.#open() : openLone(journal, name, visit).then(() => this.#open())
    if (!isThenable(opened)) this.#opened()
    else {
      const fault = (error: unknown): void => {
        this.#fault = { error }
      }
      void opened.then(() => this.#opened(), fault).then(() => map.wake())
    }
  }

  #open(): Promise<void> | void {
    const [{ name, visit }, open] = [this.#map, this.#journal.map]
    this.#recorded = open?.map === name && open.visit === visit ? open : undefined
    return this.#recorded === undefined ? this.#record() : this.#load(this.#recorded)
  }

  #opened(): void {
    this.#phase = this.#recorded === undefined ? 'open' : 'restoring'
  }

  /** Writes down a source of known length (K1). */
  #record(): Promise<void> | void {
    const { taskAt, feed, name, visit, base } = this.#map
    const { version } = this.#scope.settings
    const open: OpenMap = { map: name, visit, version, entries: new Map(), total: feed.length, settled: false }
    this.#journal.map = open
    if (taskAt === undefined || feed.length === undefined) return
    const entries: ManifestEntry[] = []
    for (let i = 0; i < feed.length; i++) entries.push(entryOf(taskAt(i), base))
    for (const [i, entry] of entries.entries()) open.entries.set(i, entry)
    return this.#journal.note('manifest', { map: name, visit, entries, ...versionOf(open) }) as
      | Promise<void>
      | undefined
  }

  #load(open: OpenMap): Promise<void> | void {
    const claimed = this.#scope.claim()
    return claimed === undefined ? this.#loadAll(open) : claimed.then(() => this.#loadAll(open))
  }

  #loadAll({ entries }: OpenMap): Promise<void> | void {
    const { driver, partitionKey } = this.#scope.settings
    const keys = [...entries.values()].map(([key]) => key)
    const ids = keys.map((key) => this.idOf(key))
    const records = this.#scope.read(() =>
      loadRecords((some, until) => this.#scope.ask(() => driver.load(partitionKey, some, until)), ids),
    )
    const put = (all: Awaited<typeof records>): void => {
      for (const [i, key] of keys.entries()) {
        const stored = all[i]
        if (stored === undefined) continue
        this.#stored.set(key, stored)
        this.#scope.after(stored.order)
      }
    }
    return isThenable(records) ? Promise.resolve(records).then(put) : put(records as Awaited<typeof records>)
  }

  idOf(key: string): string {
    const { appId, below } = this.#journal
    return branchIdOf(appId, below, this.#map.name, this.#map.visit, key)
  }

  post(key: string, message: Pick<StoredMessage, 'kind' | 'body'>): Promise<number> {
    return this.#journal.post(this.idOf(key), message, this.#scope)
  }

  get length(): number | undefined {
    return this.#feed.length
  }

  get pulling(): boolean {
    return this.#phase === 'opening' || this.#feed.pulling
  }

  next(): BranchTask | 'later' | 'end' {
    if (this.#fault !== undefined) throw this.#fault.error
    if (this.#phase === 'opening') return 'later'
    if (this.#phase === 'restoring' && !this.#restore()) return 'later'
    if (this.#map.closed()) return 'later'
    const task = this.#ready.shift() ?? this.#feed.next()
    if (task === 'end') this.#ended()
    else if (task !== 'later') this.#check(task)
    return task
  }

  /** A generator has ended: that is recorded, and whether it gave all that was. */
  #ended(): void {
    const { taskAt, name, visit } = this.#map
    const open = this.#journal.map
    const { length: total } = this.#feed
    if (taskAt !== undefined || open === undefined || open.total !== undefined || total === undefined) return
    open.total = total
    this.#write(() => this.#journal.note('total', { map: name, visit, total }))
  }

  /** Pulls what is recorded, settles what has settled, and keeps the rest to start. False: not yet. */
  #restore(): boolean {
    const { entries } = this.#recorded as OpenMap
    const upTo = Math.max(-1, ...entries.keys()) + 1
    while (this.#held.length < upTo) {
      const task = this.#feed.next()
      if (task === 'later') return false
      if (task === 'end') break
      this.#held.push(task)
    }
    this.#phase = 'open'
    this.#compare()
    const held = this.#held
    this.#held = []
    const settled: { readonly task: BranchTask; readonly stored: StoredRecord; readonly ending: Ending }[] = []
    const { settings } = this.#journal.scope
    for (const task of held) {
      const found = this.#afresh.has(task.key) ? undefined : this.#stored.get(task.key)
      const stored = found && withNewReads(migrateRecord(found, settings), task.state)
      const ending = stored && endingOf(stored, this.#map.policy, this.#journal.voided)
      if (stored !== undefined && ending === undefined) {
        const { plan } = planOfTask(task, this.#map.name)
        const fitted = chosenAnew(stored, plan, found?.next)
        assertActions(fitted, plan)
        this.#stored.set(task.key, fitted)
      }
      if (stored === undefined || ending === undefined) this.#ready.push(task)
      else settled.push({ task, stored, ending })
    }
    settled.sort((a, b) => a.stored.order - b.stored.order)
    for (const { task, stored, ending } of settled) this.#map.settle(task, stored, ending) // K2, K3
    if (this.#recorded?.settled === true) this.#map.enough()
    return true
  }

  /** Compares the tasks of the source with the recorded entries. */
  #compare(): void {
    const recorded = this.#recorded as OpenMap
    const byKey = recorded.version !== this.#scope.settings.version
    const { moved, gone, changed } = compareEntries(recorded, this.#held, this.#map.base, byKey)
    for (const key of gone) this.#removed(key)
    for (const key of [...gone, ...changed]) this.#afresh.add(key)
    const more = recorded.total !== undefined && this.#feed.length !== undefined && this.#feed.length > recorded.total
    if (more) moved.push(`there are ${String(this.#feed.length)} of them, and there were ${recorded.total}`)
    if (moved.length > 0) this.#changed(moved)
    else if (byKey) this.#recordAgain()
  }

  /** Keys whose records are of another entry: they run from their start. */
  readonly #afresh = new Set<string>()

  #changed(moved: readonly string[]): void {
    if (this.#journal.scope.settings.changedTasks === 'error') throw otherBranches(this.#map.subject, moved)
    const recorded = this.#recorded as OpenMap
    recorded.total = this.#map.feed.length
    recorded.entries.clear()
    this.#recordAgain()
  }

  /** Records the entries of a source of known length as they are now. */
  #recordAgain(): void {
    const recorded = this.#recorded as OpenMap
    const { taskAt, feed, base, name, visit } = this.#map
    if (taskAt === undefined || feed.length === undefined) return
    recorded.version = this.#scope.settings.version
    for (let i = 0; i < feed.length; i++) recorded.entries.set(i, entryOf(taskAt(i), base))
    const entries = [...recorded.entries.values()]
    this.#write(() => this.#journal.note('manifest', { map: name, visit, entries, ...versionOf(recorded) }))
  }

  /** A recorded branch that the source does not give any more. */
  #removed(key: string): void {
    if (this.#journal.scope.settings.changedTasks === 'error') return
    const told = { cause: 'removed', by: 'removed', reason: undefined } as const
    const journal = this.#journalOf(key)
    this.#write(() => journal.cancelled(told, { startedAt: undefined, attempts: 0 }))
    this.#stored.delete(key)
  }

  /** A generator that gives more than its recorded total, or another entry at a recorded place. */
  #check(task: BranchTask): void {
    const open = this.#journal.map
    if (open === undefined || this.#map.taskAt !== undefined) return
    if (open.total !== undefined && task.index >= open.total)
      this.#changed([`there are more than ${open.total} of them`])
  }

  /** The books of a branch, and what is stored of it. */
  branch(task: BranchTask): { readonly journal: Journal; readonly stored: StoredRecord | undefined } {
    const stored = triedAfresh(this.#stored.get(task.key))
    this.#stored.delete(task.key)
    const journal = this.#journalOf(task.key, stored, this.#preludeOf(task))
    return { journal, stored: this.#afresh.has(task.key) ? undefined : stored }
  }

  #journalOf(key: string, stored = this.#stored.get(key), note?: Notes['entry']): Journal {
    const hangs: Hanging = [this.#journal.appId, this.#map.name, this.#map.visit, key]
    const prelude = note && { above: this.#journal, note }
    const journal = this.#journal.child({ appId: this.idOf(key), hangs, stored, prelude }, this.#scope)
    journal.opened = true
    return journal
  }

  /** An entry of a generator is recorded with the first row of its branch (K1). */
  #preludeOf(task: BranchTask): Notes['entry'] | undefined {
    const open = this.#journal.map
    if (this.#map.taskAt !== undefined || open === undefined || open.entries.has(task.index)) return undefined
    const entry = entryOf(task, this.#map.base)
    open.entries.set(task.index, entry)
    return { map: open.map, visit: open.visit, index: task.index, entry, ...versionOf(open) }
  }

  /** A branch was cancelled for good, one that lives or one that waits for its turn. */
  cancelled(task: BranchTask, told: Parameters<Journal['cancelled']>[0], live?: KeptLife<Journal>): void {
    if (!isFinal(told.cause)) return // said when it has ended
    const journal = live?.app.journal ?? this.#journalOf(task.key, undefined, this.#preludeOf(task))
    const { startedAt } = live ?? {}
    const attempts = startedAt === undefined ? 0 : (live?.app.attempts?.branch ?? 1)
    this.#write(() => journal.cancelled(told, { startedAt, attempts }))
  }

  /** Writes what nobody waits for. Where it cannot be stored, the map fails. */
  #write(work: () => unknown): void {
    try {
      const written = work()
      if (isThenable(written)) Promise.resolve(written).catch(this.#map.fault)
    } catch (error) {
      this.#map.fault(error)
    }
  }

  /** `watch` says that there are enough. */
  settled(): void {
    const open = this.#journal.map
    if (open === undefined || open.settled) return
    open.settled = true
    this.#write(() => this.#journal.note('settled', { map: open.map, visit: open.visit }))
  }

  take(key: string): BranchTask | undefined {
    const at = this.#ready.findIndex((task) => task.key === key)
    return at < 0 ? this.#feed.take(key) : this.#ready.splice(at, 1)[0]
  }

  holds(key: string): boolean {
    return this.#ready.some((task) => task.key === key) || this.#feed.holds(key)
  }

  *queued(): Generator<string, void, void> {
    for (const { key } of [...this.#held, ...this.#ready]) yield key
    yield* this.#feed.queued()
  }

  *rest(): Generator<BranchTask, void, void> {
    yield* this.#held.splice(0)
    yield* this.#ready.splice(0)
    yield* this.#feed.rest()
  }

  close(): ReturnType<Feed['close']> {
    return this.#feed.close()
  }
}

/** The version as a note holds it. */
const versionOf = ({ version }: OpenMap): { readonly version?: number } => (version === 0 ? {} : { version })

/** Opens the books of a map. */
export const keepMap: MapKeeper<Journal> = (journal, map, scope) => new KeptFeed(journal, map, scope)
