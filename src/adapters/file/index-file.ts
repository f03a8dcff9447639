import { constants, promises } from 'node:fs'
import { join } from 'node:path'
import { isPlainObject } from '../../internal/guards.js'
import type { Logger } from '../../lifecycle/logger.js'
import type { RunSummary } from '../../read/run-summary.js'
import { isOpen, RUN_STATUSES } from '../../read/status.js'
import { type Fs, openIn, writeAll } from './places.js'

// Owns: the index of one tracker: a line for each change of a run, the last one of a run counts.
// I1  It grows with the number of runs, not with the number of changes.
// I2  Its time of change is the heartbeat of its runs.

/** A line of an index. */
export interface IndexLine {
  readonly run: RunSummary
  /** The last sign of life of its writer, where another one has taken the line over. */
  readonly beat?: number
  /** No process holds the run, which is open: its writer has told its end, and lives on. */
  readonly released?: true
}

/** A file with fewer lines is not shortened. */
const FEW = 200
/** So many lines a run are too many. */
const MOST = 1.5

export const keyOf = ({ runId, partitionKey }: Pick<RunSummary, 'runId' | 'partitionKey'>): string =>
  JSON.stringify([partitionKey, runId])

/** Reads a line; undefined for one that is torn or damaged. */
export function parseIndexLine(text: string): IndexLine | undefined {
  try {
    const line: unknown = JSON.parse(text)
    return isPlainObject(line) && isSummary(line['run']) && isNumber(line['beat'] ?? 0)
      ? (line as unknown as IndexLine)
      : undefined
  } catch {
    return undefined
  }
}

const isNumber = (value: unknown): boolean => typeof value === 'number'
const NUMBERS = 'since createdAt updatedAt sequenceId epoch incarnation pending retrying leaked'.split(' ')
const TEXTS = 'name graph title position next'.split(' ')
const RECORDS = 'error cancelled heldBy forkedFrom branches'.split(' ')

function isSummary(run: unknown): boolean {
  if (!isPlainObject(run)) return false
  const { runId, partitionKey, labels, status } = run
  return (
    typeof runId === 'string' &&
    (partitionKey === null || typeof partitionKey === 'string') &&
    isPlainObject(labels) &&
    RUN_STATUSES.some((one) => one === status) &&
    NUMBERS.every((name) => isNumber(run[name])) &&
    TEXTS.every((name) => run[name] === undefined || typeof run[name] === 'string') &&
    RECORDS.every((name) => run[name] === undefined || isPlainObject(run[name]))
  )
}

export class IndexFile {
  readonly #fs: Fs
  readonly #folder: string
  readonly #file: string
  readonly #warn: Logger['warn']
  readonly #runs = new Set<string>()
  #fd: number | undefined
  #lines = 0
  /** Lines that come while the file is shortened; they stand in both files. */
  #later: string | undefined
  #shortening: Promise<void> | undefined

  constructor(fs: Fs, folder: string, writer: string, warn: Logger['warn']) {
    this.#fs = fs
    this.#folder = folder
    this.#file = `${writer}.jsonl`
    this.#warn = warn
  }

  write(lines: readonly IndexLine[]): void {
    if (lines.length === 0) return
    for (const { run } of lines) this.#runs.add(keyOf(run))
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('')
    this.#lines += lines.length
    if (this.#later !== undefined) this.#later += text
    this.#append(text)
    if (this.#lines > FEW && this.#lines > this.#runs.size * MOST) this.#shortening ??= this.#shorten()
  }

  #append(text: string): void {
    try {
      // Another process may have joined it with others.
      if (this.#fd !== undefined && !this.#fs.existsSync(join(this.#folder, this.#file))) this.#close()
      this.#fd ??= openIn(this.#fs, this.#folder, this.#file, 'a')
      writeAll(this.#fs, this.#fd, Buffer.from(text))
    } catch (error) {
      this.#close()
      this.#warn(`The index of the tracker could not be written: ${join(this.#folder, this.#file)}.`, error)
    }
  }

  /** Tells that this process is alive. @param now epoch milliseconds */
  beat(now: number): void {
    try {
      this.#fs.utimesSync(join(this.#folder, this.#file), now / 1000, now / 1000)
    } catch {
      this.#close() // The file was removed: the next line makes it again.
    }
  }

  async #shorten(): Promise<void> {
    this.#later = ''
    const file = join(this.#folder, this.#file)
    try {
      const text = await promises.readFile(file, 'utf8')
      const last = new Map<string, string>()
      for (const line of text.split('\n')) {
        const parsed = parseIndexLine(line)
        if (parsed === undefined) continue
        const key = keyOf(parsed.run)
        last.delete(key)
        last.set(key, line)
      }
      await promises.writeFile(`${file}.new`, [...last.values(), ''].join('\n'), {
        flag: constants.O_CREAT | constants.O_WRONLY | constants.O_TRUNC,
      })
      this.#close()
      const fd = this.#fs.openSync(`${file}.new`, 'a')
      try {
        writeAll(this.#fs, fd, Buffer.from(this.#later))
      } finally {
        this.#fs.closeSync(fd)
      }
      this.#fs.renameSync(`${file}.new`, file)
      this.#lines = last.size
    } catch (error) {
      this.#warn(`The index of the tracker could not be shortened: ${file}.`, error)
      this.#lines = 0
    }
    this.#later = undefined
    this.#shortening = undefined
  }

  #close(): void {
    const fd = this.#fd
    this.#fd = undefined
    if (fd === undefined) return
    try {
      this.#fs.closeSync(fd)
    } catch {
      // The system has taken what it could.
    }
  }

  close(): void {
    this.#close()
  }

  /** Waits until the file is as short as it is going to be. */
  async settled(): Promise<void> {
    await this.#shortening
  }
}

/** The line of a run in the form of its writer: it has what a list shows; the stack of an error stands in the log. */
export function indexed({ error, heldBy, ...run }: RunSummary): IndexLine {
  const released = isOpen(run.status) && heldBy === undefined ? { released: true as const } : {}
  if (error === undefined) return { run, ...released }
  const { name, message, code, fingerprint } = error
  const short = {
    name,
    message,
    ...(code !== undefined && { code }),
    ...(fingerprint !== undefined && { fingerprint }),
  }
  return { run: { ...run, error: short }, ...released }
}

/** What of a line is told at once where it differs. */
export function factsOf({ run, released }: IndexLine): string {
  const { status, pending, retrying, leaked, epoch, nextAt } = run
  return JSON.stringify([status, pending, retrying, leaked, epoch, nextAt, released === true])
}
