import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ReadFault } from '../../read/reader.js'
import type { RunSummary } from '../../read/run-summary.js'
import { type IndexLine, keyOf, parseIndexLine } from './index-file.js'
import { namesIn, statOf } from './log-files.js'
import type { Places } from './places.js'
import { orFault } from './read-faults.js'
import { unlessGone } from './reading.js'

// Owns: the runs of a project, from the indexes of its writers.
// X1  An index is read again only if it has changed.
// X2  An index that cannot be read, or is damaged, has no runs: their logs have them.

/** A process without a sign of life for so long is gone, milliseconds. */
export const GONE_MS = 15_000

/** A run in an index. */
export interface IndexedRun {
  readonly run: RunSummary
  readonly writer: string
  /** The last sign of life of its writer, epoch milliseconds. */
  readonly seenAt: number
  /** Whether its writer has told that nobody holds it. */
  readonly released: boolean
}

/** The runs of all indexes by their key, and the indexes that could not be read. */
export interface IndexedRuns {
  readonly runs: ReadonlyMap<string, IndexedRun>
  readonly faults: readonly ReadFault[]
}

interface CachedIndex {
  readonly size: number
  readonly mtimeMs: number
  readonly lines: ReadonlyMap<string, IndexLine>
}

export class IndexReader {
  readonly #folder: string
  readonly #cache = new Map<string, CachedIndex>()

  constructor({ index }: Places) {
    this.#folder = index
  }

  /** The runs of all indexes. A later incarnation wins, then the later change. */
  async runs(): Promise<IndexedRuns> {
    const found = new Map<string, IndexedRun>()
    const faults: ReadFault[] = []
    const all = (await orFault(faults, () => namesIn(this.#folder))) ?? []
    const names = all.filter((name) => name.endsWith('.jsonl'))
    for (const name of this.#cache.keys()) if (!names.includes(name)) this.#cache.delete(name)
    for (const name of names) {
      const index = await orFault(faults, () => this.#index(name))
      if (index === undefined) continue
      const writer = name.slice(0, -'.jsonl'.length)
      for (const [key, { run, beat, released = false }] of index.lines) {
        const known = found.get(key)
        if (known !== undefined && !isLater(run, known.run)) continue
        found.set(key, { run, writer, seenAt: Math.round(beat ?? index.mtimeMs), released })
      }
    }
    return { runs: found, faults }
  }

  /** The last sign of life of a writer; undefined if it has no index that can be looked at. */
  async seenAt(writer: string): Promise<number | undefined> {
    const stat = await orFault([], () => statOf(join(this.#folder, `${writer}.jsonl`)))
    return stat && Math.round(stat.mtimeMs)
  }

  async #index(name: string): Promise<CachedIndex | undefined> {
    const path = join(this.#folder, name)
    const stat = await statOf(path)
    if (stat === undefined) return undefined
    const { size, mtimeMs } = stat
    const known = this.#cache.get(name)
    if (known?.size === size && known.mtimeMs === mtimeMs) return known
    const lines = await linesIn(path)
    const read = { size, mtimeMs, lines }
    this.#cache.set(name, read)
    return read
  }
}

/** The last line of each run; none where one is damaged: it may be the last one of any run, whose log is read then. */
async function linesIn(path: string): Promise<ReadonlyMap<string, IndexLine>> {
  const lines = new Map<string, IndexLine>()
  const texts = ((await unlessGone(path, () => readFile(path, 'utf8'))) ?? '').split('\n')
  texts.pop() // What stands behind the last end of a line is still written, or torn.
  for (const text of texts) {
    const line = parseIndexLine(text)
    if (line === undefined) return new Map()
    lines.set(keyOf(line.run), line)
  }
  return lines
}

function isLater(run: RunSummary, known: RunSummary): boolean {
  return run.incarnation === known.incarnation ? run.updatedAt >= known.updatedAt : run.incarnation > known.incarnation
}
