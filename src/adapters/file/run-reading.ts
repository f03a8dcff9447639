import { join } from 'node:path'
import { RunFold } from '../../log/fold.js'
import { beginsPart, parseLine } from '../../log/lines.js'
import { LogError } from '../../read/log-error.js'
import { type LogFiles, statOf } from './log-files.js'
import type { PartFile } from './places.js'
import { beginOf, readLines, withFile } from './scan.js'

// Owns: the fold of a run, read as far as its files go. A second reading goes on where the first one ended.
// G1  A reading of a prefix of a log is the run at that moment: a torn end is left for later.
// G2  A log that was removed and begun anew is read from its begin: its files may have the same names.
// G3  A part that is damaged is left out until its file is another one; then all is read again.

/** How far a part is read. */
interface ReadPart {
  readonly file: string
  to: number
  /** The first bytes of it. No other part begins like that. */
  begin: Buffer | undefined
  /** Its first line is none, so that no line of it can be read. */
  isDamaged: boolean
  /** When its file was last changed in any way, epoch milliseconds, if it is damaged. */
  writtenAt?: number | undefined
}

/** The first line of a part has the time when that began among its first bytes. */
const BEGIN_BYTES = 1024

/** A run that is read from its files. */
export class RunReading {
  fold: RunFold
  readonly #files: LogFiles
  readonly #keeps: boolean
  #read: ReadPart[] = []
  #reading: Promise<void> = Promise.resolve()

  constructor(files: LogFiles, keeps: boolean) {
    this.#files = files
    this.#keeps = keeps
    this.fold = new RunFold(keeps)
  }

  /** Reads what was written since. One call after the other. @throws {LogError} also where no part can be read */
  async readOn(parts: readonly PartFile[]): Promise<RunFold> {
    const reading = this.#reading.then(() => this.#readOn(parts))
    this.#reading = reading.catch(() => {})
    await reading
    return this.fold
  }

  async #readOn(parts: readonly PartFile[]): Promise<void> {
    const isLonger = this.#read.every(({ file }, i) => parts[i]?.file === file)
    if (!isLonger || !(await this.#isSame()) || (await this.#isMended(parts))) {
      this.fold = new RunFold(this.#keeps)
      this.#read = []
    }
    for (let i = Math.max(0, this.#read.length - 1); i < parts.length; i++) {
      const part = parts[i]
      if (part === undefined) break
      let known = this.#read[i]
      if (known === undefined) {
        known = { file: part.file, to: 0, begin: undefined, isDamaged: false }
        this.#read.push(known)
      }
      if (!known.isDamaged) await this.#part(part, known)
    }
    const [damaged] = this.#read.filter(({ isDamaged }) => isDamaged)
    if (damaged !== undefined && this.fold.head === undefined)
      throw new LogError(join(this.#files.places.runs, damaged.file), 'EBADMSG')
  }

  /** Whether the part that was read last is still the same file. G2 */
  async #isSame(): Promise<boolean> {
    const { file: name, begin } = this.#read.at(-1) ?? {}
    if (name === undefined || begin === undefined) return true
    const path = join(this.#files.places.runs, name)
    return (await withFile(path, async (file) => (await beginOf(file, begin.length)).equals(begin))) ?? true
  }

  /** Whether a damaged part is another file now. G3 */
  async #isMended(parts: readonly PartFile[]): Promise<boolean> {
    for (const [i, { isDamaged, writtenAt }] of this.#read.entries()) {
      const part = isDamaged ? parts[i] : undefined
      if (part !== undefined && (await statOf(this.#files.path(part)))?.ctimeMs !== writtenAt) return true
    }
    return false
  }

  async #part(part: PartFile, known: ReadPart): Promise<void> {
    await withFile(this.#files.path(part), async (file) => {
      for await (const { lines, from, to } of readLines(file, known.to)) {
        known.isDamaged = from === 0 && !beginsPart(lines[0] ?? '')
        if (known.isDamaged) {
          known.writtenAt = (await file.stat()).ctimeMs
          this.fold.lacks.add(`${part.file}, whose first line is damaged`)
          return
        }
        known.begin ??= Buffer.from(lines[0] ?? '').subarray(0, BEGIN_BYTES)
        let at = from
        for (const text of lines) {
          const line = parseLine(text, this.#files.load)
          if (line !== undefined) this.fold.add(line)
          else if (text !== '') this.fold.lacks.add(`a broken line in ${part.file} at byte ${at}`)
          at += Buffer.byteLength(text) + 1
        }
        known.to = to
      }
    })
  }
}
