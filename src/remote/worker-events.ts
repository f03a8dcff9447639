import { printPath } from '../action/context.js'
import type { AnyEvent } from '../lifecycle/events.js'
import { emit } from '../runtime/emit.js'
import type { EventSource } from '../runtime/event-source.js'
import type { Tracker } from '../tracking/tracker.js'
import type { ChunkData } from './chunk-batch.js'
import { eventData } from './crossing.js'
import type { StartFrame, UpFrame } from './frames.js'
import type { WorkerSystem } from './worker-system.js'

// Owns: the events of a branch in a worker, as they leave for its owner, and flow control: how far the branch may be ahead.
// Does not own: their arrival (arriving-events.ts), the frames of chunks (chunk-batch.ts).

/** Stands for the tracker of the owner, which records what arrives there. */
export const OWNERS_TRACKER: Tracker = { track() {} }

/** The way to the owner. */
interface EventSink {
  /** @throws {SerializationError} for a frame with a value that is no data */
  send(frame: UpFrame): void
  /** The same, with words in place of such values. */
  sendInWords(frame: UpFrame): void
  /** @throws {SerializationError | RangeError} for a chunk that cannot cross */
  sendChunk(chunk: ChunkData): void
  /** Sends what the branch waits for. */
  sendWaits(): void
}

export class WorkerEvents {
  readonly #app: EventSource
  readonly #system: WorkerSystem
  readonly #start: Pick<StartFrame, 'watched' | 'credit' | 'paced'>
  readonly #to: EventSink
  /** Whether a chunk has left since the last call of {@link WorkerEvents.waitForReader}. */
  #chunk = false
  /** Chunks and steps that the owner has not given credit for. */
  #ahead = 0
  #waiting: (() => void)[] = []

  constructor(
    app: EventSource,
    system: WorkerSystem,
    start: Pick<StartFrame, 'watched' | 'credit' | 'paced'>,
    to: EventSink,
  ) {
    this.#app = app
    this.#system = system
    this.#start = start
    this.#to = to
  }

  /** Sends an event, if the owner observes it. */
  emitted(event: AnyEvent, tracker: Tracker | undefined): void {
    const { type } = event
    if (type === 'wait' || type === 'wake') this.#to.sendWaits()
    const tracked = tracker === OWNERS_TRACKER
    const heard = this.#start.watched || tracked || this.#system.observedTypes.has(type) || type === 'progress' // the owner shows it
    if (!heard) {
      this.#system.skip()
      if (type === 'retry') this.#to.sendWaits()
      return
    }
    if (type === 'chunk') this.#chunk = true
    const skipped = this.#system.takeSkipped()
    const own = event.path.length === this.#app.path.length
    if (event.type === 'chunk' && own) {
      const { source, sequenceId, chunk } = event
      return this.#sendPart('chunk', () => this.#to.sendChunk({ source, sequenceId, chunk, tracked, skipped }))
    }
    const frame: UpFrame = { type: 'event', event: eventData(event, own), tracked, skipped }
    if (type === 'chunk' || type === 'log') return this.#sendPart(type, () => this.#to.send(frame))
    try {
      this.#to.send(frame)
    } catch {
      this.#to.sendInWords(frame)
    }
  }

  /** Sends what is left out where it cannot cross. */
  #sendPart(type: 'chunk' | 'log', send: () => void): void {
    try {
      send()
    } catch (error) {
      const path = printPath(this.#app.path)
      this.#system.logger.error(`A ${type} of the branch "${path}" cannot cross its channel.`, error)
      emit(this.#app, { type: 'fault', where: `${type} of "${path}"`, error })
    }
  }

  /** Counts what is ahead of the owner, and waits for credit. */
  waitForReader(): Promise<void> | undefined {
    if (!this.#start.paced && !this.#chunk) return undefined
    if (this.#chunk) this.#chunk = false
    else this.#to.send({ type: 'pace' })
    this.#ahead += 1
    if (this.#ahead < this.#start.credit) return undefined
    return new Promise((resolve) => void this.#waiting.push(resolve))
  }

  /** Credit has come from the owner. */
  credit(n: number): void {
    this.#ahead -= n
    if (this.#ahead < this.#start.credit) for (const go of this.#waiting.splice(0)) go()
  }
}
