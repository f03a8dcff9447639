import { AsyncQueue } from '../internal/async-queue.js'
import type { AnyEvent, Dropped } from '../lifecycle/events.js'
import { type AnyActorRef, isActive } from '../runtime/actor/create-actor.js'
import type { Application } from '../runtime/application.js'
import type { Tap } from './filter.js'
import { Reader } from './reader.js'

// Owns: the unread events of an additional reader.
// Does not own: the pace of anything.
// F1  It listens from its creation until it is left, aborted, or the application is disposed.
// F2  Nothing waits for it: beyond its bound chunks and reports of progress are dropped, and once {@link FACTS} more
//     events are unread, all events. One `dropped` takes their place.

interface Feed {
  readonly app: Application
  readonly actor: AnyActorRef
  readonly tap: Tap
  readonly bound: number
  readonly signal: AbortSignal | undefined
}

/** Iterates over the events of an application, run after run. */
export function followEvents({ app, actor, tap, bound, signal }: Feed): Reader<AnyEvent, void> {
  const buffer = new EventBuffer(app, bound)
  const onAbort = (): void => stop()
  const listening = tap((event) => buffer.add(event))
  const life = actor.subscribe({ complete: () => stop(), error: () => stop() })
  const stop = (): void => {
    listening.unsubscribe()
    life.unsubscribe()
    signal?.removeEventListener('abort', onAbort)
    buffer.events.close()
  }
  if (signal?.aborted === true || !isActive(actor)) stop()
  else signal?.addEventListener('abort', onAbort, { once: true })
  return new Reader<AnyEvent, void>({
    open() {},
    take: () => (signal?.aborted === true ? undefined : buffer.events.take()),
    async end() {
      signal?.throwIfAborted()
    },
    async leave() {
      stop()
    },
  })
}

/** Number of events other than chunks that are kept beyond the bound. */
const FACTS = 500

type Unread = IteratorYieldResult<AnyEvent>

const isLossy = ({ type }: AnyEvent): boolean => type === 'chunk' || type === 'progress'

class EventBuffer {
  readonly events = new AsyncQueue<Unread>(1)
  readonly #app: Application
  readonly #bound: number
  /** The `dropped` event at the end of the queue, while it is the last one. */
  #gap: { -readonly [K in keyof Dropped]: Dropped[K] } | undefined

  constructor(app: Application, bound: number) {
    this.#app = app
    this.#bound = bound
  }

  add(event: AnyEvent): void {
    if (this.events.size >= this.#bound + (isLossy(event) ? 0 : FACTS)) return this.#lose(event)
    this.#gap = undefined
    this.events.push({ done: false, value: event })
  }

  #lose({ runId, incarnation, seq, time }: AnyEvent): void {
    if (this.#gap === undefined) {
      const { appId, path } = this.#app
      this.#gap = { type: 'dropped', count: 0, runId, incarnation, seq, time, appId, path }
      this.events.push({ done: false, value: this.#gap })
    }
    this.#gap.count += 1
  }
}
