// A small terminal: the text that stands in it after what was written. It knows the sequences that a reporter uses.

/** A screen of columns without end of rows; older lines scroll out of nothing. */
export class Terminal {
  readonly isTTY = true
  columns: number
  rows: number
  /** Everything that was written. */
  raw = ''
  writes = 0
  #lines: string[][] = [[]]
  #row = 0
  #column = 0

  constructor(columns = 80, rows = 24) {
    this.columns = columns
    this.rows = rows
  }

  write(text: string): boolean {
    this.raw += text
    this.writes += 1
    // biome-ignore lint/suspicious/noControlCharactersInRegex: sequences begin with one
    for (const [part, sequence] of text.matchAll(/\u001b\[([0-9;]*[A-Za-z])|[\s\S]/gu))
      if (sequence === undefined) this.#put(part)
      else this.#control(sequence)
    return true
  }

  #control(sequence: string): void {
    const n = Number.parseInt(sequence, 10) || 1
    if (sequence === '2K') this.#line.length = 0
    else if (sequence.endsWith('A')) this.#row = Math.max(0, this.#row - n)
    else if (sequence.endsWith('K')) this.#line.length = Math.min(this.#line.length, this.#column)
    else if (sequence.endsWith('J')) {
      this.#line.length = Math.min(this.#line.length, this.#column)
      this.#lines.length = this.#row + 1
    } else if (!sequence.endsWith('m')) throw new TypeError(`An unknown sequence: ${sequence}.`)
  }

  get #line(): string[] {
    const line = this.#lines[this.#row] ?? []
    this.#lines[this.#row] = line
    return line
  }

  #put(one: string): void {
    if (one === '\n') {
      this.#row += 1
      this.#column = 0
    } else if (one === '\r') this.#column = 0
    else {
      if (this.#column >= this.columns) this.#put('\n')
      this.#line[this.#column++] = one
    }
    void this.#line
  }

  /** The lines that are not empty at the end. */
  get lines(): string[] {
    const lines = this.#lines.map((line) =>
      Array.from(line, (one) => one ?? ' ')
        .join('')
        .trimEnd(),
    )
    while (lines.length > 0 && lines.at(-1) === '') lines.pop()
    return lines
  }
}
