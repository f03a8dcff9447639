import type { Payload } from '../read/payload.js'
import type { ChunksLine } from './lines.js'

// Owns: chunks that are not written yet, by application.
// M1  The chunks of an application are written before any other line of it.

/** How long chunks of one application are merged, milliseconds. */
export const MERGE_MS = 100
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
  begin: number
  end: number
  seq: number[] | undefined
  first: number
  last: number
  readonly chunks: Payload[]
  /** Whether all are texts. */
  isText: boolean
  /** About how many characters they are. */
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
  /** By application. The one that began first is the first. */
  readonly #byApp = new Map<string, Merging>()
  #oldest: Merging | undefined

  /** Whether any chunk waits to be written. */
  get isEmpty(): boolean {
    return this.#oldest === undefined
  }

  /** Whether no chunk waits but the last one. @param seq its number */
  isOnly(seq: number): boolean {
    return this.#byApp.size === 1 && this.#oldest?.begin === seq
  }

  /** How many chunks wait. */
  get count(): number {
    let count = 0
    for (const { chunks } of this.#byApp.values()) count += chunks.length
    return count
  }

  /**
   * Adds a text to the chunks of its application, as most chunks of a model are.
   * @returns false if it was not added; the chunks before it as a line, if they have merged for long enough
   */
  extend({ appId, time, sequenceId, chunk }: ProducedChunk, seq: number): ChunksLine | boolean {
    const oldest = this.#oldest
    const known = oldest?.appId === appId ? oldest : this.#byApp.get(appId)
    if (oldest === undefined || known?.sequenceId !== sequenceId || time < known.last) return false
    if (typeof chunk !== 'string' || chunk.length > SHORT || known.size + chunk.length > MOST_CHARACTERS) return false
    if (!isDue(oldest.first, time)) {
      push(known, seq, time, chunk)
      return true
    }
    if (this.#byApp.size !== 1) return false
    const line = lineOf(known)
    restart(known, seq, time)
    push(known, seq, time, chunk)
    return line
  }

  /** @returns a line that is to be written now, if the chunks are many */
  add(app: number, appId: string, { seq, time, source, sequenceId, chunk }: Chunk): ChunksLine | undefined {
    let known = this.#byApp.get(appId)
    if (known === undefined) {
      const numbers = { begin: seq, end: seq - 1, seq: undefined, first: time, last: time }
      known = { app, appId, source, sequenceId, ...numbers, chunks: [], isText: true, size: 0 }
      this.#byApp.set(appId, known)
      this.#oldest ??= known
    }
    push(known, seq, time, chunk)
    return known.size > MOST_CHARACTERS ? this.take(appId) : undefined
  }

  /** The merged chunks of an application, if there are any. */
  take(appId: string): ChunksLine | undefined {
    const found = this.#byApp.get(appId)
    if (found === undefined) return undefined
    this.#byApp.delete(appId)
    if (this.#oldest === found) [this.#oldest] = this.#byApp.values()
    return lineOf(found)
  }

  /** The chunks that have merged for long enough, oldest first. @param now by the clock of the events; Infinity: all */
  until(now: number): readonly ChunksLine[] {
    const lines: ChunksLine[] = []
    while (this.#oldest !== undefined && isDue(this.#oldest.first, now)) {
      const line = this.take(this.#oldest.appId)
      if (line !== undefined) lines.push(line)
    }
    return lines
  }
}

function restart(known: Merging, seq: number, time: number): void {
  known.begin = seq
  known.end = seq - 1
  known.seq = undefined
  known.first = time
  known.chunks.length = 0
  known.isText = true
  known.size = 0
}

function push(known: Merging, seq: number, time: number, chunk: Payload): void {
  if (seq !== known.end + 1) known.seq ??= numbersFrom(known.begin, known.end)
  known.seq?.push(seq)
  known.end = seq
  known.last = time
  known.chunks.push(chunk)
  if (typeof chunk === 'string') known.size += chunk.length
  else {
    known.isText = false
    known.size += JSON.stringify(chunk)?.length ?? 0
  }
}

const numbersFrom = (begin: number, end: number): number[] =>
  Array.from({ length: end - begin + 1 }, (_, i) => begin + i)

function lineOf(merging: Merging): ChunksLine {
  const { app, source, sequenceId, begin, end, seq = [begin, end], first, last, chunks, isText } = merging
  const [type, time, n] = ['chunks', [first, last], chunks.length] as const
  if (!isText) return { type, seq, time, app, source, sequenceId, n, items: [...chunks] }
  const cut = (chunks as readonly string[]).map(({ length }) => length)
  return { type, seq, time, app, source, sequenceId, n, text: chunks.join(''), cut }
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
