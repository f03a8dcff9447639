import { foldedSummary } from '../../log/fold-tree.js'
import type { DueQuery, PageOf, Paging, RunFilter, RunNumbers } from '../../read/reader.js'
import type { RunSummary } from '../../read/run-summary.js'
import { isOpen } from '../../read/status.js'
import { GONE_MS, type IndexedRun, type IndexReader } from './index-reader.js'
import { type LogFiles, statOf } from './log-files.js'
import { nameOfRun, type PartFile } from './places.js'
import { countRuns, listDue, listRuns } from './run-pages.js'
import { RunReading } from './run-reading.js'

// Owns: runs in lists.
// N1  A list is read from the indexes. A log is opened only for a run that no index has, and for one whose process is
//     gone, whose last second the index may lack.

/** Number of runs of dead processes whose end is remembered. */
const MOST_KNOWN = 10_000

export class RunList {
  readonly #files: LogFiles
  readonly #index: IndexReader
  /** Runs whose process is gone, by key, with the last sign of life at which they were read. */
  readonly #dead = new Map<string, { readonly seenAt: number; readonly run: RunSummary }>()

  constructor(files: LogFiles, index: IndexReader) {
    this.#files = files
    this.#index = index
  }

  /** All runs, in no order. */
  async all(): Promise<readonly RunSummary[]> {
    const now = Date.now()
    const [indexed, logs] = await Promise.all([this.#index.runs(), this.#files.all()])
    const found: RunSummary[] = []
    const named = new Set<string>()
    for (const [key, one] of indexed) {
      const name = nameOfRun(one.run.runId, one.run.partitionKey)
      const parts = logs.get(name)
      if (parts === undefined) continue
      named.add(name)
      found.push(await this.#resolved(key, one, parts, now))
    }
    for (const [name, parts] of logs) {
      if (named.has(name)) continue
      const run = await this.#unlisted(parts, now)
      if (run !== undefined) found.push(run)
    }
    return found
  }

  async #resolved(
    key: string,
    { run, writer, seenAt }: IndexedRun,
    parts: readonly PartFile[],
    now: number,
  ): Promise<RunSummary> {
    if (!isOpen(run.status)) return run
    if (now - seenAt < GONE_MS) return { ...run, heldBy: { id: writer, seenAt } }
    const known = this.#dead.get(key)
    if (known?.seenAt === seenAt) return known.run
    const fold = await new RunReading(this.#files, false).readOn(parts)
    const exact = foldedSummary(fold, { alive: false, seenAt }) ?? run
    this.#dead.set(key, { seenAt, run: exact })
    if (this.#dead.size > MOST_KNOWN) this.#dead.clear()
    return exact
  }

  /** A run that no index has yet, or whose index was lost. */
  async #unlisted(parts: readonly PartFile[], now: number): Promise<RunSummary | undefined> {
    const last = parts.at(-1)
    const stat = last && (await statOf(this.#files.path(last)))
    const seenAt = Math.round(stat?.mtimeMs ?? 0)
    const fold = await new RunReading(this.#files, false).readOn(parts)
    return foldedSummary(fold, { alive: now - seenAt < GONE_MS, seenAt })
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
