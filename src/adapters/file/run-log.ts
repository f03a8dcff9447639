import { join } from 'node:path'
import type { AnyEvent } from '../../lifecycle/events.js'
import { ChunkMerge, isDue, MERGE_MS } from '../../log/chunk-merge.js'
import { RunFold } from '../../log/fold.js'
import { LineEncoder } from '../../log/line-encoder.js'
import { lineText } from '../../log/line-text.js'
import { type EventLine, isChunks, type LogLine } from '../../log/lines.js'
import type { StatePart } from '../../log/state-lines.js'
import type { TrackedRun } from '../../tracking/tracker.js'
import { isLarge } from './blobs.js'
import { LineBuffer } from './line-buffer.js'
import type { LogHome } from './log-home.js'
import { headOf } from './part-head.js'
import { nameOfPart, nameOfRun, openIn, writeAll } from './places.js'

// Owns: the log of one run in one process.
// L1  It writes only to files that it has made.
// L2  A fault of the disk loses lines, never an event of the run; the next part tells how many.
// L3  A part begins with whole states, so what follows a loss can be read.
// L4  What waits to be merged stands before events that are a tenth of a second later, whatever the clock.

/** Lines of so many bytes are written at once. */
const BATCH = 65_536
/** How much less chunks merge, so that one turn of the timer writes them, milliseconds. */
const EARLY_MS = 5
/** How long after a write the next chunks wait for others, to be written with them, milliseconds. */
const GATHER_MS = 25
/** How long a file that could not be written is left alone, milliseconds. */
const RETRY_MS = 1000
/** Incarnations that other writers may have taken. */
const MOST_TRIES = 10_000
/** Events after which what is known is written at once. */
const URGENT = new Set(['run.start', 'step.end', 'wait', 'branch.settled', 'run.end'])

const NO_MEMBERS: readonly string[] = []

type Queued = Extract<AnyEvent, { type: 'branch.queued' }>
type ChunkEvent = Extract<AnyEvent, { type: 'chunk' }>

export class RunLog {
  readonly fold = new RunFold(false)
  readonly run: TrackedRun
  /** Whether anything waits that the index is to be told. */
  isChanged = true
  readonly #home: LogHome
  #encoder: LineEncoder
  readonly #merge = new ChunkMerge()
  readonly #queued = new Map<string, { readonly event: Queued; readonly seq: number }>()
  #incarnation: number
  #part = -1
  #file: string | undefined
  #size = 0
  readonly #lines = new LineBuffer()
  #events = 0
  #lost = 0
  #retryAt = 0
  #base = 0
  #last = -1
  /** When it was last written to, by the monotonic clock. */
  #wroteAt = 0
  /** The clock of the events, against that of the system, milliseconds. */
  #ahead = 0

  constructor(home: LogHome, run: TrackedRun) {
    this.#home = home
    this.run = run
    this.#incarnation = run.incarnation
    this.#encoder = this.#newEncoder()
    this.#open(run)
  }

  #newEncoder(): LineEncoder {
    const { redact, fault, blobs } = this.#home
    return new LineEncoder({ redact, fault, outside: (json) => this.#try(() => blobs.put(json)) })
  }

  /** Whether anything waits to be written. */
  get isDirty(): boolean {
    return this.hasLines || this.#hasWaiting
  }

  /** Whether chunks or branches wait for what comes next. */
  get #hasWaiting(): boolean {
    return !this.#merge.isEmpty || this.#queued.size > 0
  }

  /** Whether lines wait to be written, not only chunks to be merged. */
  get hasLines(): boolean {
    return !this.#lines.isEmpty
  }

  /** Whether nothing waits but the last event, a chunk. */
  get isFresh(): boolean {
    return !this.hasLines && this.#queued.size === 0 && this.#merge.isOnly(this.#last)
  }

  /** How many events were lost until now. */
  get lost(): number {
    return this.#lost
  }

  /** Its events begin at 0 again. */
  again(): void {
    this.#base = this.#last + 1
  }

