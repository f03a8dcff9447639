import { plainForReaders } from '../codec/encode.js'
import { reviveKnown } from '../codec/revive.js'
import { InputError } from '../errors.js'
import { describeValue, isInstance } from '../internal/guards.js'
import { checkOptions } from '../internal/options.js'
import type { AnyEvent } from '../lifecycle/events.js'
import { positionOf } from '../read/cursor.js'
import { compareCursors, cursorOf, decodeEvent, encodeEvent, WIRE_VERSION } from './events.js'
import { readFrames } from './sse-frames.js'

// Owns: a stream of events as Server-Sent Events, in both directions.
// Does not own: the run; whether it ends with its reader is an option.

/** Options of {@link toSSE}. */
export interface ToSSEOptions {
  /** Ends the response, as a disconnect does: the signal of the request. */
  readonly signal?: AbortSignal
  /**
   * Effect of a disconnect: `true` (default) leaves the stream, which cancels its run unless the stream was opened with
   * `detach`; `false` reads on and drops the events, so the run continues.
   */
  readonly cancelOnDisconnect?: boolean
  /** Position of the last event that the client has, its `Last-Event-ID`: earlier events are left out. */
  readonly after?: string | null | undefined
  /** Interval of comments that keep the connection open, in milliseconds. Default 15 000. */
  readonly keepAliveMs?: number
}

const OPTIONS = 'signal cancelOnDisconnect after keepAliveMs'
const KEEP_ALIVE_MS = 15_000

/**
 * Responds with a stream of events: `text/event-stream`, one frame an event, whose `id` is its position. The frame
 * `end` carries the outcome of the run, the frame `error` its failure; nothing follows them.
 *
 * The client paces the stream: an event is pulled when the connection has room.
 * @throws {TypeError} for unknown options
 * @throws {InputError} for an `after` that is no position, as a client may send it: answer with 400
 *
 * @example
 * ```ts no-run
 * server.get('/runs/:id', (request) => toSSE(app.stream(), { signal: request.signal }))
 * ```
 */
export function toSSE(events: AsyncIterable<AnyEvent>, options: ToSSEOptions = {}): Response {
  checkOptions('toSSE', options, OPTIONS)
  const { signal, cancelOnDisconnect = true, after, keepAliveMs = KEEP_ALIVE_MS } = options
  if (typeof after === 'string' && positionOf(after) === undefined)
    throw new InputError('toSSE', [`after is ${describeValue(after)}; it takes the position of an event: "0.17".`])
  const body = new ReadableStream<Uint8Array>(
    new EventSource(events, { signal, cancelOnDisconnect, after, keepAliveMs }),
  )
  return new Response(body, {
    headers: {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    },
  })
}

type Settings = { readonly [K in keyof ToSSEOptions]-?: ToSSEOptions[K] | undefined } & {
  readonly keepAliveMs: number
}

const text = new TextEncoder()
const frame = (fields: Readonly<Record<string, string>>): string =>
  `${Object.entries(fields)
    .map(([name, value]) => `${name}: ${value}\n`)
    .join('')}\n`

/** The source of one response. */
class EventSource {
  readonly #iterator: AsyncIterator<AnyEvent, unknown>
  readonly #settings: Settings
  #timer: ReturnType<typeof setInterval> | undefined
  #over = false
  readonly #onAbort = (): void => this.#leave?.()
  #leave: (() => void) | undefined

  constructor(events: AsyncIterable<AnyEvent>, settings: Settings) {
    this.#iterator = events[Symbol.asyncIterator]()
    this.#settings = settings
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    const { signal, keepAliveMs } = this.#settings
    controller.enqueue(text.encode(frame({ event: 'hello', data: JSON.stringify({ v: WIRE_VERSION }) })))
    this.#timer = setInterval(() => {
      if ((controller.desiredSize ?? 0) > 0) controller.enqueue(text.encode(': \n\n'))
    }, keepAliveMs)
    const timer: { unref?(): void } = this.#timer as object
    timer.unref?.()
    this.#leave = () => {
      if (this.#over) return
      controller.close()
      void this.cancel()
    }
    if (signal?.aborted === true) this.#leave()
    else signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    const sent = await this.#next()
    if (this.#over) return
    controller.enqueue(text.encode(sent.text))
    if (!sent.last) return
    this.#end()
    controller.close()
  }

  /** The next frame; the last one is the outcome or the error. */
  async #next(): Promise<{ readonly text: string; readonly last: boolean }> {
    const { after } = this.#settings
    try {
      for (;;) {
        const { done, value } = await this.#iterator.next()
        if (done === true) return { text: frame({ event: 'end', data: json(value) }), last: true }
        const id = cursorOf(value)
        if (typeof after === 'string' && compareCursors(id, after) <= 0) continue
        return { text: frame({ id, event: value.type, data: JSON.stringify(encodeEvent(value)) }), last: false }
      }
    } catch (error) {
      return { text: frame({ event: 'error', data: json(error) }), last: true }
    }
  }

  /** The client has disconnected. */
  async cancel(): Promise<void> {
    if (this.#over) return
    this.#end()
    if (this.#settings.cancelOnDisconnect) await this.#iterator.return?.()
    else void this.#readOn()
  }

  async #readOn(): Promise<void> {
    try {
      while ((await this.#iterator.next()).done !== true);
    } catch {
      // The run has failed, and nobody reads.
    }
  }

  #end(): void {
    this.#over = true
    clearInterval(this.#timer)
    this.#settings.signal?.removeEventListener('abort', this.#onAbort)
  }
}

const json = (value: unknown): string => JSON.stringify(plainForReaders(value) ?? null)

/**
 * Reads a response of {@link toSSE}: yields its events, and returns the outcome of the run. Leaving the loop closes the
 * connection. `fromSSE<typeof app>` has the types of the application.
 * @throws the failure of the run, as an error with its name, message and code
 * @throws {TypeError} for a response without such a stream, and when the connection ends before the run
 *
 * @example
 * ```ts no-run
 * for await (const event of fromSSE(await fetch('/runs/7'))) console.log(event.type)
 * ```
 */
export function fromSSE<App = unknown>(response: Response): StreamOf<App> {
  return readEvents(response) as StreamOf<App>
}

/** The stream of an application: its events and its outcome. */
type StreamOf<App> = App extends { stream(...options: never[]): AsyncGenerator<infer Event, infer Outcome, void> }
  ? AsyncGenerator<Event, Outcome, void>
  : AsyncGenerator<AnyEvent, unknown, void>

async function* readEvents(response: Response): AsyncGenerator<AnyEvent, unknown, void> {
  const { body, status } = response
  const type = response.headers.get('content-type') ?? ''
  if (!response.ok || body === null || !type.startsWith('text/event-stream'))
    throw new TypeError(`The response is no stream of events: status ${status}, content type ${describeValue(type)}.`)
  for await (const { event, data } of readFrames(body)) {
    if (event === 'hello') continue
    const value: unknown = JSON.parse(data)
    if (event === 'end') return reviveKnown(value)
    if (event === 'error') throw thrownFrom(reviveKnown(value))
    yield decodeEvent(value)
  }
  throw new TypeError('The stream of events ended before the run. Connect again with the id of the last event.')
}

const thrownFrom = (value: unknown): unknown => (isInstance(value, Error) ? value : new Error(describeValue(value)))
