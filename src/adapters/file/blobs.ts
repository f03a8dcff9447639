import { createHash } from 'node:crypto'
import { isPlainObject } from '../../internal/guards.js'
import type { LogLine } from '../../log/lines.js'
import type { Payload } from '../../read/payload.js'
import type { Pace } from './pace.js'
import { blobFile, type Fs, writeWhole } from './places.js'

// Owns: large values as files of their own.
// B1  A file is written whole before a line names it.

/** A value with more characters of JSON is written to a file of its own. */
const LARGE = 65_536
const PREVIEW = 200
/** Members of lines whose own members a reader needs. */
const STRUCTURE = new Set(['result', 'message'])
/** Number of hashes that are known to be written. */
const MOST_KNOWN = 1000

export class Blobs {
  readonly #fs: Fs
  readonly #folder: string
  readonly #pace: Pace
  readonly #known = new Set<string>()

  constructor(fs: Fs, folder: string, pace: Pace) {
    this.#fs = fs
    this.#folder = folder
    this.#pace = pace
  }

  /** The value, or where it stands if it is large. @throws the error of the file system */
  outside(value: Payload): Payload {
    if (typeof value !== 'string' && (typeof value !== 'object' || value === null)) return value
    if (typeof value === 'string' && value.length < LARGE / 6) return value
    const json = JSON.stringify(value)
    return isLarge(json) ? this.#take(json) : value
  }

  /** Writes a large value. @returns where it stands, as JSON @throws the error of the file system */
  put(json: string): string {
    return JSON.stringify(this.#take(json))
  }

  /** A line whose large values are outside of it. @throws the error of the file system */
  shortened<T extends LogLine>(line: T): T {
    return this.#membersOutside(line) as T
  }

  #membersOutside(members: object): object {
    const entries = Object.entries(members).map(([name, value]) => {
      const isInside = STRUCTURE.has(name) && isPlainObject(value)
      return [name, isInside ? this.#membersOutside(value) : this.outside(value as Payload)] as const
    })
    return Object.fromEntries(entries)
  }

  #take(json: string): Payload {
    return this.#pace.take(() => this.#write(json))
  }

  #write(json: string): Payload {
    const hash = createHash('sha256').update(json).digest('hex')
    const file = blobFile(this.#folder, hash)
    if (!this.#known.has(hash) && !this.#fs.existsSync(file)) writeWhole(this.#fs, file, json)
    this.#known.add(hash)
    if (this.#known.size > MOST_KNOWN) this.#known.clear()
    return { $: 'ref', h: hash, n: Buffer.byteLength(json), p: json.slice(0, PREVIEW) }
  }
}

export const isLarge = (text: string): boolean => text.length > LARGE
