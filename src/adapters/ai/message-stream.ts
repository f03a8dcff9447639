import { printPath } from '../../action/context.js'
import { defined } from '../../internal/defined.js'
import { messageOf } from '../../internal/guards.js'
import { checkOptions } from '../../internal/options.js'
import type { AnyEvent } from '../../lifecycle/events.js'

// Owns: events of a run as the chunks of a UI message of the AI SDK.
// A1  Each text that begins ends, also when its step fails, is cancelled or is tried again. Nothing follows the end of a run.
// A2  The reader paces the run. Leaving the stream leaves the events, as leaving their loop does.

/** A chunk of a UI message: a part of the `UIMessageChunk` of the AI SDK, versions 5 to 7. */
export type MessageChunk =
  | { type: 'start'; messageId: string }
  | { type: 'start-step' }
  | { type: 'finish-step' }
  | { type: 'text-start'; id: string }
  | { type: 'text-delta'; id: string; delta: string }
  | { type: 'text-end'; id: string }
  | { type: `data-${string}`; id?: string; data: unknown; transient?: boolean }
  | { type: 'error'; errorText: string }
  | { type: 'abort'; reason?: string }
  | { type: 'finish' }

/** Options of {@link toUIMessageStream}. */
export interface MessageStreamOptions {
  /** The id of the message. Default: the id of the run. */
  readonly messageId?: string | undefined
  /**
   * Which chunks are text of the message, and the text: by default those of the root that are strings. Another chunk is a
   * part `data-chunk`. Undefined leaves a chunk out.
   */
  readonly text?: ((event: Extract<AnyEvent, { readonly type: 'chunk' }>) => string | undefined) | undefined
  /** What a person is told of a failure. Default: `An error occurred.`, since a message may be secret. */
  readonly onError?: ((error: unknown) => string) | undefined
  /** Ends the stream with `abort`, and leaves the events. */
  readonly signal?: AbortSignal | undefined
}

const OPTIONS = 'messageId text onError signal'

/**
 * Turns the events of a run into the stream of one UI message of the AI SDK, for `createUIMessageStreamResponse` and
 * `useChat`. Give it events that end with their run: `app.stream()`, which runs the application, or `fromSSE(response)`.
 *
 * Texts become text parts. A branch becomes a part `data-branch`, `{ map, key, path, status }`, which changes as it settles; a
 * question a part `data-question`, `{ id, kinds, ask, path }`; progress a transient part `data-progress`. A failed run ends with
 * `error`, a cancelled one with `abort`.
 *
 * It has no dependency on the AI SDK.
 * @throws {TypeError} for invalid options
 *
 * @example
 * ```ts no-run
 * return createUIMessageStreamResponse({ stream: toUIMessageStream(app.stream({ signal }), { signal }) })
 * ```
 */
export function toUIMessageStream(
  events: AsyncIterable<AnyEvent>,
  options: MessageStreamOptions = {},
): ReadableStream<MessageChunk> {
  checkOptions('toUIMessageStream', options, OPTIONS)
  return new ReadableStream(new MessageSource(events[Symbol.asyncIterator](), options), { highWaterMark: 0 })
}

class MessageSource {
  readonly #events: AsyncIterator<AnyEvent, unknown>
  readonly #options: MessageStreamOptions
  readonly #chunks: MessageChunk[] = []
  /** The open texts, by the path of their application. */
  readonly #texts = new Map<string, string>()
  #end: Extract<AnyEvent, { readonly type: 'run.end' }> | undefined
  #reason: unknown
  #isBegun = false
  #isOver = false
  #onAbort: (() => void) | undefined

  constructor(events: AsyncIterator<AnyEvent, unknown>, options: MessageStreamOptions) {
    this.#events = events
    this.#options = options
  }

