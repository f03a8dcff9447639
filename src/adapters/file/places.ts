import { createHash, randomUUID } from 'node:crypto'
import * as nodeFs from 'node:fs'
import { dirname, join } from 'node:path'
import { tryGet } from '../../internal/guards.js'
import type { RunRef } from '../../read/run-summary.js'

// Owns: the names of the files of a project.
// P1  A name is the same on each system: it is escaped as in URLs, and a long one is a hash.

/** What the tracker asks of the file system; tests give another one. */
export type Fs = Pick<
  typeof nodeFs,
  | 'openSync'
  | 'writeSync'
  | 'closeSync'
  | 'mkdirSync'
  | 'renameSync'
  | 'utimesSync'
  | 'writeFileSync'
  | 'unlinkSync'
  | 'existsSync'
>

export const realFs: Fs = nodeFs

/** The folders of a project. */
export interface Places {
  readonly runs: string
  readonly index: string
  readonly blobs: string
  readonly graphs: string
}

export function placesIn(dir: string, project: string): Places {
  const home = join(dir, escaped(project))
  const below = (name: string): string => join(home, name)
  return { runs: below('runs'), index: below('index'), blobs: below('blobs'), graphs: below('graphs') }
}

const LONGEST = 100

function escaped(name: string): string {
  const text = encodeURIComponent(name.replace(/\p{Surrogate}/gu, '\uFFFD')).replace(
    /[*'()!~]|^\.+$/g,
    (char) => `%${[...char].map((one) => one.charCodeAt(0).toString(16).toUpperCase()).join('%')}`,
  )
  return text.length <= LONGEST ? text : `~${createHash('sha256').update(name).digest('hex')}`
}

/** The first part of the names of the files of a run. */
export const nameOfRun = (runId: string, partitionKey: string | null): string =>
  partitionKey === null ? escaped(runId) : `${escaped(partitionKey)}@${escaped(runId)}`

/** The run that such a name is of; undefined for a long one, of which only a hash is there. */
export function runOfName(name: string): Pick<RunRef, 'runId' | 'partitionKey'> | undefined {
  const parts = name.split('@')
  if (parts.some((part) => part.startsWith('~'))) return undefined
  const [last = '', first] = parts.map((part) => tryGet(() => decodeURIComponent(part)) ?? part).reverse()
  return { runId: last, partitionKey: first ?? null }
}

export const nameOfPart = (run: string, incarnation: number, part: number): string =>
  `${run}.${incarnation}.${part}.jsonl`

/** A part of a log. */
export interface PartFile {
  readonly file: string
  readonly run: string
  readonly incarnation: number
  readonly part: number
}

/** Reads the name of a file; undefined for one of something else. */
export function partOf(file: string): PartFile | undefined {
  const [, run, incarnation, part] = /^(.+)\.(\d{1,15})\.(\d{1,15})\.jsonl$/.exec(file) ?? []
  if (run === undefined) return undefined
  return { file, run, incarnation: Number(incarnation), part: Number(part) }
}

/** Behind the name of the first part of a log that is removed. */
export const MARK = '.removed'

/** The file of the picture of a graph. */
export const graphFile = (graphs: string, hash: string): string => join(graphs, `${hash}.json`)

/** The file of a large value. */
export const blobFile = (blobs: string, hash: string): string => join(blobs, hash.slice(0, 2), hash)

/** Writes a file whole: it is there with its text, or not at all. */
export function writeWhole(fs: Fs, file: string, text: string): void {
  const partial = `${file}.${randomUUID()}`
  fs.mkdirSync(dirname(file), { recursive: true })
  fs.writeFileSync(partial, text)
  fs.renameSync(partial, file)
}

/** Opens a file, and makes its folder if it is gone. */
export function openIn(fs: Fs, folder: string, file: string, flags: string): number {
  try {
    return fs.openSync(join(folder, file), flags)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    fs.mkdirSync(folder, { recursive: true })
    return fs.openSync(join(folder, file), flags)
  }
}

/** Writes all bytes, also where the system takes them in pieces. */
export function writeAll(fs: Fs, fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    const written = fs.writeSync(fd, bytes, at, bytes.length - at)
    if (written === 0) throw Object.assign(new TypeError('The system took nothing of a write.'), { code: 'EIO' })
    at += written
  }
}
