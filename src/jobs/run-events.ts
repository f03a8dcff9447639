import { macrotask } from '../internal/platform.js'
import type { AnyEvent } from '../lifecycle/events.js'
import { encodeEvent, type WireEvent } from '../wire/events.js'
import type { EventBatch, RunRelease, WantEvents } from './run-texts.js'

// Owns: the events of one claim of a run, in the process that holds it, and who reads them elsewhere.
// E1  At least the last `most` events are kept, and less than twice as many, whoever reads. A reader that is further behind is told how many it has missed.
// E2  A reader gets as many events as it has asked for. So a slow one costs no memory here, and holds nobody back.
// E3  A reader that has not asked for {@link SILENT_MS} is forgotten.
// E4  Lost texts are repeated: each request of a reader says from where on it wants events.

/** Time after which a silent reader is forgotten, in milliseconds. */
export const SILENT_MS = 10_000

/** About how many characters a batch has. */
const BATCH = 48 * 1024

interface Watcher {
  readonly reader: string
  readonly to: string
  next: number
  room: number
  until: number
  /** Whether it has been told the end. */
  ended: boolean
}

export class RunEvents {
  readonly #most: number
  readonly #send: (to: string, batch: EventBatch) => void
  readonly #now: () => number
  readonly #watchers = new Map<string, Watcher>()
  /** The last events, encoded once somebody reads them. */
  #kept: (AnyEvent | WireEvent)[] = []
  readonly #encoded = new WeakSet<object>()
  /** The number of the first one that is kept. */
  #first = 0
  #end: RunRelease | undefined
  #sending = false
  /** The claim of the run. */
  incarnation: number

  /** @param send sends a batch to a channel */
  constructor(incarnation: number, most: number, now: () => number, send: (to: string, batch: EventBatch) => void) {
    this.incarnation = incarnation
    this.#most = most
    this.#now = now
    this.#send = send
  }

  add(event: AnyEvent): void {
    this.incarnation = event.incarnation
    this.#kept.push(event)
    if (this.#kept.length >= 2 * this.#most) this.#shorten()
    this.#sendSoon()
  }

  /** Drops what is kept beyond the bound, for many events at once. */
  #shorten(): void {
    const gone = this.#kept.length - this.#most
    if (gone <= 0) return
    this.#kept = this.#kept.slice(gone)
    this.#first += gone
  }

  /** The run is released: nothing is added any more. */
  end(how: RunRelease): void {
    this.#end = how
    this.#sendAll()
  }

  /** A reader asks for events. */
  want({ reader, to, incarnation, from, most, again }: WantEvents): void {
    const known = incarnation === this.incarnation ? this.#watchers.get(reader) : undefined
    const first = incarnation === this.incarnation ? Math.max(0, from) : 0
    const goesOn = !again && known !== undefined && known.next >= first
    const next = goesOn ? known.next : first
    const room = Math.max(0, most - (next - first))
    const ended = goesOn && known.ended
    this.#watchers.set(reader, { reader, to, next, room, until: this.#now() + SILENT_MS, ended })
    this.#sendAll()
  }

  leave(reader: string): void {
    this.#watchers.delete(reader)
  }

  /** Events of one turn go together. */
  #sendSoon(): void {
    if (this.#sending || this.#watchers.size === 0) return
    this.#sending = true
    macrotask(() => {
      this.#sending = false
      this.#sendAll()
    })
  }

  #sendAll(): void {
    const now = this.#now()
    for (const watcher of this.#watchers.values()) {
      if (watcher.until < now) this.#watchers.delete(watcher.reader)
      else while (this.#sendTo(watcher));
    }
  }

  /** Sends one batch. @returns whether there may be another */
  #sendTo(watcher: Watcher): boolean {
    const { reader, to } = watcher
    const lost = Math.max(0, this.#first - watcher.next)
    watcher.next += lost
    const events: WireEvent[] = []
    const last = this.#first + this.#kept.length
    let size = 0
    for (let n = watcher.next; n < last && events.length < watcher.room && size < BATCH; n++) {
      const event = this.#wire(n - this.#first)
      events.push(event)
      size += JSON.stringify(event).length
    }
    const from = watcher.next
    watcher.next += events.length
    watcher.room -= events.length
    const isEnd = this.#end !== undefined && watcher.next === last && !watcher.ended
    if (isEnd) watcher.ended = true
    if (events.length === 0 && lost === 0 && !isEnd) return false
    const { incarnation } = this
    const end = isEnd ? this.#end : undefined
    this.#send(to, { t: 'events', reader, incarnation, from, lost, events, ...(end && { end }) })
    return watcher.room > 0 && watcher.next < last
  }

  #wire(i: number): WireEvent {
    const event = this.#kept[i] as AnyEvent | WireEvent
    if (this.#encoded.has(event)) return event as WireEvent
    const wire = encodeEvent(event as AnyEvent)
    this.#encoded.add(wire)
    this.#kept[i] = wire
    return wire
  }
}