  /** @returns false if it merged with what waits: nothing else has changed */
  track(event: AnyEvent): boolean {
    if (event.type === 'dropped') return false
    if (event.type === 'chunk') {
      const line = this.#extend(event)
      if (line !== undefined) return line
    } else this.isChanged = true
    const seq = this.#base + event.seq
    this.#last = Math.max(this.#last, seq)
    if (this.#file !== undefined && this.#size > this.#home.partBytes) this.#roll()
    if (this.#file === undefined && !this.#reopen()) this.#lose(1)
    else this.#record(event, seq)
    return true
  }

  /** @returns undefined if there is more to do than to add a chunk to those before it; else whether it ended a line */
  #extend(event: ChunkEvent): boolean | undefined {
    const { redact, partBytes } = this.#home
    if (this.#file === undefined || this.#size > partBytes || redact !== undefined || this.#queued.size > 0)
      return undefined
    const seq = this.#base + event.seq
    const line = this.#merge.extend(event, seq)
    if (line === false) return undefined
    this.#last = Math.max(this.#last, seq)
    this.#events += 1
    if (line === true) return false
    this.#put(line)
    this.#writeSoon(event.type)
    return true
  }

  #record(event: AnyEvent, seq: number): void {
    this.#events += 1
    if (this.#hasWaiting) this.#overdue(event.time)
    if (event.type === 'branch.queued') return this.#queue(event, seq)
    if (event.type === 'chunk') this.#chunk(event, seq)
    else {
      this.#before(event.appId)
      this.#event(event, seq)
    }
    this.#writeSoon(event.type)
  }

  /** Writes what is not to wait for the timer. */
  #writeSoon(type: AnyEvent['type']): void {
    if (this.#file === undefined) return
    const { pace } = this.#home
    if (type === 'run.end') this.flush()
    else if (this.#isUrgent(type) && pace.mayWrite) this.#write()
    else if (pace.isFull && pace.isSlow) this.#fail(new TypeError('The disk is too slow for the log.'))
    else if (pace.isFull) this.#write()
  }

  /** Whether lines are not to wait. A chunk writes those of the chunks before it, and spares the timer. */
  #isUrgent(type: AnyEvent['type']): boolean {
    if (URGENT.has(type) || this.#lines.size > BATCH) return true
    return type === 'chunk' && this.hasLines && this.#home.pace.now() - this.#wroteAt >= GATHER_MS
  }

  #chunk(event: ChunkEvent, seq: number): void {
    const { appId, time, source, sequenceId } = event
    this.#ahead = time - Date.now()
    const { app, line: meets } = this.#encoder.numberOf(event)
    if (meets !== undefined) this.#put(meets)
    const whole = this.#encoder.payload(event.chunk, 'chunk')
    const chunk = this.#try(() => this.#home.blobs.outside(whole))
    if (chunk === undefined) return
    const line = this.#merge.add(app, appId, { seq, time, source, sequenceId, chunk })
    if (line !== undefined) this.#put(line)
  }

  /** Writes what has to stand before the next line of an application. */
  #before(appId: string): void {
    const chunks = this.#merge.isEmpty ? undefined : this.#merge.take(appId)
    if (chunks !== undefined) this.#put(chunks)
  }

  /** Holds it until its branch starts. A branch whose worker was lost before that is queued again. */
  #queue(event: Queued, seq: number): void {
    this.#ahead = event.time - Date.now()
    const before = this.#queued.get(event.appId)
    this.#queued.delete(event.appId)
    if (before !== undefined) this.#encode(before.event, before.seq)
    this.#queued.set(event.appId, { event, seq })
  }

