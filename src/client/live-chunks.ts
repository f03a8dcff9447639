import type { Path } from '../action/context.js'
import { isObject } from '../internal/guards.js'
import type { Payload } from '../read/payload.js'
import type { RunTarget } from '../read/reader.js'
import { printedPath, type WirePath } from '../read/wire-path.js'
import { compareCursors, cursorOf, type WireEvent } from '../wire/events.js'
import type { LiveTopics } from './live-topics.js'
import { LiveValue } from './live-value.js'
import { Repeated } from './repeated.js'
import { type RunClient, runTopic } from './run-client.js'
import { UiError } from './ui-error.js'

// Owns: the chunks of a step while it yields them.
// L4  Each chunk is there once, in the order in which it was yielded: what a log has, then what the stream tells. A step
//     that is tried again begins anew.

/** Which chunks are followed. */
export interface ChunkTarget extends RunTarget {
  /** The path of a branch. Default: the root. */
  readonly path?: string | Path | WirePath | undefined
  /** The number of a step. Default: the newest step that yields. */
  readonly step?: number | undefined
  /** Only steps of this action. */
  readonly action?: string | undefined
}

/** The chunks of a step, so far. */
export interface LiveStream {
  /** In the order in which they were yielded, in the form of the codec. */
  readonly chunks: readonly Payload[]
  /** The texts among them, joined. */
  readonly text: string
  /** The number of their step; undefined before the first. */
  readonly step: number | undefined
  /** Whether the step has ended. */
  readonly isDone: boolean
  /** Whether earlier chunks are still read. */
  readonly isLoading: boolean
  /** Why the last reading failed: a `UiError`. */
  readonly error: unknown
}

export const NO_CHUNKS: LiveStream = {
  chunks: [],
  text: '',
  step: undefined,
  isDone: false,
  isLoading: true,
  error: undefined,
}

const TYPES = ['chunk', 'step.start', 'step.end', 'run.end']

/** Whether a stream has only the beginning of a value. */
const isCut = (event: WireEvent): boolean => {
  const chunk = event['chunk']
  return isObject(chunk) && '$' in chunk && chunk.$ === 'cut'
}

/** The chunks of a step, while somebody listens to them. */
export class LiveChunks extends LiveValue<LiveStream> {
  readonly #client: RunClient
  readonly #topics: LiveTopics
  readonly #target: ChunkTarget
  readonly #place: string
  /** The last event that was taken. */
  #position: string | undefined
  #chunks: Payload[] = []
  #step: number | undefined
  #isDone = false
  /** Events that came while a log is read. */
  #waiting: WireEvent[] = []
  #isReading = false
  /** Whether there is no log: what the stream has is all. */
  #isLogless = false

  constructor(client: RunClient, topics: LiveTopics, target: ChunkTarget) {
    super(NO_CHUNKS)
    this.#client = client
    this.#topics = topics
    this.#target = target
    this.#place = printedPath(target.path ?? '')
  }

  protected start(signal: AbortSignal): void {
    const topic = runTopic(this.#target)
    const client = this.#client.withSignal(signal)
    const reading: Repeated = new Repeated(async () => {
      if (!(await this.#read(client, signal))) reading.again()
    }, signal)
    const leave = this.#topics.listen(topic, (frame) => {
      if (frame.type === 'batch') {
        const events = frame.topics[topic] ?? []
        if (this.#isReading) for (const event of events) this.#waiting.push(event)
        else if (!this.#takeAll(events)) reading.again()
      } else if (frame.type !== 'down' && frame.type !== 'tree') reading.again()
    })
    signal.addEventListener('abort', leave, { once: true })
    this.#isReading = true
    reading.again()
  }

  /** @returns false at a value that is not whole */
  #takeAll(events: readonly WireEvent[]): boolean {
    let isChanged = false
    let isWhole = true
    for (const event of events) {
      isWhole = !isCut(event) || this.#isLogless
      if (!isWhole) break
      isChanged = this.#take(event) || isChanged
    }
    if (isChanged) this.#show()
    return isWhole
  }

  #show(error?: unknown): void {
    const texts = this.#chunks.filter((chunk) => typeof chunk === 'string')
    this.set({
      chunks: [...this.#chunks],
      text: texts.join(''),
      step: this.#step,
      isDone: this.#isDone,
      isLoading: false,
      error,
    })
  }

  #take(event: WireEvent): boolean {
    const position = cursorOf(event)
    if (this.#position !== undefined && compareCursors(position, this.#position) <= 0) return false
    this.#position = position
    if (printedPath(event.path) !== this.#place) return false
    const { step, action } = this.#target
    const at = event['sequenceId'] as number
    if (event.type === 'run.end') {
      this.#isDone = true
      return true
    }
    if (event.type === 'chunk') {
      if ((step !== undefined && at !== step) || (action !== undefined && event['source'] !== action)) return false
      if (at !== this.#step) this.#begin(at)
      this.#chunks.push(event['chunk'] as Payload)
      return true
    }
    if (at !== this.#step) return false
    if (event.type === 'step.start') this.#begin(at)
    else if (event.type === 'step.end') this.#isDone = true
    else return false
    return true
  }

  #begin(step: number): void {
    this.#step = step
    this.#chunks = []
    this.#isDone = false
  }

  /** @returns false when it has to be read again */
  async #read(client: RunClient, signal: AbortSignal): Promise<boolean> {
    const { runId, partitionKey, path } = this.#target
    this.#isReading = true
    let failure: unknown
    try {
      const query = { runId, partitionKey, path, types: TYPES, after: this.#position, follow: false, signal }
      for await (const event of client.events(query)) this.#take(event)
    } catch (error) {
      this.#isLogless = UiError.is(error) && error.code === 'no-events'
      if (!this.#isLogless) failure = error
    }
    if (signal.aborted) return true
    this.#isReading = false
    const isWhole = this.#takeAll(this.#waiting.splice(0))
    this.#show(failure)
    return isWhole || failure !== undefined
  }
}
