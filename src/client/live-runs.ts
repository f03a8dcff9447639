import type { RunTarget } from '../read/reader.js'
import type { LaidPicture } from '../visualize/places.js'
import type { RunMarks } from '../visualize/run-marks.js'
import { LiveAnswer, type Question } from './live-answer.js'
import { type ChunkTarget, LiveChunks } from './live-chunks.js'
import { LiveTopics } from './live-topics.js'
import type { Live, LiveValue } from './live-value.js'
import { type RunClient, runTopic } from './run-client.js'

// Owns: what is listened to of one client: equal questions are asked once.

/** The graph of a run, and what the run adds to it. */
export interface RunPicture {
  /** Undefined where the server has no graph of the run. */
  readonly laid: LaidPicture | undefined
  readonly marks: RunMarks
  readonly hash: string | undefined
}

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

/** The picture of a run. Its graph is read once. */
export const pictureQuestion = (ref: RunTarget): Question<RunPicture> => ({
  topic: runTopic(ref),
  async ask(client, before) {
    const tree = await client.describe({ ...ref, first: 1, depth: 1 })
    if (tree === undefined) return undefined
    const hash = tree.run.graph ?? tree.run.name
    const laid = before?.hash === hash && before?.laid !== undefined ? before.laid : hash && (await client.laid(hash))
    const marks = (await client.marks(ref)) ?? { actions: {}, taken: {} }
    return { laid: laid || undefined, marks, hash }
  },
})
