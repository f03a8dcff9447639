import { createDeferred } from '../internal/deferred.js'
import { pause } from '../internal/pause.js'
import { LogError } from '../read/log-error.js'
import type { RunSummary } from '../read/run-summary.js'
import type { Pending, RunTree } from '../read/tree.js'
import type { WireEvent } from '../wire/events.js'
import { faultOf } from './answers.js'

// Owns: one look at a topic, shared by all that read it.
// W1  However many read a topic, it is looked at once; with the last of them the look ends, and nothing of it is left.
// W2  A look that fails is tried again. Only the first one fails its reader, unless it is a file or a record that cannot be
//     read: then the reader hears its other topics, and nothing of this one until it is mended.

/** What is told of a topic. */
export type Told =
  | { readonly type: 'events'; readonly events: readonly WireEvent[] }
  | { readonly type: 'tree'; readonly tree: RunTree }
  | { readonly type: 'runs'; readonly runs: readonly RunSummary[] }
  | { readonly type: 'pending'; readonly items: readonly Pending[] }
  | { readonly type: 'gone' }
  | { readonly type: 'mended' }

/** A topic while it is looked at. */
export interface Watched {
  /** The last event of a log that was told; undefined before the first one of the run. */
  position?: string | undefined
  /** What a new reader is told first. */
  latest?: Told | undefined
  /** The runs that are looked at, and whether they are all runs. */
  runs?: { readonly known: ReadonlyMap<string, RunSummary>; readonly isAll: boolean } | undefined
  /** The first look has succeeded: new readers may come. */
  ready(): void
  tell(told: Told): void
}

/** Looks at a topic until the signal aborts. It may reject at any time, and is begun again then. */
export type Look = (watched: Watched, signal: AbortSignal) => Promise<void>

/** After so long a look that failed, or found nothing new, is begun again, milliseconds. */
export const LOOK_MS = 1000

export class Watch implements Watched {
  position: string | undefined
  latest: Told | undefined
  runs: Watched['runs']
  readonly #listeners = new Set<(told: Told) => void>()
  readonly #first = createDeferred<void>()
  readonly #end = new AbortController()
  #readers = 0
  #isUnreadable = false

  /** @param ended called with the last reader */
  constructor(look: Look, ended: () => void) {
    this.#first.promise.catch(() => {})
    this.#ended = ended
    void this.#run(look)
  }
  readonly #ended: () => void

  /** Resolves when the first look has succeeded. @throws the error of that look */
  get isReady(): Promise<void> {
    return this.#first.promise
  }

  ready(): void {
    this.#first.resolve()
    if (this.#isUnreadable) this.tell({ type: 'mended' })
    this.#isUnreadable = false
  }

  tell(told: Told): void {
    for (const listener of this.#listeners) listener(told)
  }

  /** Counts a reader. @returns a function that ends it, once */
  join(): () => void {
    this.#readers += 1
    let left = false
    return () => {
      if (left) return
      left = true
      this.#readers -= 1
      if (this.#readers > 0) return
      this.#end.abort()
      this.#ended()
    }
  }

  /** @returns a function that ends it */
  listen(listener: (told: Told) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  async #run(look: Look): Promise<void> {
    const { signal } = this.#end
    while (!signal.aborted) {
      try {
        await look(this, signal)
      } catch (error) {
        this.#isUnreadable ||= LogError.is(error) || faultOf(error).code === 'damaged'
        if (this.#isUnreadable) this.#first.resolve()
        else this.#first.reject(error)
      }
      await pause(LOOK_MS, signal)
    }
    this.#first.reject(signal.reason)
  }
}
