import type { StreamFrame } from './api.js'
import type { RunClient } from './run-client.js'

// Owns: the one stream of a client, however many listen to its topics.
// L2  Topics that change in one turn are one change. The stream opens again with the others behind its last frame, so
//     nothing is left out; without topics there is none.
// L3  A listener is told when its topic has begun, and when the stream was lost.
// Where a server refuses the stream, listeners are told to read again every two seconds.

/** What a listener of a topic is told. `poll`: the server has no stream now. */
export type Heard = StreamFrame | { readonly type: 'poll' }

type Hear = (frame: Heard) => void

const SETTLE_MS = 10
const POLL_MS = 2000

/** The topics of one client. */
export class LiveTopics {
  readonly #client: RunClient
  readonly #heard = new Map<string, Set<Hear>>()
  /** Topics that have begun, and miss nothing since. */
  #begun = new Set<string>()
  #isLive = false
  #key = ''
  #after: string | undefined
  #stream: AbortController | undefined
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(client: RunClient) {
    this.#client = client
  }

  /** Whether the stream of a topic is open now. */
  isLive(topic: string): boolean {
    return this.#isLive && this.#begun.has(topic)
  }

  /** Hears a topic until the returned function is called. */
  listen(topic: string, hear: Hear): () => void {
    const those = this.#heard.get(topic) ?? new Set<Hear>()
    this.#heard.set(topic, those.add(hear))
    this.#openSoon(SETTLE_MS)
    return () => {
      those.delete(hear)
      if (those.size > 0 || this.#heard.get(topic) !== those) return
      this.#heard.delete(topic)
      this.#openSoon(SETTLE_MS)
    }
  }

  #openSoon(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#open(), ms)
  }

  #open(): void {
    this.#timer = undefined
    const topics = [...this.#heard.keys()].sort()
    const key = topics.join()
    if (key === this.#key && this.#stream !== undefined) return
    this.#stream?.abort()
    this.#stream = undefined
    this.#key = key
    this.#begun = new Set([...this.#begun].filter((topic) => this.#heard.has(topic)))
    if (topics.length === 0) {
      this.#after = undefined
      return
    }
    this.#stream = new AbortController()
    void this.#follow(topics, this.#stream.signal)
  }

  async #follow(topics: readonly string[], signal: AbortSignal): Promise<void> {
    try {
      for await (const { id, ...frame } of this.#client.stream(topics, { after: this.#after, signal })) {
        if (signal.aborted) return
        if (id !== undefined) this.#after = id
        this.#tell(frame as StreamFrame)
      }
      this.#isLive = false // it ends with its client
    } catch {
      if (signal.aborted) return
      this.#stream = undefined
      this.#lose({ type: 'poll' })
      if (this.#timer === undefined) this.#openSoon(POLL_MS)
    }
  }

  #tell(frame: StreamFrame): void {
    switch (frame.type) {
      case 'hello': {
        const fresh = frame.topics.filter((topic) => !this.#begun.has(topic) || !this.#isLive)
        this.#isLive = true
        this.#begun = new Set(frame.topics)
        return this.#each(fresh, frame)
      }
      case 'down':
        return this.#lose(frame)
      case 'batch':
        return this.#each(Object.keys(frame.topics), frame)
      default:
        return this.#each([frame.topic], frame)
    }
  }

  #lose(frame: Heard): void {
    this.#isLive = false
    this.#each([...this.#heard.keys()], frame)
  }

  #each(topics: readonly string[], frame: Heard): void {
    for (const topic of topics) for (const hear of [...(this.#heard.get(topic) ?? [])]) hear(frame)
  }
}