  start(controller: ReadableStreamDefaultController<MessageChunk>): void {
    const { signal } = this.#options
    if (signal === undefined) return
    this.#onAbort = () => {
      if (this.#isOver) return
      this.#begin('')
      this.#abort(signal.reason)
      for (const chunk of this.#chunks.splice(0)) controller.enqueue(chunk)
      controller.close()
      this.#leave()
    }
    if (signal.aborted) this.#onAbort()
    else signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  async pull(controller: ReadableStreamDefaultController<MessageChunk>): Promise<void> {
    while (this.#chunks.length === 0 && !this.#isOver) await this.#next()
    if (this.#onAbort !== undefined && this.#options.signal?.aborted === true) return // it has closed the stream
    const chunk = this.#chunks.shift()
    if (chunk !== undefined) controller.enqueue(chunk)
    if (this.#isOver && this.#chunks.length === 0) controller.close()
  }

  cancel(): void {
    this.#isOver = true
    this.#leave()
  }

  /** Leaves the events. A generator that works ends at its next event. */
  #leave(): void {
    this.#unhook()
    void this.#events.return?.()?.catch(() => {})
  }

  #unhook(): void {
    if (this.#onAbort !== undefined) this.#options.signal?.removeEventListener('abort', this.#onAbort)
  }

  async #next(): Promise<void> {
    let event: AnyEvent | undefined
    let failure: { readonly error: unknown } | undefined
    try {
      const next = await this.#events.next()
      event = next.done === true ? undefined : next.value
    } catch (error) {
      failure = { error }
    }
    if (this.#isOver) return
    if (event !== undefined) return this.#take(event)
    // A source ends when its run has ended and is stored: a reader that left before would cancel it.
    this.#begin('')
    if (this.#end?.status === 'cancelled') this.#abort(this.#reason)
    else if (this.#end?.status === 'failed') this.#fail(this.#end.error)
    else if (failure !== undefined) this.#fail(failure.error)
    else this.#finish()
    this.#unhook()
  }

  #begin(runId: string): void {
    if (this.#isBegun) return
    this.#isBegun = true
    this.#chunks.push({ type: 'start', messageId: this.#options.messageId ?? runId }, { type: 'start-step' })
  }

  #endTexts(): void {
    for (const id of this.#texts.values()) this.#chunks.push({ type: 'text-end', id })
    this.#texts.clear()
  }

  #finish(): void {
    this.#endTexts()
    this.#chunks.push({ type: 'finish-step' }, { type: 'finish' })
    this.#isOver = true
  }

  #fail(error: unknown): void {
    this.#endTexts()
    const { onError = () => 'An error occurred.' } = this.#options
    this.#chunks.push({ type: 'error', errorText: onError(error) })
    this.#isOver = true
  }

  #abort(reason: unknown): void {
    this.#endTexts()
    this.#chunks.push(reason === undefined ? { type: 'abort' } : { type: 'abort', reason: messageOf(reason) })
    this.#isOver = true
  }

  #take(event: AnyEvent): void {
    this.#begin(event.runId)
    const path = printPath(event.path)
    switch (event.type) {
      case 'chunk':
        return this.#takeChunk(event, path)
      case 'step.end':
      case 'retry':
        return this.#endText(path)
      case 'branch.start':
        return this.#branch(event, path, 'running')
      case 'branch.settled':
        return this.#branch(event, path, event.status)
      case 'wait':
        if (event.from === 'outside')
          this.#data('question', event.id, { id: event.id, kinds: event.kinds, ask: event.ask, path })
        return
      case 'progress': {
        const { fraction, done, total, message, source } = event
        const data = { source, path, ...defined({ fraction, done, total, message }) }
        this.#chunks.push({ type: 'data-progress', data, transient: true })
        return
      }
      case 'cancel':
        if (event.path.length === 0) this.#reason = event.reason
        return
      case 'run.end':
        if (event.path.length === 0) this.#end = event
    }
  }

  #takeChunk(event: Extract<AnyEvent, { readonly type: 'chunk' }>, path: string): void {
    const { text } = this.#options
    const { chunk, sequenceId, incarnation, seq } = event
    const isText = text === undefined ? path === '' && typeof chunk === 'string' : undefined
    const delta = isText === undefined ? text?.(event) : isText ? (chunk as string) : undefined
    if (delta === undefined) {
      if (text === undefined) this.#data('chunk', `${incarnation}.${seq}`, { path, sequenceId, chunk })
      return
    }
    let id = this.#texts.get(path)
    if (id === undefined) {
      id = `${path}#${sequenceId}.${incarnation}.${seq}`
      this.#texts.set(path, id)
      this.#chunks.push({ type: 'text-start', id })
    }
    this.#chunks.push({ type: 'text-delta', id, delta })
  }

  #endText(path: string): void {
    const id = this.#texts.get(path)
    if (id === undefined) return
    this.#texts.delete(path)
    this.#chunks.push({ type: 'text-end', id })
  }

  #branch({ source, key }: { readonly source: string; readonly key: string }, path: string, status: string): void {
    this.#data('branch', path, { map: source, key, path, status })
  }

  #data(name: string, id: string, data: unknown): void {
    this.#chunks.push({ type: `data-${name}`, id, data })
  }
}
