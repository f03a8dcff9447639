import { readFileSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { BlobRef } from '../../log/blob-ref.js'
import { isHead, parseLine } from '../../log/lines.js'
import type { Payload } from '../../read/payload.js'
import { blobFile, nameOfRun, type PartFile, type Places, partOf } from './places.js'
import { unlessGone } from './reading.js'
import { readLines, withFile } from './scan.js'

// Owns: the files of a project, as a reader finds them. Other processes make and remove them meanwhile.

/** Reads a folder that may be missing. */
export async function namesIn(folder: string): Promise<readonly string[]> {
  return (await unlessGone(folder, () => readdir(folder))) ?? []
}

/** Size and time of a file; undefined if it is gone. */
export const statOf = (path: string): Promise<{ readonly size: number; readonly mtimeMs: number } | undefined> =>
  unlessGone(path, () => stat(path))

export class LogFiles {
  readonly places: Places

  constructor(places: Places) {
    this.places = places
  }

  /** The parts of all logs, by the name of their run, oldest first. */
  async all(): Promise<ReadonlyMap<string, readonly PartFile[]>> {
    const byRun = new Map<string, PartFile[]>()
    for (const name of await namesIn(this.places.runs)) {
      const part = partOf(name)
      if (part === undefined) continue
      const known = byRun.get(part.run)
      if (known === undefined) byRun.set(part.run, [part])
      else known.push(part)
    }
    for (const parts of byRun.values()) if (parts.length > 1) parts.sort(inOrder)
    return byRun
  }

  /** The parts of one run, oldest first. */
  async of(runId: string, partitionKey: string | null): Promise<readonly PartFile[]> {
    const run = nameOfRun(runId, partitionKey)
    const names = await namesIn(this.places.runs)
    return names
      .flatMap((name) => (name.startsWith(`${run}.`) ? (partOf(name) ?? []) : []))
      .filter((part) => part.run === run)
      .sort(inOrder)
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
