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

interface Merging {
  readonly source: string
  readonly sequenceId: number
  readonly seq: number[]
  readonly first: number
  last: number
  readonly items: Payload[]
  texts: boolean
  size: number
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

  /** Whether any chunk waits to be written. */
  get isEmpty(): boolean {
    return this.#byApp.size === 0
  }

  /** @returns a line that is to be written now, if the chunks are many */
  add(app: number, { seq, time, source, sequenceId, chunk }: Chunk): ChunksLine | undefined {
    const known = this.#byApp.get(app)
    const size = typeof chunk === 'string' ? chunk.length : (JSON.stringify(chunk)?.length ?? 0)
    if (known === undefined) {
      const texts = typeof chunk === 'string'
      this.#byApp.set(app, { source, sequenceId, seq: [seq], first: time, last: time, items: [chunk], texts, size })
    } else {
      known.seq.push(seq)
      known.last = time
      known.items.push(chunk)
      known.texts &&= typeof chunk === 'string'
      known.size += size
    }
    return size > MOST_CHARACTERS || (known?.size ?? 0) > MOST_CHARACTERS ? this.take(app) : undefined
  }

  /** The merged chunks of an application, if there are any. */
  take(app: number): ChunksLine | undefined {
    const found = this.#byApp.get(app)
    if (found === undefined) return undefined
    this.#byApp.delete(app)
    return lineOf(app, found)
  }

  /** The chunks that have merged for long enough, oldest first. @param now by the clock of the events; Infinity: all */
  until(now: number): readonly ChunksLine[] {
    const lines: ChunksLine[] = []
    for (const [app, one] of this.#byApp) {
      if (!isDue(one.first, now)) break
      this.#byApp.delete(app)
      lines.push(lineOf(app, one))
    }
    return lines
  }
}

function lineOf(app: number, { source, sequenceId, seq, first, last, items, texts }: Merging): ChunksLine {
  const [begin = 0, end = begin] = [seq[0], seq.at(-1)]
  const isDense = end - begin === seq.length - 1
  const head = {
    type: 'chunks',
    seq: isDense ? [begin, end] : seq,
    time: [first, last],
    app,
    source,
    sequenceId,
  } as const
  const n = items.length
  if (!texts) return { ...head, n, items }
  return { ...head, n, text: items.join(''), cut: items.map((item) => (item as string).length) }
}

/** The chunks of a line. Only the times of the first and the last one are exact. */
export function chunksOf({ seq, time, source, sequenceId, n, text, cut, items }: ChunksLine): readonly Chunk[] {
  const [first = 0] = seq
  const numbers = seq.length === n ? seq : Array.from({ length: n }, (_, i) => first + i)
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
