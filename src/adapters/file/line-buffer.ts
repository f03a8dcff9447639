// Owns: the lines of one log that are not written yet, as bytes. Texts are joined here, not before: so each of their
// characters is copied once.

/** The size at which it begins, in bytes. */
const FIRST = 4096
/** Most bytes of UTF-8 for one unit of a text. */
const WIDEST = 3
const [NEWLINE, BRACE] = [0x0a, 0x7d]
const NONE: readonly string[] = []

export class LineBuffer {
  /** Number of bytes that wait. */
  size = 0
  #bytes = Buffer.alloc(0)

  get isEmpty(): boolean {
    return this.size === 0
  }

  /**
   * Adds a line.
   * @param object JSON of an object
   * @param members JSON of further members of it, in pieces, with the comma before each
   * @returns the number of its bytes, with its end
   */
  add(object: string, members = NONE): number {
    const from = this.size
    this.#append(object)
    if (members.length > 0) {
      this.size -= 1 // the closing brace
      for (const piece of members) this.#append(piece)
      this.#bytes[this.size++] = BRACE
    }
    this.#bytes[this.size++] = NEWLINE
    return this.size - from
  }

  /** Appends a text; room for two more bytes stays. */
  #append(text: string): void {
    if (this.#bytes.length - this.size < text.length * WIDEST + 2) this.#grow(Buffer.byteLength(text) + 2)
    this.size += this.#bytes.write(text, this.size)
  }

  #grow(needed: number): void {
    const known = this.#bytes
    if (known.length - this.size >= needed) return
    this.#bytes = Buffer.allocUnsafe(Math.max(FIRST, 2 * known.length, this.size + needed))
    known.copy(this.#bytes, 0, 0, this.size)
  }

  /** Takes all lines out. They stay as they are until the next one is added. */
  take(): Uint8Array {
    const bytes = this.#bytes.subarray(0, this.size)
    this.size = 0
    return bytes
  }

  /** Gives the memory of an empty buffer back. */
  release(): void {
    if (this.isEmpty) this.#bytes = Buffer.alloc(0)
  }
}
