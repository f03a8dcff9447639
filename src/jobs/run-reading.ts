import { AsyncQueue } from '../internal/async-queue.js'
import { tryGet } from '../internal/guards.js'
import { createId } from '../internal/ids.js'
import type { AnyEvent } from '../lifecycle/events.js'
import type { RootKey } from '../persistence/driver.js'
import { isEnded } from '../persistence/due.js'
import type { StoredRun } from '../persistence/summary.js'
import { decodeEvent } from '../wire/events.js'
import { channelOf, type EventBatch, RELEASED_MS, type RunRelease, type RunRequest } from './run-texts.js'

// Owns: reading the events of a run that other processes hold, one after the other.
// Does not own: the texts and their channels (run-texts.ts), when to look at the store (attached-run.ts).
// D1  Events come in order, each once: a batch that does not begin where the last one ended is left out, and asked for
//     again.
// D2  No more events are asked for than there is room for; a reader that is slow loses the oldest, and is told.
// D3  It ends once the store says that the run is over, and all events of its last claim are here, or have not come in
//     {@link LAST_MS}.

/** What a reader of a run gets. */
export type RunEvent =
  /** A worker holds the run now. */
  | { readonly type: 'taken'; readonly incarnation: number }
  /** An event of the run, as `app.on` has it. */
  | { readonly type: 'event'; readonly event: AnyEvent }
  /** The worker holds it no more: it waits, is handed on, or is over. */
  | { readonly type: 'released'; readonly incarnation: number; readonly status: RunRelease }
  /** Events are missing: the reader was too slow, or a worker died. `count` is undefined where nobody knows it. */
  | { readonly type: 'dropped'; readonly count: number | undefined }

/** Number of events that a reader keeps before it asks for no more. */
const ROOM = 512
/** How long the last events of a run are waited for, in milliseconds. */
export const LAST_MS = 2_000

/** Sends requests of a reader. */
export interface ReaderMail {
  /** The channel on which batches come. */
  readonly channel: string
  readonly now: () => number
  /** Sends a request to the process that holds a run. */
  request(to: string, request: RunRequest): void
}

export class RunReading {
  readonly id = createId()
  readonly #root: RootKey
  readonly #mail: ReaderMail
  readonly #queue = new AsyncQueue<RunEvent>(ROOM)
  /** How many events the holder may still send. */
  #room = 0
  /** Whether anything has come since the store was asked last. */
  #came = true
  #fault: { readonly error: unknown } | undefined
  /** The claim whose events come; -1 before the first. */
  #incarnation = -1
  #next = 0
  /** The last claim whose events are all here. */
  #whole = -1
  #holder: string | undefined
  /** When the run was first seen to be over, by the clock of this process. */
  #overAt: number | undefined
  /** Claims up to this one were over when reading began, and their holder has forgotten them. */
  #before: number | undefined

  constructor(root: RootKey, mail: ReaderMail) {
    this.#root = root
    this.#mail = mail
  }

  /** The store has been asked: the holder gets a request, which also repeats a lost one. */
  looked(run: StoredRun): void {
    const claims = run.claim?.incarnation ?? -1
    const isOver = run.summary !== undefined && isEnded(run.summary.status) && !run.expired
    if (this.#before === undefined) {
      const isPast = isOver && this.#mail.now() - (run.summary?.since ?? 0) >= RELEASED_MS
      this.#before = isPast ? claims : -1
    }
    this.#holder = channelOf(run)
    if (claims > Math.max(this.#whole, this.#before)) this.#ask(!this.#came)
    this.#came = false
    if (!isOver) {
      this.#overAt = undefined
      return
    }
    this.#overAt ??= this.#mail.now()
    const isWhole = claims <= Math.max(this.#whole, this.#before)
    if (isWhole || this.#mail.now() - this.#overAt >= LAST_MS) this.end() // D3
  }

  /** @param again whether events that were sent may be lost */
  #ask(again: boolean): void {
    const most = ROOM - this.#queue.size
    if (this.#holder === undefined || most <= 0) return
    this.#mail.request(this.#holder, {
      t: 'want',
      ...this.#root,
      reader: this.id,
      to: this.#mail.channel,
      incarnation: this.#incarnation,
      from: this.#next,
      most, // D2
      again,
    })
    this.#room = most
  }

  /** Asks for more, when half of the room is free that the holder knows of no more. */
  #askForMore(): void {
    if (this.#room <= ROOM / 2 && this.#queue.size <= ROOM / 2 && this.#whole < this.#incarnation) this.#ask(false)
  }

  /** A batch has come. */
  got({ incarnation, from, lost, events, end }: EventBatch): void {
    if (incarnation < this.#incarnation || incarnation <= this.#whole) return
    this.#came = true
    if (incarnation > this.#incarnation) {
      if (from - lost !== 0) return this.#ask(true) // D1: its beginning was lost
      if (this.#incarnation > this.#whole) this.#queue.push({ type: 'dropped', count: undefined })
      this.#incarnation = incarnation
      this.#next = 0
      this.#queue.push({ type: 'taken', incarnation })
    }
    if (from - lost > this.#next) return this.#ask(true) // D1
    const known = this.#next - from
    if (known > 0 && known >= events.length && !(end !== undefined && known === events.length)) return
    if (from > this.#next) this.#queue.push({ type: 'dropped', count: from - this.#next })
    for (const wire of events.slice(Math.max(0, known))) {
      const event = tryGet(() => decodeEvent(wire))
      this.#queue.push(event === undefined ? { type: 'dropped', count: 1 } : { type: 'event', event })
    }
    this.#room -= from + events.length - this.#next
    this.#next = from + events.length
    if (end === undefined) return this.#askForMore()
    this.#whole = incarnation
    this.#queue.push({ type: 'released', incarnation, status: end })
  }

  /** The next event; undefined at the end. @throws what it has failed with */
  async take(): Promise<RunEvent | undefined> {
    const event = await this.#queue.take()
    this.#askForMore()
    if (event === undefined && this.#fault !== undefined) throw this.#fault.error
    return event
  }

  /** It cannot go on. Events that are here can still be taken. */
  fail(error: unknown): void {
    this.#fault ??= { error }
    this.end()
  }

  /** Ends it: events that are here can still be taken. */
  end(): void {
    this.#queue.close()
  }

  /** The reader leaves. */
  leave(): void {
    this.end()
    if (this.#holder !== undefined) this.#mail.request(this.#holder, { t: 'leave', ...this.#root, reader: this.id })
  }
}
