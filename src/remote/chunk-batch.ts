import type { Encoded } from '../codec/attached-bytes.js'
import { encodeWithBytes } from '../codec/encode.js'
import { macrotask } from '../internal/platform.js'
import { assertFits } from './frame-size.js'

// Owns: the chunks of one branch in a worker until they leave: the first of a turn at once, further ones in one frame.
// G1  Each chunk becomes text when it is produced: a later change of it does not cross, and one that is no data fails
//     alone.
// G2  The first chunk of a turn leaves at once: the code after it may compute without a further turn. Others leave at the
//     end of the turn, or before the next frame of the branch.
// G3  A frame is no larger than it may be, and begins anew from a size on. A chunk with bytes beside it has its own.

/** A chunk, as it is produced. */
export interface ChunkData {
  readonly source: string
  readonly sequenceId: number
  readonly chunk: unknown
  readonly tracked: boolean
  /** Events before it that nobody observes. */
  readonly skipped: number
}

/** A frame that has this many characters leaves at once. */
const FULL = 64 * 1024
const TAIL = ']}'

export class ChunkBatch {
  readonly #send: (encoded: Encoded) => void
  readonly #most: number
  readonly #carriesBytes: boolean
  /** The frame without its chunks. */
  #head = ''
  /** What chunks of one frame share. */
  #shared: ChunkData | undefined
  #chunks = ''
  #bytes: Encoded['bytes']
  #scheduled = false

  /** @param most the most bytes that a frame may take @param carriesBytes whether bytes may go beside its text */
  constructor(send: (encoded: Encoded) => void, most: number, carriesBytes: boolean) {
    this.#send = send
    this.#most = most
    this.#carriesBytes = carriesBytes
  }

  /** @throws {SerializationError} for a chunk that is no data @throws {RangeError} for one that is too large for a frame */
  add(data: ChunkData): void {
    const chunk = encodeWithBytes(data.chunk, this.#carriesBytes) // G1
    if (!this.#takes(data, chunk)) {
      this.flush()
      this.#begin(data, chunk)
    } else this.#chunks += `,${chunk.text}`
    if (this.#chunks.length >= FULL || this.#bytes !== undefined) this.flush() // G3
  }

  #takes({ source, sequenceId, tracked, skipped }: ChunkData, chunk: Encoded): boolean {
    const shared = this.#shared
    if (shared === undefined || skipped > 0 || chunk.bytes !== undefined) return false
    if (shared.source !== source || shared.sequenceId !== sequenceId || shared.tracked !== tracked) return false
    return (this.#head.length + this.#chunks.length + chunk.text.length + 3) * 3 <= this.#most // G3
  }

  #begin(data: ChunkData, { text: chunk, bytes }: Encoded): void {
    const { chunk: _chunk, ...shared } = data
    const head = `${JSON.stringify({ type: 'chunk', ...shared }).slice(0, -1)},"chunks":[`
    assertFits({ text: `${head}${chunk}${TAIL}`, bytes }, this.#most)
    this.#shared = data
    this.#head = head
    this.#chunks = chunk
    this.#bytes = bytes
    if (this.#scheduled) return
    this.#scheduled = true
    // The end of this turn is asked for before the first chunk is sent, so that it comes before the end of its packet.
    macrotask(() => {
      this.#scheduled = false
      this.flush()
    })
    this.flush()
  }

  /** Sends what is there (G2). */
  flush(): void {
    if (this.#shared === undefined) return
    const encoded = { text: `${this.#head}${this.#chunks}${TAIL}`, bytes: this.#bytes }
    this.drop()
    this.#send(encoded)
  }

  /** The branch was stopped: nothing of it is sent any more. */
  drop(): void {
    this.#shared = undefined
    this.#chunks = this.#head = ''
    this.#bytes = undefined
  }
}
