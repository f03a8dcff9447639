import { isThenable } from '../internal/guards.js'
import { answerOf, BEGIN_MS, inSlices, type Pieces, sliceOver } from '../internal/slice.js'
import type { Ending } from '../parallel/results.js'
import { type BranchTask, planOfTask } from '../parallel/task.js'
import { branchIdOf } from './branch-id.js'
import { isFinal, type OpenMap } from './committing.js'
import { compareEntries } from './compare-entries.js'
import type { Awaitable } from './driver.js'
import { otherBranches } from './faults.js'
import type { Journal } from './journal.js'
import { loadRecords } from './loading.js'
import { openLone } from './lone-books.js'
import type { Feed, KeptBranches, KeptLife, KeptMap, MapKeeper } from './map-keeping.js'
import { assertActions, chosenAnew, migrateRecord } from './migrate.js'
import { passSchema } from './pass-schema.js'
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

/** How many entries stand in one note. */
const IN_ONE_NOTE = 1_000

/** What is stored of a branch that has settled. */
interface Outcome {
  readonly task: BranchTask
  readonly stored: StoredRecord
  readonly ending: Ending
}

class KeptFeed implements KeptBranches<Journal> {
  readonly #journal: Journal
  /** Where the branches are stored. */
  readonly #scope: Scope
  readonly #map: KeptMap
  readonly #feed: Feed
  /** What was recorded before, by place; undefined where nothing was. */
  #recorded: OpenMap | undefined
  #stored = new Map<string, StoredRecord>()
  /** Tasks of recorded entries that are to start, and the way through them. */
  readonly #ready = new Map<string, BranchTask>()
  readonly #nextReady = this.#ready.values()
  /** Tasks of recorded entries that were pulled, from the first one that is not looked at yet. */
  #held: BranchTask[] = []
  #seen = 0
  /** How many of them there are at least. */
  #upTo = 0
  readonly #heldKeys = new Set<string>()
  /** Stored outcomes that are to be settled, the last one first. */
  #settling: Outcome[] = []
  #phase: 'opening' | 'pulling' | 'restoring' | 'open' = 'opening'
  /** What has to wait until the entries are recorded. */
  #afterwards: (() => void)[] = []
  #fault: { readonly error: unknown } | undefined