  #event(event: AnyEvent, seq: number): void {
    const queued = this.#queued.size === 0 ? undefined : this.#queued.get(event.appId)
    if (queued !== undefined) this.#queued.delete(event.appId)
    const isSoon = queued !== undefined && event.type === 'branch.start' && event.time - queued.event.time <= MERGE_MS
    if (queued !== undefined && !isSoon) this.#encode(queued.event, queued.seq)
    this.#encode(event, seq, isSoon ? { queued: [queued.seq, queued.event.time] } : undefined)
    if (event.type === 'branch.settled') this.#encoder.forget(event.appId)
  }

  #encode(event: AnyEvent, seq: number, more?: Pick<EventLine, 'queued'>): void {
    const { app, line: meets } = this.#encoder.numberOf(event)
    if (meets !== undefined) this.#put(meets)
    const { line, state } = this.#encoder.line(event, seq, this.#size)
    this.#put(more === undefined ? line : { ...line, ...more, app }, state)
  }

  #put(line: LogLine, state?: StatePart): void {
    if (this.#file === undefined) return
    const text = this.#textOf(line)
    const members = text === undefined ? undefined : this.#membersOf(state)
    if (text === undefined || members === undefined) return
    this.fold.add(line)
    const bytes = this.#lines.add(text, members)
    this.#size += bytes
    this.#home.pace.waiting += bytes
  }

  /** JSON of a line, its large values outside of it; undefined after a fault of the disk. */
  #textOf(line: LogLine): string | undefined {
    const text = lineText(line)
    if (!isLarge(text) || isChunks(line)) return text // of chunks, each large one is outside already
    const short = this.#try(() => this.#home.blobs.shortened(line))
    return short && JSON.stringify(short)
  }

  /** The same for the state of a line. */
  #membersOf(state: StatePart | undefined): readonly string[] | undefined {
    if (state === undefined) return NO_MEMBERS
    const json = isLarge(state.json) ? this.#try(() => this.#home.blobs.put(state.json)) : state.json
    if (json === undefined) return undefined
    return state.name === 'state' ? [',"state":', json] : [',"patch":', json, `,"base":${state.base}`]
  }

  #try<T>(write: () => T): T | undefined {
    try {
      return write()
    } catch (error) {
      this.#fail(error)
      return undefined
    }
  }

  /** Writes what is old enough. @param now epoch milliseconds @param mayWrite by the pace of all */
  tick(now: number, mayWrite: boolean): void {
    if (this.#file === undefined) return
    if (this.#hasWaiting) this.#overdue(now + this.#ahead + EARLY_MS)
    if (mayWrite) this.#write()
  }

  /** Writes what has waited long enough. @param now by the clock of the events */
  #overdue(now: number): void {
    for (const line of this.#merge.until(now)) this.#put(line)
    for (const [appId, { event, seq }] of this.#queued) {
      if (!isDue(event.time, now)) break
      this.#queued.delete(appId)
      this.#encode(event, seq)
    }
  }

  /** Gives its file up if somebody has removed it: what is written there is lost. */
  look(): void {
    this.#lines.release()
    const { fs, places } = this.#home
    if (this.#file !== undefined && !fs.existsSync(join(places.runs, this.#file)))
      this.#fail(new TypeError(`The file ${this.#file} was removed.`))
  }

  /** Writes all, and closes its file until more comes. */
  close(): void {
    this.flush()
    if (this.#file !== undefined) this.#home.descriptors.close(this.#file)
  }

  /** Writes all. */
  flush(): void {
    if (this.#file === undefined) return
    for (const line of this.#merge.until(Infinity)) this.#put(line)
    for (const { event, seq } of this.#queued.values()) this.#encode(event, seq)
    this.#queued.clear()
    this.#write()
    this.#lines.release()
  }

  #write(): void {
    const file = this.#file
    if (file === undefined || this.#lines.isEmpty) return
    const { fs, pace, descriptors } = this.#home
    const bytes = this.#taken()
    this.#wroteAt = pace.now()
    try {
      pace.take(() => writeAll(fs, descriptors.of(file), bytes), bytes.length)
      this.#events = this.#merge.count + this.#queued.size
    } catch (error) {
      this.#fail(error)
    }
  }

  #taken(): Uint8Array {
    this.#home.pace.waiting -= this.#lines.size
    return this.#lines.take()
  }

  /** Gives its file up: what waits is lost, and a line may be torn. */
  #fail(error: unknown): void {
    if (this.#file === undefined) return
    this.#home.descriptors.close(this.#file)
    this.#file = undefined
    this.#taken()
    for (const _ of this.#merge.until(Infinity));
    this.#queued.clear()
    this.#retryAt = Date.now() + RETRY_MS
    this.#lose(this.#events)
    this.#events = 0
    this.#home.lost(error)
  }

  #lose(count: number): void {
    this.#lost += count
    this.isChanged = true
  }

  #reopen(): boolean {
    const now = Date.now()
    if (now < this.#retryAt && now >= this.#retryAt - RETRY_MS) return false
    if (this.#open()) return true
    this.#retryAt = now + RETRY_MS
    return false
  }

  #roll(): void {
    this.flush()
    if (this.#file === undefined) return
    this.#home.descriptors.close(this.#file)
    this.#file = undefined
    this.#open()
  }

  /** Makes the next part. @param run its first one @returns whether it was made */
  #open(run?: TrackedRun): boolean {
    const { descriptors, found } = this.#home
    try {
      const { file, fd } = this.#create()
      this.#file = file
      this.#part += 1
      descriptors.add(file, fd)
    } catch (error) {
      this.#home.lost(error)
      this.#retryAt = Date.now() + RETRY_MS
      return false
    }
    this.#encoder = this.#newEncoder()
    this.#size = 0
    this.#head(run)
    if (this.#lost > 0) found()
    return true
  }

  #create(): { readonly file: string; readonly fd: number } {
    const { fs, places } = this.#home
    const { appId, partitionKey } = this.run
    const name = nameOfRun(appId, partitionKey)
    const part = this.#part + 1
    for (let tries = 0; ; tries++) {
      const file = nameOfPart(name, this.#incarnation, part)
      try {
        return { file, fd: openIn(fs, places.runs, file, 'ax') }
      } catch (error) {
        const isTaken = (error as NodeJS.ErrnoException).code === 'EEXIST'
        if (!isTaken || part > 0 || tries >= MOST_TRIES) throw error
        this.#incarnation += 1
      }
    }
  }

  #head(first: TrackedRun | undefined): void {
    const { graphs, worker } = this.#home
    const encoded = first?.state === undefined ? undefined : this.#encoder.first(this.run, first.state)
    const [incarnation, part, lost] = [this.#incarnation, this.#part, this.#lost - this.#told]
    this.#told = this.#lost
    const at = first ?? this.fold.root ?? this.run
    const graph = graphs.of(this.run.graph)
    this.#put(headOf(this.run, this.#encoder, { incarnation, part, lost, at, graph, worker }), encoded)
    if (encoded !== undefined) this.#put({ type: 'app', app: 0, appId: this.run.appId, path: [] })
  }
  #told = 0
}
