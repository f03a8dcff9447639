import { RunFold } from '../../log/fold.js'
import { parseLine } from '../../log/lines.js'
import type { LogFiles } from './log-files.js'
import type { PartFile } from './places.js'
import { readLines, withFile } from './scan.js'

// Owns: the fold of a run, read as far as its files go. A second reading goes on where the first one ended.
// G1  A reading of a prefix of a log is the run at that moment: a torn end is left for later.

/** A run that is read from its files. */
export class RunReading {
  fold: RunFold
  readonly #files: LogFiles
  readonly #keeps: boolean
  #read: { readonly file: string; to: number }[] = []
  #reading: Promise<void> = Promise.resolve()

  constructor(files: LogFiles, keeps: boolean) {
    this.#files = files
    this.#keeps = keeps
    this.fold = new RunFold(keeps)
  }

  /** Reads what was written since. One call after the other. */
  async readOn(parts: readonly PartFile[]): Promise<RunFold> {
    const reading = this.#reading.then(() => this.#readOn(parts))
    this.#reading = reading.catch(() => {})
    await reading
    return this.fold
  }

  async #readOn(parts: readonly PartFile[]): Promise<void> {
    const isLonger = this.#read.every(({ file }, i) => parts[i]?.file === file)
    if (!isLonger) {
      this.fold = new RunFold(this.#keeps)
      this.#read = []
    }
    for (let i = Math.max(0, this.#read.length - 1); i < parts.length; i++) {
      const part = parts[i]
      if (part === undefined) break
      let known = this.#read[i]
      if (known === undefined) {
        known = { file: part.file, to: 0 }
        this.#read.push(known)
      }
      await this.#part(part, known)
    }
  }

  async #part(part: PartFile, known: { to: number }): Promise<void> {
    await withFile(this.#files.path(part), async (file) => {
      for await (const { lines, from, to } of readLines(file, known.to)) {
        let at = from
        for (const text of lines) {
          const line = parseLine(text)
          if (line !== undefined) this.fold.add(line)
          else if (text !== '') this.fold.lacks.add(`a broken line in ${part.file} at byte ${at}`)
          at += Buffer.byteLength(text) + 1
        }
        known.to = to
      }
    })
  }
}
