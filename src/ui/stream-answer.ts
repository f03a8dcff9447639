import { createDeferred, type Deferred } from '../internal/deferred.js'
import { tryGet } from '../internal/guards.js'
import type { RunSummary } from '../read/run-summary.js'
import { compareCursors, cursorOf, WIRE_VERSION, type WireEvent } from '../wire/events.js'
import { SAFE_HEADERS } from './answers.js'
import { tellsEvents } from './project.js'
import { shortEvent } from './shorten.js'
import type { JoinedTopic } from './stream-hub.js'
import { positionsIn, streamId } from './stream-id.js'
import type { Told } from './watch.js'

// Owns: one stream of Server-Sent Events: what its reader gets, and when.
// T1  A reader that comes back with an id gets every event since, or is told that some are missing.
// T2  A reader that does not keep up is dropped with `reset`, and is never waited for by others.
// T3  With its reader the stream ends: no timer, no listener and no look of it is left.

const BATCH_MS = 100
const COMMENT_MS = 15_000
/** Unread bytes at which a reader is too slow. */
const MOST_UNREAD = 1 << 20
/** Events at which a batch does not wait for its time. */
const FULL = 1000
/** A list may be so much behind what has happened, milliseconds. */
const BEHIND_MS = 5000

const HEADERS = {
  ...SAFE_HEADERS,
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
}

/** @param after the id of the last frame that the reader has */
export function streamAnswer(
  joined: readonly JoinedTopic[],
  leave: () => void,
  { after, request }: { readonly after: string | undefined; readonly request: Request },
): Response {
  const source = new StreamSource(joined, leave, after, request)
  return new Response(new ReadableStream(source, new ByteLengthQueuingStrategy({ highWaterMark: MOST_UNREAD })), {
    headers: HEADERS,
  })
}

class StreamSource {
  readonly #joined: readonly JoinedTopic[]
  readonly #leave: () => void
  /** Kept, since a signal does not keep its request, which aborts it. */
  readonly #request: Request
  readonly #after: ReadonlyMap<string, string> | undefined
  readonly #positions = new Map<string, string>()
  readonly #ends: (() => void)[] = []
  readonly #text = new TextEncoder()
  #batch = new Map<string, unknown[]>()
  #events = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  #room: Deferred<void> | undefined
  #over = false

