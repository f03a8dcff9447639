import { readFileSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { BlobRef } from '../../log/blob-ref.js'
import { isHead, parseLine } from '../../log/lines.js'
import type { Payload } from '../../read/payload.js'
import { blobFile, MARK, nameOfRun, type PartFile, type Places, partOf } from './places.js'
import { unlessGone } from './reading.js'
import { readLines, withFile } from './scan.js'

// Owns: the files of a project, as a reader finds them. Other processes make and remove them meanwhile.

/** Reads a folder that may be missing. */
export async function namesIn(folder: string): Promise<readonly string[]> {
  return (await unlessGone(folder, () => readdir(folder))) ?? []
}

/** Size of a file in bytes; when it was written, and when anything of it was changed, epoch milliseconds; its number. */
type FileStat = { readonly size: number; readonly mtimeMs: number; readonly ctimeMs: number; readonly ino: number }

/** Size and times of a file; undefined if it is gone. */
export const statOf = (path: string): Promise<FileStat | undefined> => unlessGone(path, () => stat(path))

/** What there is of one log. */
export interface Log {
  /** Oldest first. */
  readonly parts: readonly PartFile[]
  /** The files that mark it as removed. */
  readonly marks: readonly string[]
}

/** Parts, also those that are hidden by marks. */
interface Found {
  readonly parts: readonly PartFile[]
  readonly hidden: readonly PartFile[]
  readonly marks: readonly PartFile[]
}

export class LogFiles {
  readonly places: Places

  constructor(places: Places) {
    this.places = places
  }

  /** The parts of all logs, by the name of their run, oldest first. */
  async all(): Promise<ReadonlyMap<string, readonly PartFile[]>> {
    const byRun = new Map<string, PartFile[]>()
    for (const part of (await this.#found()).parts) {
      const known = byRun.get(part.run)
      if (known === undefined) byRun.set(part.run, [part])
      else known.push(part)
    }
    for (const parts of byRun.values()) if (parts.length > 1) parts.sort(inOrder)
    return byRun
  }

  /** The parts of one run, oldest first. */
  async of(runId: string, partitionKey: string | null): Promise<readonly PartFile[]> {
    const { parts } = await this.#found(nameOfRun(runId, partitionKey))
    return [...parts].sort(inOrder)
  }

  /** A log with what a removal has left of it; undefined if there is neither. */
  async logOf(run: string): Promise<Log | undefined> {
    const { parts, hidden, marks } = await this.#found(run)
    const log = { parts: [...hidden, ...parts].sort(inOrder), marks: marks.map(({ file }) => `${file}${MARK}`) }
    return log.parts.length + log.marks.length === 0 ? undefined : log
  }

  /** What removals have left. */
  async left(): Promise<readonly Log[]> {
    const { hidden, marks } = await this.#found()
    return [...new Set(marks.map(({ run }) => run))].map((run) => ({
      parts: hidden.filter((part) => part.run === run),
      marks: marks.filter((mark) => mark.run === run).map(({ file }) => `${file}${MARK}`),
    }))
  }

  /** @param run only of this one */
  async #found(run?: string): Promise<Found> {
    const parts: PartFile[] = []
    const marks: PartFile[] = []
    for (const name of await namesIn(this.places.runs)) {
      if (run !== undefined && !name.startsWith(`${run}.`)) continue
      const isMark = name.endsWith(MARK)
      const part = partOf(isMark ? name.slice(0, -MARK.length) : name)
      if (part !== undefined && (run === undefined || part.run === run)) (isMark ? marks : parts).push(part)
    }
    return marks.length === 0 ? { parts, hidden: [], marks } : await this.#withoutRemoved(parts, marks)
  }

  /** Parts that were last written before their log was marked as removed are hidden. */
  async #withoutRemoved(all: readonly PartFile[], marks: readonly PartFile[]): Promise<Found> {
    const since = new Map<string, number>()
    for (const mark of marks) {
      const { mtimeMs = 0, ctimeMs = 0 } = (await statOf(`${this.path(mark)}${MARK}`)) ?? {}
      since.set(mark.run, Math.max(since.get(mark.run) ?? 0, mtimeMs, ctimeMs))
    }
    const [parts, hidden]: [PartFile[], PartFile[]] = [[], []]
    for (const part of all) {
      const removedAt = since.get(part.run)
      const isLeft = removedAt !== undefined && ((await statOf(this.path(part)))?.mtimeMs ?? 0) <= removedAt
      ;(isLeft ? hidden : parts).push(part)
    }
    return { parts, hidden, marks }
  }

  path({ file }: PartFile): string {
    return join(this.places.runs, file)
  }

  /** The run that a part belongs to; undefined if it has no head. */
  async runOf(part: PartFile): Promise<{ readonly runId: string; readonly partitionKey: string | null } | undefined> {
    return await withFile(this.path(part), async (file) => {
      for await (const { lines } of readLines(file, 0)) {
        const head = parseLine(lines[0] ?? '')
        return head !== undefined && isHead(head) ? { runId: head.runId, partitionKey: head.partitionKey } : undefined
      }
      return undefined
    })
  }

  /** A large value; undefined if its file is gone. */
  readonly load = ({ h }: BlobRef): Payload | undefined => {
    if (!/^[\da-f]{64}$/.test(h)) return undefined
    try {
      return JSON.parse(readFileSync(blobFile(this.places.blobs, h), 'utf8')) as Payload
    } catch {
      return undefined
    }
  }
}

const inOrder = (a: PartFile, b: PartFile): number => a.incarnation - b.incarnation || a.part - b.part
