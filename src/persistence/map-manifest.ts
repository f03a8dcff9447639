import { isThenable } from '../internal/guards.js'
import type { Pieces } from '../internal/slice.js'
import type { BranchTask } from '../parallel/task.js'
import type { MapJournal } from './app-journal.js'
import type { CancelledMap, StoredMapVisit } from './branch-store.js'
import type { OpenMap } from './committing.js'
import type { ManifestEntry, Notes } from './record.js'
import { entryOf } from './settled.js'

// Owns: the manifest of one visit of a map: the notes of its entries, of their number, and of its end by `watch` or cancel.
// Does not own: what a resume makes of them (durable-task-feed.ts), the records of branches.
// K1  A source of known length is recorded before its first task is handed out, so that a resume can compare all of it.
//     An entry of a generator is recorded with the first row of its branch, and the total when the generator ends.

/** Maximum number of entries in one note. */
const IN_ONE_NOTE = 1_000

export class MapManifest {
  readonly #journal: MapJournal
  readonly #map: StoredMapVisit
  readonly #version: number
  readonly #replaced: (key: string) => number | undefined
  /** Writes that wait until the entries are recorded; undefined afterwards. */
  #waiting: (() => void)[] | undefined = []

  /**
   * @param version of the records that it writes
   * @param replaced the order of the stored record that another entry has left under a key
   */
  constructor(
    journal: MapJournal,
    map: StoredMapVisit,
    version: number,
    replaced: (key: string) => number | undefined,
  ) {
    this.#journal = journal
    this.#map = map
    this.#version = version
    this.#replaced = replaced
  }

  /**
   * Records a source of known length (K1). The journal has the map only afterwards: a partial record does not count.
   * @param earlier the map, as an earlier run has recorded it
   */
  *record(earlier?: OpenMap): Pieces<void> {
    const { taskAt, feed, name, visit } = this.#map
    const begun = earlier ?? { map: name, visit, settled: false }
    const open: OpenMap = { ...begun, version: this.#version, entries: new Map(), total: feed.length }
    if (taskAt !== undefined && feed.length !== undefined) yield* this.#recordAll(open, taskAt, feed.length)
    if (!this.#map.closed()) this.#journal.map = open
  }

  /** Records the present entries of a source of known length. @returns the map as it is recorded then */
  *recordAgain(earlier: OpenMap): Pieces<OpenMap> {
    const { taskAt, feed } = this.#map
    if (taskAt === undefined || feed.length === undefined) return earlier
    yield* this.record(earlier)
    return this.#map.closed() ? earlier : (this.#journal.map ?? earlier)
  }

  *#recordAll(open: OpenMap, taskAt: (index: number) => BranchTask, total: number): Pieces<void> {
    const { name, visit } = this.#map
    for (let from = 0; from === 0 || from < total; from += IN_ONE_NOTE) {
      const entries: ManifestEntry[] = []
      for (let i = from; i < Math.min(total, from + IN_ONE_NOTE); i++) {
        yield
        if (this.#map.closed()) return
        const entry = this.#entryOf(taskAt(i))
        entries.push(entry)
        open.entries.set(i, entry)
      }
      const part = total <= IN_ONE_NOTE ? {} : from === 0 ? { total } : { from }
      yield this.#journal.note('manifest', { map: name, visit, entries, ...part, ...versionOf(open) })
    }
  }

  #entryOf(task: BranchTask): ManifestEntry {
    const [key, hash] = entryOf(task, this.#map.base)
    const replaced = this.#replaced(key)
    return replaced === undefined ? [key, hash] : [key, hash, replaced]
  }

  /** The entry of a generator, to record with the first row of its branch (K1). */
  entryNoteOf(task: BranchTask): Notes['entry'] | undefined {
    const open = this.#journal.map
    if (this.#map.taskAt !== undefined || open === undefined || open.entries.has(task.index)) return undefined
    const entry = this.#entryOf(task)
    open.entries.set(task.index, entry)
    return { map: open.map, visit: open.visit, index: task.index, entry, ...versionOf(open) }
  }

  /** Records the number of entries of a generator that has ended. */
  ended(total: number | undefined): void {
    const { taskAt, name, visit } = this.#map
    const open = this.#journal.map
    if (taskAt !== undefined || open === undefined || open.total !== undefined || total === undefined) return
    open.total = total
    this.write(() => this.#journal.note('total', { map: name, visit, total }))
  }

  /** Stores that `watch` closed the map. */
  satisfied(): void {
    const open = this.#journal.map
    if (open === undefined || open.settled) return
    open.settled = true
    this.write(() => this.#journal.note('settled', { map: open.map, visit: open.visit }))
  }

  /** Stores that the map was cancelled as a whole. */
  cancelled({ by, reason }: CancelledMap): void {
    this.whenRecorded(() => {
      const open = this.#journal.map
      if (open === undefined || open.cancelled !== undefined) return
      open.cancelled = { by, reason }
      const { map, visit, cancelled } = open
      this.write(() => this.#journal.note('settled', { map, visit, cancelled }))
    })
  }

  /** Writes in the background. A failure fails the map. */
  write(work: () => unknown): void {
    try {
      const written = work()
      if (isThenable(written)) Promise.resolve(written).catch(this.#map.fault)
    } catch (error) {
      this.#map.fault(error)
    }
  }

  /** Writes once the entries are recorded, or found recorded. */
  whenRecorded(write: () => void): void {
    if (this.#waiting === undefined) write()
    else this.#waiting.push(write)
  }

  /** The entries are recorded, or found recorded. */
  recorded(): void {
    const waiting = this.#waiting ?? []
    this.#waiting = undefined
    for (const write of waiting) write()
  }
}

/** The version in its stored form. */
const versionOf = ({ version }: OpenMap): { readonly version?: number } => (version === 0 ? {} : { version })
