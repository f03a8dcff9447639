import { foldedSummary } from '../../log/fold-tree.js'
import type { DueQuery, PageOf, Paging, ReadFault, RunFilter, RunNumbers } from '../../read/reader.js'
import type { RunSummary } from '../../read/run-summary.js'
import { isOpen } from '../../read/status.js'
import { GONE_MS, type IndexedRun, type IndexReader } from './index-reader.js'
import { type LogFiles, statOf } from './log-files.js'
import { nameOfRun, type PartFile, runOfName } from './places.js'
import { type FoundRuns, orFault } from './read-faults.js'
import { countRuns, listDue, listRuns } from './run-pages.js'
import { RunReading } from './run-reading.js'

// Owns: runs in lists.
// N1  A list is read from the indexes. A log is opened only for a run that no index has, and for one whose process is
//     gone, whose last second the index may lack.

/** Number of runs that are remembered as their logs tell them. */
const MOST_KNOWN = 10_000

export class RunList {
  readonly #files: LogFiles
  readonly #index: IndexReader
  /** Runs whose log was read and is not written any more, by the name of the run, with the state of their files. */
  readonly #read = new Map<string, { readonly stamp: string; readonly run: RunSummary }>()

  constructor(files: LogFiles, index: IndexReader) {
    this.#files = files
    this.#index = index
  }

  /** All runs. F1 */
  async all(): Promise<FoundRuns> {
    const now = Date.now()
    const [indexed, logs] = await Promise.all([this.#index.runs(), this.#files.all()])
    const runs: RunSummary[] = []
    const faults: ReadFault[] = []
    const named = new Set<string>()
    for (const one of indexed.runs.values()) {
      const name = nameOfRun(one.run.runId, one.run.partitionKey)
      const parts = logs.get(name)
      if (parts === undefined) continue
      const isBehind = (parts.at(-1)?.incarnation ?? 0) > one.run.incarnation
      if (isBehind) continue
      named.add(name)
      const run = await orFault(faults, () => this.#resolved(name, one, parts, now), one.run)
      if (run !== undefined) runs.push(run)
    }
    for (const [name, parts] of logs) {
      if (named.has(name)) continue
      const run = await orFault(faults, () => this.#unlisted(name, parts, now), runOfName(name))
      if (run !== undefined) runs.push(run)
    }
    return { runs, faults, ofIndexes: indexed.faults }
  }

  async #resolved(
    name: string,
    { run, writer, seenAt, released }: IndexedRun,
    parts: readonly PartFile[],
    now: number,
  ): Promise<RunSummary> {
    if (released || !isOpen(run.status)) return run
    if (now - seenAt < GONE_MS) return { ...run, heldBy: { id: writer, seenAt } }
    const known = this.#known(name, String(seenAt))
    if (known !== undefined) return known
    const fold = await new RunReading(this.#files, false).readOn(parts)
    return this.#keep(name, String(seenAt), foldedSummary(fold, { alive: false, seenAt }) ?? run)
  }

  /** A run that no index has yet, or whose index was lost. */
  async #unlisted(name: string, parts: readonly PartFile[], now: number): Promise<RunSummary | undefined> {
    const last = parts.at(-1)
    const stat = last && (await statOf(this.#files.path(last)))
    const stamp = `${parts.length}:${stat?.size}:${stat?.mtimeMs}`
    const known = this.#known(name, stamp)
    if (known !== undefined) return known
    const fold = await new RunReading(this.#files, false).readOn(parts)
    if (fold.head === undefined) return undefined
    const beat = (await this.#index.seenAt(fold.head.worker.id)) ?? 0
    const seenAt = Math.max(Math.round(stat?.mtimeMs ?? 0), beat)
    const run = foldedSummary(fold, { alive: now - seenAt < GONE_MS, seenAt })
    return run === undefined || isOpen(run.status) ? run : this.#keep(name, stamp, run)
  }

  #known(name: string, stamp: string): RunSummary | undefined {
    const known = this.#read.get(name)
    return known?.stamp === stamp ? known.run : undefined
  }

  #keep(name: string, stamp: string, run: RunSummary): RunSummary {
    this.#read.set(name, { stamp, run })
    if (this.#read.size > MOST_KNOWN) this.#read.clear()
    return run
  }

  async list(query?: RunFilter & Paging): Promise<PageOf<RunSummary>> {
    return listRuns(() => this.all(), query)
  }

  async count(query?: RunFilter & { readonly upTo?: number | undefined }): Promise<RunNumbers> {
    return countRuns(() => this.all(), query)
  }

  async due(query?: DueQuery): Promise<PageOf<RunSummary>> {
    return listDue(() => this.all(), query)
  }
}