  constructor(joined: readonly JoinedTopic[], leave: () => void, after: string | undefined, request: Request) {
    this.#joined = joined
    this.#leave = leave
    this.#request = request
    this.#after = after === undefined ? new Map() : positionsIn(after)
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller
    const comment = setInterval(() => {
      if ((controller.desiredSize ?? 0) > 0) this.#send(': \n\n')
    }, COMMENT_MS)
    this.#ends.push(() => clearInterval(comment))
    this.#ends.push(this.#leave)
    const { signal } = this.#request
    if (signal.aborted) return this.#close()
    const onAbort = (): void => this.#close()
    signal.addEventListener('abort', onAbort, { once: true })
    this.#ends.push(() => signal.removeEventListener('abort', onAbort))
    for (const { name, ref, watch } of this.#joined) {
      const position = this.#after?.get(name) ?? (ref === undefined ? undefined : watch.position)
      if (position !== undefined) this.#positions.set(name, position)
      if (name === 'runs' && position === undefined) this.#positions.set(name, `${Date.now()}`)
    }
    this.#frame('hello', { v: WIRE_VERSION, topics: this.#joined.map(({ name }) => name) }, 'retry: 1000\n')
    for (const topic of this.#joined) void this.#begin(topic).catch(() => this.#close())
  }

  /** The reader has room. */
  pull(): void {
    this.#room?.resolve()
    this.#room = undefined
  }

  cancel(): void {
    this.#end()
  }

  #close(): void {
    if (this.#over) return
    this.#end()
    tryGet(() => this.#controller?.close())
  }

  #end(): void {
    this.#over = true
    clearTimeout(this.#timer)
    this.#room?.resolve()
    for (const end of this.#ends) end()
  }

  async #begin(topic: JoinedTopic): Promise<void> {
    const { name, watch, ref, project } = topic
    const known = this.#after?.get(name)
    if (this.#after === undefined) this.#reset(name, 'gap')
    if (ref === undefined) this.#beginList(topic, known)
    else if (tellsEvents(project.reader) && known !== undefined) {
      if (!this.#isOf(topic, known)) this.#moveOn(topic)
      while (this.#isBehind(topic)) await this.#catchUp(topic)
    }
    // No turn passes between the last look and the first telling.
    if (this.#over) return
    if (watch.latest !== undefined) this.#tell(topic, watch.latest)
    this.#ends.push(watch.listen((told) => this.#tell(topic, told)))
  }

  /** What has changed of the runs while the reader was away. */
  #beginList({ name, watch }: JoinedTopic, known: string | undefined): void {
    if (name !== 'runs' || known === undefined) return
    const since = /^\d{1,15}$/.test(known) ? Number(known) - BEHIND_MS : Number.NaN
    const { known: runs = new Map<string, RunSummary>(), isAll = false } = watch.runs ?? {}
    if (!isAll || Number.isNaN(since)) return this.#reset(name, 'gap')
    const changed = [...runs.values()].filter(({ updatedAt }) => updatedAt >= since)
    if (changed.length > 0) this.#add(name, changed)
  }

  /** Whether a position is one of the log as it is now. One that lies behind its end is of another log. */
  #isOf({ watch }: JoinedTopic, known: string): boolean {
    return watch.position !== undefined && (tryGet(() => compareCursors(known, watch.position ?? known)) ?? 1) <= 0
  }

  #isBehind({ name, watch }: JoinedTopic): boolean {
    const own = this.#positions.get(name)
    const isBehind = own !== undefined && watch.position !== undefined && compareCursors(own, watch.position) < 0
    return isBehind && !this.#over
  }

  /** The events since the position of the reader, as fast as it reads them. */
  async #catchUp(topic: JoinedTopic): Promise<void> {
    const after = this.#positions.get(topic.name)
    const query = { ...(topic.ref ?? { runId: '' }), after, follow: false, signal: this.#request.signal }
    for await (const event of topic.project.reader.events?.(query) ?? []) {
      this.#tell(topic, { type: 'events', events: [shortEvent(event)] })
      if (this.#over) return
      await this.#hasRoom()
    }
    if (this.#positions.get(topic.name) === after) this.#moveOn(topic)
  }

  /** The reader misses what lies between its position and the end of the log. */
  #moveOn({ name, watch }: JoinedTopic): void {
    if (watch.position === undefined) this.#positions.delete(name)
    else this.#positions.set(name, watch.position)
    this.#reset(name, 'gap')
  }

  async #hasRoom(): Promise<void> {
    if ((this.#controller?.desiredSize ?? 0) > 0 || this.#over) return
    this.#room ??= createDeferred<void>()
    await this.#room.promise
  }

  #tell({ name }: JoinedTopic, told: Told): void {
    if (this.#over) return
    switch (told.type) {
      case 'events':
        return this.#addEvents(name, told.events)
      case 'runs':
        return this.#add(name, told.runs)
      case 'pending':
        this.#batch.delete(name) // all of them are told
        return this.#add(name, told.items)
      case 'tree':
        this.#flush()
        return this.#frame('tree', { topic: name, tree: told.tree })
      case 'mended':
        return this.#reset(name, 'gap')
      case 'gone':
        this.#positions.delete(name)
        return this.#reset(name, 'gone')
    }
  }

  #addEvents(topic: string, events: readonly WireEvent[]): void {
    for (const event of events) {
      const position = cursorOf(event)
      const before = this.#positions.get(topic)
      if (before !== undefined && compareCursors(position, before) <= 0) continue // it has it
      if (before !== undefined && !follows(event, before)) this.#reset(topic, 'gap')
      this.#positions.set(topic, position)
      this.#add(topic, [event])
    }
  }

  #add(topic: string, items: readonly unknown[]): void {
    const list = this.#batch.get(topic) ?? []
    this.#batch.set(topic, list)
    for (const item of items) list.push(item)
    this.#events += items.length
    this.#flushSoon()
  }

  #flushSoon(): void {
    if (this.#events >= FULL) return this.#flush()
    this.#timer ??= setTimeout(() => this.#flush(), BATCH_MS)
  }

  #flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#over || this.#batch.size === 0) return
    const batch = Object.fromEntries(this.#batch)
    this.#batch.clear()
    this.#events = 0
    if (this.#positions.has('runs')) this.#positions.set('runs', `${Date.now()}`)
    this.#frame('batch', batch)
  }

  #reset(topic: string, why: 'gap' | 'gone'): void {
    this.#flush()
    this.#frame('reset', { topic, why })
  }

  #frame(event: string, data: object, more = ''): void {
    if (this.#over) return
    if ((this.#controller?.desiredSize ?? 0) <= 0) return this.#drop()
    this.#send(`${more}id: ${streamId(this.#positions)}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
  }

  /** Ends the stream of a reader that is too slow (T2). */
  #drop(): void {
    const id = `id: ${streamId(this.#positions)}\n`
    for (const { name } of this.#joined)
      this.#send(`${id}event: reset\ndata: ${JSON.stringify({ topic: name, why: 'slow' })}\n\n`)
    this.#close()
  }

  #send(text: string): void {
    if (!this.#over) this.#controller?.enqueue(this.#text.encode(text))
  }
}

/** Whether nothing is missing between a position and an event. */
function follows({ incarnation, seq }: WireEvent, before: string): boolean {
  const [last = '', at = ''] = before.split('.')
  return incarnation === Number(last) ? seq === Number(at) + 1 : seq === 0 && incarnation > Number(last)
}
