import type { RunTarget } from '../read/reader.js'
import type { RunPicture } from './api.js'
import { LiveAnswer, type Question } from './live-answer.js'
import { type ChunkTarget, LiveChunks } from './live-chunks.js'
import { LiveTopics } from './live-topics.js'
import type { Live, LiveValue } from './live-value.js'
import { type RunClient, runTopic } from './run-client.js'

// Owns: what is listened to of one client: equal questions are asked once.

/** The values of one client that somebody listens to. */
export class LiveRuns {
  readonly #client: RunClient
  readonly #topics: LiveTopics
  readonly #values = new Map<string, LiveValue<unknown>>()

  constructor(client: RunClient) {
    this.#client = client
    this.#topics = new LiveTopics(client)
  }

  /** Number of values that somebody listens to. */
  get size(): number {
    return this.#values.size
  }

  /** @returns the value of a question, if somebody listens to it. Equal keys are equal questions. */
  known<V>(key: string): V | undefined {
    return this.#values.get(key) as V | undefined
  }

  answer<T>(key: string, question: Question<T>, first: Live<T>): LiveAnswer<T> {
    return this.#value(key, () => new LiveAnswer(this.#client, this.#topics, question, first))
  }

  chunks(key: string, target: ChunkTarget): LiveChunks {
    return this.#value(key, () => new LiveChunks(this.#client, this.#topics, target))
  }

  #value<V extends LiveValue<unknown>>(key: string, make: () => V): V {
    const known = this.known<V>(key)
    if (known !== undefined) return known
    const made = make()
    made.onEnd = () => this.#values.delete(key)
    this.#values.set(key, made)
    return made
  }
}

const ofClients = new WeakMap<RunClient, LiveRuns>()

/** What is listened to of a client. */
export function liveRunsOf(client: RunClient): LiveRuns {
  const known = ofClients.get(client) ?? new LiveRuns(client)
  ofClients.set(client, known)
  return known
}

/** The picture of a run. Its places are read again when its boxes are others. */
export const pictureQuestion = (ref: RunTarget): Question<RunPicture> => ({
  topic: runTopic(ref),
  async ask(client, before) {
    const answer = await client.picture({ ...ref, shape: before?.shape })
    if (answer === undefined || answer.laid !== undefined || answer.shape !== before?.shape) return answer
    return { ...answer, ...(before.laid !== undefined && { laid: before.laid }) }
  },
})