  constructor(journal: Journal, map: KeptMap, scope: Scope) {
    this.#journal = journal
    this.#scope = scope
    this.#map = map
    this.#feed = map.feed
    const { name, visit } = map
    const opened = journal.opened
      ? inSlices(this.#open())
      : openLone(journal, name, visit).then(() => inSlices(this.#open()))
    this.#once(opened, () => this.#opened())
  }

  /** Goes on at once where it can, else wakes the map then. */
  #once(work: Awaitable<void>, done: () => void): void {
    if (!isThenable(work)) return done()
    const fault = (error: unknown): void => {
      this.#fault = { error }
    }
    void Promise.resolve(work).then(done).catch(fault).then(this.#map.wake)
  }

  #open(): Pieces<void> {
    const [{ name, visit }, open] = [this.#map, this.#journal.map]
    this.#recorded = open?.map === name && open.visit === visit ? open : undefined
    return this.#recorded === undefined ? this.#record() : this.#load(this.#recorded)
  }

  #opened(): void {
    this.#phase = this.#recorded === undefined ? 'open' : 'pulling'
    for (const index of this.#recorded?.entries.keys() ?? []) this.#upTo = Math.max(this.#upTo, index + 1)
    for (const work of this.#afterwards.splice(0)) work()
  }

  /** Writes down a source of known length (K1). Only then the journal has the map: half of it counts for nothing. */
  *#record(): Pieces<void> {
    const { taskAt, feed, name, visit } = this.#map
    const { version } = this.#scope.settings
    const open: OpenMap = { map: name, visit, version, entries: new Map(), total: feed.length, settled: false }
    if (taskAt !== undefined && feed.length !== undefined) yield* this.#recordAll(open, taskAt, feed.length)
    if (!this.#map.closed()) this.#journal.map = open
  }

  *#recordAll(open: OpenMap, taskAt: (index: number) => BranchTask, total: number): Pieces<void> {
    const { base, name, visit } = this.#map
    for (let from = 0; from === 0 || from < total; from += IN_ONE_NOTE) {
      const entries: ManifestEntry[] = []
      for (let i = from; i < Math.min(total, from + IN_ONE_NOTE); i++) {
        yield
        if (this.#map.closed()) return
        const entry = entryOf(taskAt(i), base)
        entries.push(entry)
        open.entries.set(i, entry)
      }
      const part = total <= IN_ONE_NOTE ? {} : from === 0 ? { total } : { from }
      yield this.#journal.note('manifest', { map: name, visit, entries, ...part, ...versionOf(open) })
    }
  }

  *#load({ entries }: OpenMap): Pieces<void> {
    const { driver, partitionKey } = this.#scope.settings
    yield this.#scope.claim()
    const keys: string[] = []
    const ids: string[] = []
    for (const [key] of entries.values()) {
      keys.push(key)
      ids.push(this.idOf(key))
      yield
    }
    const records = this.#scope.read(() =>
      loadRecords((some, until) => this.#scope.ask(() => driver.load(partitionKey, some, until)), ids),
    )
    for (const [i, stored] of (yield* answerOf(records)).entries()) {
      yield
      if (stored === undefined) continue
      this.#stored.set(keys[i] ?? '', stored)
      this.#scope.after(stored.order)
    }
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
    return this.#phase !== 'open' || this.#feed.pulling
  }

  next(): BranchTask | 'later' | 'end' {
    if (this.#fault !== undefined) throw this.#fault.error
    if (this.#phase === 'pulling') this.#pull()
    if (this.#phase !== 'open' || this.#map.closed()) return 'later'
    const ready: BranchTask | undefined = this.#nextReady.next().value
    if (ready !== undefined) this.#ready.delete(ready.key)
    const task = ready ?? this.#feed.next()
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

  /** Pulls what is recorded, in slices, and then makes of it what is stored. */
  #pull(): void {
    while (this.#held.length < this.#upTo) {
      const turn = sliceOver(BEGIN_MS)
      if (turn !== undefined) return void turn.then(this.#map.wake)
      const task = this.#feed.next()
      if (task === 'later') return
      if (task === 'end') break
      this.#held.push(task)
      this.#heldKeys.add(task.key)
    }
    this.#phase = 'restoring'
    this.#once(inSlices(this.#restore()), () => {
      this.#phase = 'open'
    })
  }

  /** Settles what has settled, and keeps the rest to start. */
  *#restore(): Pieces<void> {
    yield* this.#compare()
    const { settings } = this.#journal.scope
    for (; this.#seen < this.#held.length; this.#seen++) {
      yield
      if (this.#map.closed()) return
      const task = this.#held[this.#seen] as BranchTask
      const found = this.#afresh.has(task.key) ? undefined : this.#stored.get(task.key)
      const stored = found && withNewReads(migrateRecord(found, settings), task.state)
      const ending = stored && endingOf(stored, this.#map.policy, this.#journal.voided)
      if (stored !== undefined && ending === undefined) {
        const { plan } = planOfTask(task, this.#map.name)
        const fitted = chosenAnew(passSchema(stored, plan.graph.rules), plan, found?.next)
        assertActions(fitted, plan)
        this.#stored.set(task.key, fitted)
      }
      if (stored === undefined || ending === undefined) this.#ready.set(task.key, task)
      else this.#settling.push({ task, stored, ending })
    }
    this.#held = []
    this.#seen = 0
    this.#heldKeys.clear()
    this.#settling.sort((a, b) => b.stored.order - a.stored.order)
    while (this.#settleOne()) yield // K2, K3
    if (this.#recorded?.settled === true) this.#map.enough()
  }

  #settleOne(): boolean {
    const next = this.#settling.pop()
    if (next !== undefined) this.#map.settle(next.task, next.stored, next.ending)
    return next !== undefined
  }

  /** Compares the tasks of the source with the recorded entries. */
  *#compare(): Pieces<void> {
    const recorded = this.#recorded as OpenMap
    const byKey = recorded.version !== this.#scope.settings.version
    const { moved, gone, changed } = yield* compareEntries(recorded, this.#held, this.#map.base, byKey)
    if (this.#map.closed()) return
    for (const key of gone) this.#removed(key)
    for (const key of [...gone, ...changed]) this.#afresh.add(key)
    const more = recorded.total !== undefined && this.#feed.length !== undefined && this.#feed.length > recorded.total
    if (more) moved.push(`there are ${String(this.#feed.length)} of them, and there were ${recorded.total}`)
    if (moved.length > 0) this.#changed(moved)
    if (moved.length > 0 || byKey) yield* this.#recordAgain(recorded)
  }

  /** Keys whose records are of another entry: they run from their start. */
  readonly #afresh = new Set<string>()

  #changed(moved: readonly string[]): void {
    if (this.#journal.scope.settings.changedTasks === 'error') throw otherBranches(this.#map.subject, moved)
    const recorded = this.#recorded as OpenMap
    if (this.#map.taskAt !== undefined) return // recorded again as a whole
    recorded.total = this.#map.feed.length
    recorded.entries.clear()
  }

  /** Records the entries of a source of known length as they are now. */
  *#recordAgain(recorded: OpenMap): Pieces<void> {
    const { taskAt, feed } = this.#map
    if (taskAt === undefined || feed.length === undefined) return
    const { version } = this.#scope.settings
    const again: OpenMap = { ...recorded, version, entries: new Map(), total: feed.length }
    yield* this.#recordAll(again, taskAt, feed.length)
    if (this.#map.closed()) return
    this.#journal.map = again
    this.#recorded = again
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
    const work = (): void => this.#write(() => journal.cancelled(told, { startedAt, attempts }))
    if (this.#phase === 'opening') this.#afterwards.push(work)
    else work()
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
    if (this.#phase !== 'open' && this.#recorded !== undefined) return undefined // it may have settled
    const ready = this.#ready.get(key)
    this.#ready.delete(key)
    return ready ?? this.#feed.take(key)
  }

  holds(key: string): boolean {
    return this.#heldKeys.has(key) || this.#ready.has(key) || this.#feed.holds(key)
  }

  *queued(): Generator<string, void, void> {
    for (let i = this.#seen; i < this.#held.length; i++) yield (this.#held[i] as BranchTask).key
    yield* this.#ready.keys()
    yield* this.#feed.queued()
  }

  *rest(): Generator<BranchTask, void, void> {
    while (this.#settleOne());
    yield* this.#held.splice(this.#seen)
    for (const [key, task] of this.#ready) {
      this.#ready.delete(key)
      yield task
    }
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
