import type { Payload } from '../read/payload.js'
import type { ChunksLine } from './lines.js'

// Owns: chunks that are not written yet, by application.
// M1  The chunks of an application are written before any other line of it.

/** How long chunks of one application are merged, milliseconds. */
export const MERGE_MS = 100
/** How much longer they may merge while nothing else waits: a timer then ends it, not the next chunk. */
const MORE_MS = 25
/** Chunks of about so many characters are written at once. */
const MOST_CHARACTERS = 32_768

/** Whether an event has waited for long enough. A clock that was set back tells nothing: it is due then. */
export const isDue = (time: number, now: number): boolean => now - time >= MERGE_MS || time > now

/** A longer chunk is looked at by itself: it may be too large for a line. */
const SHORT = 8192

interface Merging {
  readonly app: number
  readonly appId: string
  readonly source: string
  readonly sequenceId: number
  /** The first and the last number, and each one once others lie between. */
  readonly begin: number
  end: number
  seq: number[] | undefined
  readonly first: number
  last: number
  /** The chunks joined, and the length of each, while all are texts; then the chunks. */
  text: string
  readonly cut: number[]
  items: Payload[] | undefined
  size: number
}

/** A chunk as an application produced it. */
export interface ProducedChunk {
  readonly appId: string
  readonly time: number
  readonly sequenceId: number
  readonly chunk: unknown
}

/** One chunk. */
export interface Chunk {
  readonly seq: number
  readonly time: number
  readonly source: string
  readonly sequenceId: number
  readonly chunk: Payload
}

export class ChunkMerge {
  readonly #byApp = new Map<number, Merging>()
  /** The one that began last, while it waits. */
  #newest: Merging | undefined

  /** Whether any chunk waits to be written. */
  get isEmpty(): boolean {
    return this.#byApp.size === 0
  }

  /**
   * Adds a text to the chunks of the only application that has any, as most chunks of a model are.
   * @returns false if it was not added
   */
  extend({ appId, time, sequenceId, chunk }: ProducedChunk, seq: number): boolean {
    const known = this.#newest
    if (known?.appId !== appId || known.sequenceId !== sequenceId) return false
    if (typeof chunk !== 'string' || chunk.length > SHORT || known.size + chunk.length > MOST_CHARACTERS) return false
    if (time < known.last || time - known.first >= MERGE_MS + MORE_MS) return false
    if (this.#byApp.size !== 1) return false
    push(known, seq, time, chunk)
    return true
  }

  /** @returns a line that is to be written now, if the chunks are many */
  add(app: number, appId: string, { seq, time, source, sequenceId, chunk }: Chunk): ChunksLine | undefined {
    let known = this.#byApp.get(app)
    if (known === undefined) {
      const numbers = { begin: seq, end: seq - 1, seq: undefined, first: time, last: time }
      known = { app, appId, source, sequenceId, ...numbers, text: '', cut: [], items: undefined, size: 0 }
      this.#byApp.set(app, known)
      this.#newest = known
    }
    push(known, seq, time, chunk)
    return known.size > MOST_CHARACTERS ? this.take(app) : undefined
  }

  /** The merged chunks of an application, if there are any. */
  take(app: number): ChunksLine | undefined {
    const found = this.#byApp.get(app)
    if (found === undefined) return undefined
    return this.#lineOf(found)
  }

  /** The chunks that have merged for long enough, oldest first. @param now by the clock of the events; Infinity: all */
  until(now: number): readonly ChunksLine[] {
    const lines: ChunksLine[] = []
    for (const one of this.#byApp.values()) {
      if (!isDue(one.first, now)) break
      lines.push(this.#lineOf(one))
    }
    return lines
  }

  #lineOf(merging: Merging): ChunksLine {
    this.#byApp.delete(merging.app)
    if (this.#newest === merging) this.#newest = undefined
    return lineOf(merging)
  }
}

function push(known: Merging, seq: number, time: number, chunk: Payload): void {
  if (seq !== known.end + 1) known.seq ??= numbersFrom(known.begin, known.end)
  known.seq?.push(seq)
  known.end = seq
  known.last = time
  if (typeof chunk === 'string' && known.items === undefined) {
    known.text += chunk
    known.cut.push(chunk.length)
  } else {
    known.items ??= [...piecesOf(known.text, known.cut)]
    known.items.push(chunk)
  }
  known.size += typeof chunk === 'string' ? chunk.length : (JSON.stringify(chunk)?.length ?? 0)
}

const numbersFrom = (begin: number, end: number): number[] =>
  Array.from({ length: end - begin + 1 }, (_, i) => begin + i)

function lineOf(merging: Merging): ChunksLine {
  const { app, source, sequenceId, begin, end, seq = [begin, end], first, last, text, cut, items } = merging
  const head = { type: 'chunks', seq, time: [first, last], app, source, sequenceId } as const
  return items === undefined ? { ...head, n: cut.length, text, cut } : { ...head, n: items.length, items }
}

/** The chunks of a line. Only the times of the first and the last one are exact. */
export function chunksOf({ seq, time, source, sequenceId, n, text, cut, items }: ChunksLine): readonly Chunk[] {
  const [first = 0] = seq
  const numbers = seq.length === n ? seq : numbersFrom(first, first + n - 1)
  const chunks = items ?? piecesOf(text ?? '', cut ?? [])
  const [from, to] = time
  return chunks.map((chunk, i) => {
    const share = i === 0 ? 0 : i / (chunks.length - 1)
    return {
      seq: numbers[i] ?? first + i,
      time: Math.round(from + (to - from) * share),
      source,
      sequenceId,
      chunk,
    }
  })
}

function piecesOf(text: string, lengths: readonly number[]): readonly string[] {
  let at = 0
  return lengths.map((length) => {
    at += length
    return text.slice(at - length, at)
  })
}
