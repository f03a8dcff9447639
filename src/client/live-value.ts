// Owns: a value that is read of a server while somebody listens to it, and its end.
// Does not own: what it is (live-answer.ts, live-chunks.ts), or the stream that changes it (live-topics.ts).
// L1  A value is read while it has listeners. When the last one leaves, its requests abort, and nothing of it is left.

/** What is known of the answer to a question, while it changes. */
export interface Live<T> {
  /** The newest answer. It stays while a newer one is read, and while the server does not answer. */
  readonly data: T | undefined
  /** Why the last reading failed: a `UiError`. */
  readonly error: unknown
  /** Whether the first answer is still read. */
  readonly isLoading: boolean
  /** Whether changes arrive as they happen. False while the connection is lost. */
  readonly isLive: boolean
}

/** A value with listeners. A listener is called behind each change. */
export abstract class LiveValue<S> {
  #snapshot: S
  readonly #listeners = new Set<() => void>()
  #scope: AbortController | undefined
  /** Called when nobody listens any more. */
  onEnd: (() => void) | undefined

  constructor(snapshot: S) {
    this.#snapshot = snapshot
  }

  /** Equal until the next change. */
  get snapshot(): S {
    return this.#snapshot
  }

  /** Listens until the returned function is called. */
  subscribe(listener: () => void): () => void {
    const own = (): void => listener()
    this.#listeners.add(own)
    if (this.#scope === undefined) {
      this.#scope = new AbortController()
      this.start(this.#scope.signal)
    }
    return () => {
      if (!this.#listeners.delete(own) || this.#listeners.size > 0) return
      // A listener that comes in the same turn goes on with it: strict mode, or another part of a page.
      queueMicrotask(() => {
        if (this.#listeners.size > 0) return
        this.#scope?.abort()
        this.#scope = undefined
        this.onEnd?.()
      })
    }
  }

  /** Begins to read, until the signal aborts. */
  protected abstract start(signal: AbortSignal): void

  protected set(snapshot: S): void {
    this.#snapshot = snapshot
    for (const listener of [...this.#listeners]) listener()
  }
}
