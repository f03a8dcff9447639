import { type ReporterStream, writeTo } from './reporter-stream.js'
import { widthOf } from './text-width.js'

// Owns: a block of lines at the end of a terminal that is drawn again and again.
// B1  It moves over its own lines only. What others write goes above it, as it is written.
// B2  While a line of another writer is not ended, the block is not drawn: a prompt stays usable.
// B3  After `release` the streams are as they were.

type Write = (...args: readonly unknown[]) => boolean

/** A stream whose `write` can be replaced for a while. */
interface Writable {
  write: Write
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: sequences of a terminal begin with one
const ANSI = /\u001b\[[0-9;]*m/g

export class LiveBlock {
  readonly #stream: ReporterStream
  readonly #others: readonly Writable[]
  readonly #write: (text: string) => void
  /** Columns of the lines that stand there. */
  #drawn: readonly number[] = []
  #partial = false
  #own = false
  #restore: (() => void)[] = []
  #last: readonly string[] = []

  /** @param others further streams that end in the same terminal */
  constructor(stream: ReporterStream, others: readonly object[]) {
    this.#stream = stream
    this.#others = [...new Set([stream, ...others])] as unknown as Writable[]
    const write = stream.write.bind(stream)
    this.#write = (text) => {
      this.#own = true
      try {
        writeTo(stream, write, text)
      } finally {
        this.#own = false
      }
    }
  }

  /** Lets what others write go above the block, from now on. */
  hold(): void {
    if (this.#restore.length > 0) return
    for (const other of this.#others) {
      const before = Object.getOwnPropertyDescriptor(other, 'write')
      const write = other.write
      const replaced: Write = (...args) => {
        if (this.#own) return Reflect.apply(write, other, args)
        this.#erase()
        const [chunk] = args
        if (typeof chunk === 'string' || chunk instanceof Uint8Array)
          this.#partial = chunk.length > 0 ? !endsLine(chunk) : this.#partial
        const went = Reflect.apply(write, other, args)
        this.#paint()
        return went
      }
      Object.defineProperty(other, 'write', { value: replaced, configurable: true, writable: true, enumerable: true })
      this.#restore.push(() => {
        if (other.write !== replaced) return // somebody else has replaced it since
        if (before === undefined) Reflect.deleteProperty(other, 'write')
        else Object.defineProperty(other, 'write', before)
      })
    }
  }

  /** Draws the block in place of the last one. */
  draw(lines: readonly string[]): void {
    this.#last = lines
    if (this.#partial) return // B2
    const up = this.#up()
    const text = lines.map((line) => `${line}\x1b[K\n`).join('')
    this.#write(`${up}${text}\x1b[J`)
    this.#drawn = lines.map((line) => widthOf(line.replace(ANSI, '')))
  }

  /** Leaves lines above the block: they stay. */
  leave(lines: readonly string[]): void {
    this.#erase()
    this.#write(lines.map((line) => `${line}\n`).join(''))
    this.#paint()
  }

  /** Takes the block away, and gives the streams back. */
  release(): void {
    this.#erase()
    this.#last = []
    this.#partial = false
    for (const restore of this.#restore.splice(0)) restore() // B3
  }

  /** To the first line of the block. A line that a narrower terminal has wrapped counts as often. */
  #up(): string {
    const rows = this.#rows()
    return rows === 0 ? '' : `\x1b[${rows}A\r`
  }

  #rows(): number {
    const columns = Math.max(1, this.#stream.columns ?? 80)
    return this.#drawn.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / columns)), 0)
  }

  #erase(): void {
    const up = this.#up()
    if (up === '') return
    // Line by line: where the block fills a screen, clearing all of it makes some terminals keep a copy above.
    this.#write(`${up}${'\x1b[2K\n'.repeat(this.#rows())}${up}`)
    this.#drawn = []
  }

  #paint(): void {
    if (this.#last.length > 0) this.draw(this.#last)
  }
}

const endsLine = (chunk: string | Uint8Array): boolean =>
  typeof chunk === 'string' ? chunk.endsWith('\n') : chunk[chunk.length - 1] === 0x0a
