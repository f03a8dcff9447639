import { isThenable } from '../internal/guards.js'
import { answerOf, inSlices, type Pieces } from '../internal/slice.js'
import { isFinal } from '../lifecycle/final.js'
import { branchIdOf } from '../parallel/branch-id.js'
import { type EarlierResults, type Feed, type Outcome, RestoredFeed } from '../parallel/restored-feed.js'
import { type BranchTask, planOfTask } from '../parallel/task.js'
import type { MapJournal } from './app-journal.js'
import { openBranchOnlyJournal } from './branch-only-journal.js'
import type {
  BranchStore,
  CancelledJournal,
  CancelledMap,
  OpenBranchStore,
  RunningBranch,
  StoredMapVisit,
} from './branch-store.js'
import type { OpenMap } from './committing.js'
import { type BranchPosition, compareEntries } from './compare-entries.js'
import { emptyDraft } from './draft.js'
import { otherBranches } from './faults.js'
import { loadAll } from './loading.js'
import { MapManifest } from './map-manifest.js'
import { millisecondsOf } from './order.js'
import type { Notes, ParentRef } from './record.js'
import type { StoredMessage, StoredRecord } from './replay.js'
import type { Scope } from './scope.js'
import { fitBranch, forRetry, startsAgain, storedTiming } from './settled.js'

// Owns: the stored branches of one map: which of them a resume restores, continues or starts again, and their journals.
// Does not own: the record of its entries (map-manifest.ts), the source, running branches, settling earlier results again
// (parallel/restored-feed.ts).

class DurableTaskFeed implements BranchStore<MapJournal>, EarlierResults {
  readonly #journal: MapJournal
  /** The store of the branches. */
  readonly #scope: Scope
  readonly #map: StoredMapVisit
  readonly #manifest: MapManifest
  /** The source; on a resume, recorded branches come first. */
  #feed: Feed
  /** The entries recorded earlier; undefined if there are none. */
  #recorded: OpenMap | undefined
  #stored = new Map<string, StoredRecord>()
  /** Number of tasks that are compared before any branch starts. */
  upTo = 0
  readonly wake: StoredMapVisit['wake']
  readonly closed: StoredMapVisit['closed']
  readonly isCancelled: StoredMapVisit['isCancelled']
  #opening = true
  /** Whether the journal has been searched for earlier entries. */
  #searched = false
  /** Keys whose stored records belong to another entry: their branches start again. */
  readonly #restarting = new Set<string>()
  #fault: { readonly error: unknown } | undefined

