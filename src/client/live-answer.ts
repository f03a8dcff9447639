import type { LiveTopics } from './live-topics.js'
import { type Live, LiveValue } from './live-value.js'
import { Repeated } from './repeated.js'
import type { RunClient } from './run-client.js'

// Owns: an answer that is read again when its topic changes.

/** What is asked, and of which topic. */
export interface Question<T> {
  readonly topic: string
  /** @param before the answer before */
  ask(client: RunClient, before: T | undefined): Promise<T | undefined>
}

/** An answer, while somebody listens to it. */
export class LiveAnswer<T> extends LiveValue<Live<T>> {
  readonly #client: RunClient
  readonly #topics: LiveTopics
  readonly #question: Question<T>

  constructor(client: RunClient, topics: LiveTopics, question: Question<T>, first: Live<T>) {
    super(first)
    this.#client = client
    this.#topics = topics
    this.#question = question
  }

  protected start(signal: AbortSignal): void {
    const { topic } = this.#question
    const client = this.#client.withSignal(signal)
    const reading = new Repeated(() => this.#read(client, signal), signal)
    const leave = this.#topics.listen(topic, ({ type }) => {
      if (type === 'down') this.#turn(false)
      else reading.again()
    })
    signal.addEventListener('abort', leave, { once: true })
    reading.again()
  }

  #turn(isLive: boolean): void {
    if (this.snapshot.isLive !== isLive) this.set({ ...this.snapshot, isLive })
  }

  async #read(client: RunClient, signal: AbortSignal): Promise<void> {
    const { data: before } = this.snapshot
    let next: Pick<Live<T>, 'data' | 'error'>
    try {
      next = { data: await this.#question.ask(client, before), error: undefined }
    } catch (error) {
      next = { data: before, error }
    }
    if (!signal.aborted) this.set({ ...next, isLoading: false, isLive: this.#topics.isLive(this.#question.topic) })
  }
}
