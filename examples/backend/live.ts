import { EventEmitter } from 'node:events'
import type { AnyEvent } from 'teasel'
import { compareCursors, cursorOf, encodeEvent } from 'teasel/codec'
import type { HostEvent } from 'teasel/host'
import type { Reader } from 'teasel/persistence'

// A run as Server-Sent Events, from any instance.
//
// The instance that holds the run sends its events, with their positions as ids. Every instance sends `tree`, which is
// the run as the store has it, at the beginning and when it has changed; the store is asked once a second. A client that
// connects again gets the events after its `Last-Event-ID` that this instance still has, and a tree in any case.

const LOOK_MS = 1_000
const EVENTS_OF_A_RUN = 500
const RUNS = 500

/** The last events of the runs that this instance held last. */
export class LiveEvents {
  readonly #runs = new Map<string, AnyEvent[]>()
  readonly #changed = new EventEmitter().setMaxListeners(0)

  /** @param events of a host; everything else that happens there goes to `report` */
  async read(events: AsyncIterable<HostEvent>, report: (event: HostEvent) => void): Promise<void> {
    for await (const one of events) {
      if (one.type === 'event') this.#keep(one.run.runId, one.event)
      else report(one)
    }
  }

  #keep(runId: string, event: AnyEvent): void {
    const events = this.#runs.get(runId) ?? []
    events.push(event)
    if (events.length > EVENTS_OF_A_RUN) events.shift()
    this.#runs.delete(runId)
    this.#runs.set(runId, events) // the newest is the last
    if (this.#runs.size > RUNS) for (const oldest of [...this.#runs.keys()].slice(0, 1)) this.#runs.delete(oldest)
    this.#changed.emit(runId)
  }

  /** The events after a position; those of an earlier process come before those of a later one. */
  after(runId: string, position: string | undefined): readonly AnyEvent[] {
    const events = this.#runs.get(runId) ?? []
    return events.filter((event) => position === undefined || compareCursors(cursorOf(event), position) > 0)
  }

  /** Resolves at the next event of a run, and after a time. */
  next(runId: string, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        this.#changed.off(runId, done)
        resolve()
      }
      const timer = setTimeout(done, ms)
      this.#changed.on(runId, done)
    })
  }
}

/** Frames of a run until it has ended. @param position of the last event that the client has */
export async function* framesOf(
  reader: Reader,
  live: LiveEvents,
  runId: string,
  position: string | undefined,
): AsyncGenerator<string, void, void> {
  let last = position
  let shown = ''
  let ended: string | undefined
  for (let lookAt = 0; ; ) {
    if (Date.now() >= lookAt) {
      const tree = await reader.describe({ runId })
      if (tree === undefined) return // deleted
      const text = JSON.stringify({ ...tree, asOf: undefined })
      yield text === shown ? ': nothing new\n\n' : `event: tree\ndata: ${text}\n\n`
      shown = text
      lookAt = Date.now() + LOOK_MS
      if (['halted', 'finished', 'failed', 'cancelled'].includes(tree.run.status)) ended = tree.run.status
    }
    const more = live.next(runId, lookAt - Date.now())
    for (const event of live.after(runId, last)) {
      last = cursorOf(event)
      yield `id: ${last}\nevent: ${event.type}\ndata: ${JSON.stringify(encodeEvent(event))}\n\n`
    }
    if (ended !== undefined) {
      yield `event: end\ndata: ${JSON.stringify({ status: ended })}\n\n`
      return
    }
    await more
  }
}