  constructor(journal: MapJournal, map: StoredMapVisit, scope: Scope) {
    this.#journal = journal
    this.#scope = scope
    this.#map = map
    const replaced = (key: string): number | undefined =>
      this.#restarting.has(key) ? this.#stored.get(key)?.order : undefined
    this.#manifest = new MapManifest(journal, map, scope.settings.version, replaced)
    this.#feed = map.feed
    this.wake = map.wake
    this.closed = map.closed
    this.isCancelled = map.isCancelled
    const { name, visit } = map
    const opened = journal.opened
      ? inSlices(this.#open())
      : openBranchOnlyJournal(journal, name, visit).then(() => inSlices(this.#open()))
    const fault = (error: unknown): void => {
      this.#fault = { error }
    }
    const open = (): void => this.#whenOpen()
    if (isThenable(opened)) void opened.then(open).catch(fault).then(this.wake)
    else open()
  }

  #open(): Pieces<void> {
    const [{ name, visit }, open] = [this.#map, this.#journal.map]
    this.#recorded = open?.map === name && open.visit === visit ? open : undefined
    this.#searched = true
    return this.#recorded === undefined ? this.#manifest.record() : this.#load(keysOf(this.#recorded))
  }

  #whenOpen(): void {
    this.#opening = false
    for (const index of this.#recorded?.entries.keys() ?? []) this.upTo = Math.max(this.upTo, index + 1)
    if (this.#recorded !== undefined) this.#feed = new RestoredFeed(this.#map.feed, this)
    this.#manifest.recorded()
    if (this.#recorded === undefined) this.restored()
  }

  *#load(keys: readonly string[]): Pieces<void> {
    yield this.#scope.claim()
    const ids: string[] = []
    for (const key of keys) {
      ids.push(this.idOf(key))
      yield
    }
    const records = this.#scope.read(() => loadAll(this.#scope, ids))
    for (const [i, stored] of (yield* answerOf(records)).entries()) {
      yield
      if (stored === undefined) continue
      this.#stored.set(keys[i] ?? '', stored)
      this.#scope.after(stored.order)
    }
  }

  idOf(key: string): string {
    const { appId, epoch } = this.#journal
    return branchIdOf(appId, epoch, this.#map.name, this.#map.visit, key)
  }

  post(key: string, message: Pick<StoredMessage, 'kind' | 'body'>): Promise<number> {
    return this.#journal.post(this.idOf(key), message, this.#scope)
  }

  get length(): number | undefined {
    return this.#feed.length
  }

  get pulling(): boolean {
    return this.#opening || this.#feed.pulling
  }

  get restoring(): boolean {
    return this.#opening ? !this.#searched || this.#recorded !== undefined : this.#feed.restoring === true
  }

  next(): BranchTask | 'later' | 'end' {
    if (this.#fault !== undefined) throw this.#fault.error
    if (this.#opening || this.closed()) return 'later'
    const task = this.#feed.next()
    if (task === 'end') this.#manifest.ended(this.#feed.length)
    else if (task !== 'later') this.#check(task)
    return task
  }

  /** @throws {SnapshotError} when a branch to continue does not fit the code */
  outcomeOf(task: BranchTask): Outcome | undefined {
    const found = this.#restarting.has(task.key) ? undefined : this.#stored.get(task.key)
    if (found === undefined) return undefined
    const { name, policy } = this.#map
    const { retryFailuresBefore, scope } = this.#journal
    const journal = { retryFailuresBefore, settings: scope.settings }
    const { stored, result } = fitBranch(found, task, policy, journal, () => planOfTask(task, name).plan)
    const { order } = stored
    if (result !== undefined)
      return { order, settle: () => this.#map.settle(task, stored, result, millisecondsOf(order)) }
    this.#stored.set(task.key, stored)
    return undefined
  }

  has(key: string): boolean {
    return this.#stored.has(key)
  }

  /** Every stored result has settled again: closes the map if `watch` had closed it, or cancels it again. */
  settled(): void {
    const { settled, cancelled } = this.#recorded ?? {}
    if (settled === true) this.#map.satisfied()
    if (cancelled !== undefined) this.#map.cancelled(cancelled)
  }

  restored(): void {
    this.#map.restored()
  }

  /** Compares the tasks of the source with the recorded entries. */
  *compare(held: readonly BranchTask[]): Pieces<void> {
    const recorded = this.#recorded as OpenMap
    const byKey = recorded.version !== this.#scope.settings.version
    const known = new Set(keysOf(recorded))
    const { moved, gone, changed } = yield* compareEntries(recorded, held, this.#feed.length, this.#map.base, byKey)
    if (this.#map.closed()) return
    for (const one of gone) this.#removed(one)
    for (const key of [...gone.map((one) => one.key), ...changed]) this.#restarting.add(key)
    for (const entry of recorded.entries.values()) {
      const stored = this.#stored.get(entry[0])
      if (stored !== undefined && startsAgain(stored, entry)) this.#restarting.add(entry[0])
    }
    if (moved.length > 0) {
      this.#changed(moved)
      yield* this.#loadGone(held, known)
      if (this.#map.closed()) return
    }
    if (moved.length > 0 || byKey) this.#recorded = yield* this.#manifest.recordAgain(recorded)
  }

  /** Finds records of keys that were removed from the map earlier: they belong to other entries. */
  *#loadGone(held: readonly BranchTask[], known: ReadonlySet<string>): Pieces<void> {
    const { taskAt, feed } = this.#map
    const keys: string[] = []
    for (let i = 0; i < (taskAt === undefined ? held.length : (feed.length ?? 0)); i++) {
      const { key } = taskAt?.(i) ?? (held[i] as BranchTask)
      if (!known.has(key)) keys.push(key)
      yield
    }
    yield* this.#load(keys)
    for (const key of keys) this.#restarting.add(key)
  }

  #changed(moved: readonly string[]): void {
    if (this.#journal.scope.settings.changedTasks === 'error') throw otherBranches(this.#map.subject, moved)
    const recorded = this.#recorded as OpenMap
    if (this.#map.taskAt !== undefined) return // the whole source is recorded again
    recorded.total = this.#map.feed.length
    recorded.entries.clear()
  }

  /** Records a branch that the source no longer returns as cancelled. */
  #removed({ key, index }: BranchPosition): void {
    if (this.#journal.scope.settings.changedTasks === 'error') return
    const cancellation = { cause: 'removed', by: 'removed', reason: undefined } as const
    const stored = this.#stored.get(key)
    const journal = this.#journalOf({ key, index }, stored)
    this.#manifest.write(() => journal.cancelled(cancellation, storedTiming(stored)))
    // The source may return it later.
    const last = stored ?? emptyDraft(journal.appId, journal)
    this.#stored.set(key, { ...last, rows: Math.max(last.rows, (journal.notes.index ?? -1) + 1) })
  }

  /** Refuses or adopts a task of a generator beyond its recorded total. */
  #check(task: BranchTask): void {
    const open = this.#journal.map
    if (open === undefined || this.#map.taskAt !== undefined) return
    if (open.total !== undefined && task.index >= open.total) this.#changed([`more than ${open.total} entries`])
  }

  /** The journal of a branch, and its stored record. */
  branch(task: BranchTask): { readonly journal: MapJournal; readonly stored: StoredRecord | undefined } {
    const stored = this.recordOf(task.key)
    const journal = this.#journalOf(task, stored, this.#manifest.entryNoteOf(task))
    this.#stored.delete(task.key)
    return { journal, stored }
  }

  recordOf(key: string): StoredRecord | undefined {
    return this.restoring || this.#restarting.has(key) ? undefined : forRetry(this.#stored.get(key))
  }

  #journalOf({ key, index }: BranchPosition, stored: StoredRecord | undefined, note?: Notes['entry']): MapJournal {
    const parentRef: ParentRef = [this.#journal.appId, this.#map.name, this.#map.visit, key]
    const open = this.#journal.map
    const parentNote = note && { parent: this.#journal, note, lost: () => open?.entries.delete(note.index) }
    const replaced = stored === undefined ? this.#stored.get(key) : undefined
    const journal = this.#journal.child(
      { appId: this.idOf(key), parentRef, index, stored, replaced, parentNote },
      this.#scope,
    )
    journal.opened = true
    return journal
  }

  /** Stores the final cancel of a live or queued branch. */
  cancelled(task: BranchTask, cancellation: Parameters<MapJournal['cancelled']>[0], live?: RunningBranch): void {
    if (!isFinal(cancellation.cause)) return // recorded when it ends
    const journal: CancelledJournal =
      live?.journal ?? this.#journalOf(task, this.recordOf(task.key), this.#manifest.entryNoteOf(task))
    const { startedAt, attempts = 1 } = live ?? {}
    const timing = startedAt === undefined ? storedTiming(journal.stored) : { startedAt, attempts }
    this.#manifest.whenRecorded(() => this.#manifest.write(() => journal.cancelled(cancellation, timing)))
  }

  satisfied(): void {
    this.#manifest.satisfied()
  }

  mapCancelled(cancel: CancelledMap): void {
    this.#manifest.cancelled(cancel)
  }

  take(key: string): BranchTask | undefined {
    return this.restoring ? undefined : this.#feed.take(key)
  }

  holds(key: string): boolean {
    const recorded = this.#opening ? this.#recorded : undefined
    return this.#feed.holds(key) || (recorded !== undefined && keysOf(recorded).includes(key))
  }

  queued(): Iterable<string> {
    return this.#feed.queued()
  }

  rest(): Iterable<BranchTask> {
    return this.#feed.rest()
  }

  close(): ReturnType<Feed['close']> {
    return this.#feed.close()
  }
}

const keysOf = ({ entries }: OpenMap): string[] => [...entries.values()].map(([key]) => key)

/** Opens the stored branches of a map. */
export const openBranchStore: OpenBranchStore<MapJournal> = (journal, map, scope) =>
  new DurableTaskFeed(journal, map, scope)
