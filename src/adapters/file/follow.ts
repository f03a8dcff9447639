import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { LineEvents } from '../../log/line-events.js'
import { beginsPart, isHead, parseLine } from '../../log/lines.js'
import { SeqOrder } from '../../log/seq-order.js'
import { LogError } from '../../read/log-error.js'
import { compareCursors, cursorOf, type WireEvent } from '../../wire/events.js'
import { type LogFiles, statOf } from './log-files.js'
import type { PartFile } from './places.js'
import { openFile, readLines } from './scan.js'

// Owns: the events of a run from its log, also while another process writes it.
// E1  A file is open while it is read on only; leaving the loop closes it.
// E2  A log that was removed has ended, also where another one of the same run has begun since.

/** How often a log that is written is looked at, milliseconds. */
const POLL_MS = 100
/** After so many looks without a new line, nothing is held back for a missing number. */
const IDLE = 3

/** What of a run is followed. */
export interface Followed {
  readonly runId: string
  readonly partitionKey: string | null
  readonly after: string | undefined
  readonly types: readonly string[] | undefined
  /** Whether the log is read on at its end, until the run has ended. */
  readonly follow: boolean
  readonly signal: AbortSignal | undefined
}

export async function* followRun(files: LogFiles, followed: Followed): AsyncGenerator<WireEvent, void, void> {
  const { runId, partitionKey, follow, signal, after, types } = followed
  const isWanted = (event: WireEvent): boolean =>
    types?.includes(event.type) !== false && (after === undefined || compareCursors(cursorOf(event), after) > 0)
  const run = new Following(files)
  const isLeft = (): boolean => signal?.aborted === true
  try {
    for (let idle = 0; !isLeft(); ) {
      const parts = await files.of(runId, partitionKey)
      let some = false
      for await (const event of run.read(parts)) {
        some = true
        if (isWanted(event)) yield event
        if (isLeft()) return
      }
      const isOver = !follow || run.hasEnded || (!some && (await run.isGone(parts)))
      idle = some ? 0 : idle + 1
      if (isOver || idle >= IDLE) for (const event of run.rest()) if (isWanted(event)) yield event
      if (isOver) return
      await sleep(POLL_MS, undefined, signal && { signal }).catch(() => {})
    }
  } finally {
    await run.close()
  }
}

class Following {
  /** Whether the last event is the end of a run. */
  hasEnded = false
  readonly #files: LogFiles
  readonly #events: LineEvents
  readonly #order = new SeqOrder()
  /** Whether any part could be read. */
  #hasBegun = false
  /** The parts without their first line: no line of them can be read. */
  readonly #damaged: string[] = []
  #part: { readonly name: string; readonly file: FileHandle; to: number } | undefined
  #done = new Set<string>()

  constructor(files: LogFiles) {
    this.#files = files
    this.#events = new LineEvents(files.load)
  }

  /** The events that were written since. */
  async *read(parts: readonly PartFile[]): AsyncGenerator<WireEvent, void, void> {
    for (;;) {
      const { file, name } = this.#part ?? {}
      if (file !== undefined) yield* this.#lines(file)
      // The part is complete when a later one exists; what was written before that one began is read first.
      const next = parts.find((part) => part.file !== name && !this.#done.has(part.file))
      if (next === undefined) return this.#check()
      if (file !== undefined && name !== undefined) {
        yield* this.#lines(file)
        this.#done.add(name)
      }
      await this.close()
      const opened = await openFile(this.#files.path(next))
      if (opened === undefined) return this.#check() // it was removed meanwhile
      this.#part = { name: next.file, file: opened, to: 0 }
    }
  }

  /** Whether the log was removed after its reading began. E2 */
  async isGone(parts: readonly PartFile[]): Promise<boolean> {
    const { file, name } = this.#part ?? {}
    const part = parts.find((one) => one.file === name)
    if (file === undefined || part === undefined) return file !== undefined || this.#hasBegun
    return (await statOf(this.#files.path(part)))?.ino !== (await file.stat()).ino
  }

  /** @throws {LogError} where no part can be read */
  #check(): void {
    const [file] = this.#damaged
    if (file !== undefined && !this.#hasBegun) throw new LogError(join(this.#files.places.runs, file), 'EBADMSG')
  }

  async *#lines(file: FileHandle): AsyncGenerator<WireEvent, void, void> {
    const part = this.#part
    if (part === undefined || this.#damaged.includes(part.name)) return
    for await (const { lines, from, to } of readLines(file, part.to)) {
      if (from === 0 && !beginsPart(lines[0] ?? '')) return void this.#damaged.push(part.name)
      this.#hasBegun = true
      part.to = to
      for (const text of lines) {
        const line = parseLine(text, this.#files.load)
        if (line === undefined) continue
        if (isHead(line) && line.part === 0) yield* this.#order.restart()
        for (const event of this.#events.add(line)) {
          this.hasEnded = event.type === 'run.end' && event.path.length === 0
          this.#order.add(event)
        }
        yield* this.#order.take()
      }
    }
  }

  rest(): readonly WireEvent[] {
    return this.#order.take(true)
  }

  async close(): Promise<void> {
    const part = this.#part
    this.#part = undefined
    await part?.file.close()
  }
}
