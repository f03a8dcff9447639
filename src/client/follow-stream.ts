import { isPlainObject } from '../internal/guards.js'
import { pause } from '../internal/pause.js'
import { readFrames } from '../wire/sse-frames.js'
import type { StreamBatch, StreamFrame } from './api.js'
import { UiError } from './ui-error.js'

// Owns: one stream, over as many connections as it takes.
// Does not own: a connection; it is opened by the function that is given.
// C1  The id of the last frame goes with each new connection, so that nothing is left out unnoticed.

/** Options of `stream` of a client. */
export interface StreamOptions {
  /** The id of the last frame that was handled. Default: only what happens from now on. */
  readonly after?: string | undefined
  /** Ends the stream. */
  readonly signal?: AbortSignal | undefined
}

/** A frame, and the id with which a later stream goes on behind it. */
export type FollowedFrame = StreamFrame & { readonly id?: string }

/** Without a byte for so long a connection is dead: the server sends a comment each 15 seconds. */
const SILENT_MS = 45_000
const FIRST_RETRY_MS = 500
const LONGEST_RETRY_MS = 10_000

/** @param open opens a connection behind a frame. @throws {UiError} when the server refuses the stream */
export async function* followStream(
  open: (after: string | undefined, signal: AbortSignal) => Promise<ReadableStream<Uint8Array>>,
  { after, signal }: StreamOptions,
): AsyncGenerator<FollowedFrame, void, void> {
  let id = after
  const isLeft = (): boolean => signal?.aborted === true
  for (let tries = 0; !isLeft(); ) {
    const connection = new AbortController()
    const leave = (): void => connection.abort()
    signal?.addEventListener('abort', leave, { once: true })
    const watch = new Watch(leave)
    let failure: unknown
    try {
      const body = await open(id, connection.signal)
      for await (const frame of readFrames(body.pipeThrough(watch.stream()))) {
        tries = 0
        id = frame.id ?? id
        const known = frameOf(frame.event, frame.data)
        if (known !== undefined) yield { ...known, ...(id !== undefined && { id }) }
        if (isLeft()) return
      }
    } catch (error) {
      if (UiError.is(error) && error.status < 500) throw error
      failure = error
    } finally {
      watch.end()
      signal?.removeEventListener('abort', leave)
      connection.abort()
    }
    if (isLeft()) return
    const retryMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** tries++)
    yield { type: 'down', error: failure, retryMs, ...(id !== undefined && { id }) }
    await pause(retryMs, signal)
  }
}

function frameOf(event: string, data: string): StreamFrame | undefined {
  const value: unknown = JSON.parse(data)
  if (!isPlainObject(value)) return undefined
  switch (event) {
    case 'batch':
      return { type: 'batch', topics: value as StreamBatch }
    case 'hello':
    case 'tree':
    case 'reset':
      return { type: event, ...value } as unknown as StreamFrame
    default:
      return undefined // of a newer server
  }
}

/** Ends a connection that is silent for too long. */
class Watch {
  readonly #leave: () => void
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(leave: () => void) {
    this.#leave = leave
  }

  #beat(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(this.#leave, SILENT_MS)
  }

  stream(): TransformStream<Uint8Array, Uint8Array> {
    this.#beat()
    return new TransformStream({
      transform: (chunk, controller) => {
        this.#beat()
        controller.enqueue(chunk)
      },
    })
  }

  end(): void {
    clearTimeout(this.#timer)
  }
}
