import { type Signal, signal } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import { Repeated } from '../../client/repeated.js'
import type { UiError } from '../../client/ui-error.js'
import { isFile } from './client.js'
import { listen, liveState } from './live.js'

// Owns: answers of the server, while they are shown, and when they are read again.
// What is read again stays on the page until the new answer is there; also when the server is gone.

/** An answer. */
export interface Loaded<T> {
  readonly data?: T
  readonly error?: UiError
  readonly isLoading: boolean
}

const POLL_MS = 2000

class Resource<T> {
  readonly state: Signal<Loaded<T>> = signal({ isLoading: true })
  readonly #load: () => Promise<T>
  #users = 0
  #shown = new AbortController()
  #reading: Repeated | undefined

  constructor(load: () => Promise<T>) {
    this.#load = load
  }

  get isShown(): boolean {
    return this.#users > 0
  }

  /** Reads it while it is shown, until the returned function is called. */
  show(): () => void {
    if (this.#users++ === 0) {
      this.#shown = new AbortController()
      this.#reading = new Repeated(() => this.#read(), this.#shown.signal)
    }
    this.reload()
    return () => {
      if (--this.#users === 0) this.#shown.abort()
    }
  }

  reload(): void {
    this.#reading?.again()
  }

  async #read(): Promise<void> {
    try {
      this.state.value = { data: await this.#load(), isLoading: false }
    } catch (error) {
      this.state.value = { ...this.state.peek(), error: error as UiError, isLoading: false }
    }
  }
}

const known = new Map<string, Resource<unknown>>()
/** Answers that nobody shows are kept for the way back. */
const MOST_UNUSED = 60

function resourceOf<T>(key: string, load: () => Promise<T>): Resource<T> {
  const found = known.get(key)
  if (found !== undefined) return found as Resource<T>
  for (const [old, { isShown }] of known) {
    if (known.size <= MOST_UNUSED) break
    if (!isShown) known.delete(old)
  }
  const made = new Resource(load)
  known.set(key, made as Resource<unknown>)
  return made
}

/** Where an answer is read again. */
export interface Watched {
  readonly project: string
  /** Undefined: it is read at intervals. */
  readonly topic?: string
}

const isPolled = ({ project, topic }: Watched): boolean =>
  !document.hidden && !isFile(project) && (topic === undefined || liveState.peek().state === 'off')

/**
 * Reads an answer while a component is shown, and again when its topic changes.
 * @param key equal for equal requests; undefined reads nothing
 */
export function useLoaded<T>(key: string | undefined, load: () => Promise<T>, watched?: Watched): Loaded<T> {
  const resource = useMemo(() => (key === undefined ? undefined : resourceOf(key, load)), [key])
  useEffect(() => {
    if (resource === undefined) return undefined
    const hide = resource.show()
    const leave =
      watched?.topic === undefined ? undefined : listen(watched.project, watched.topic, () => resource.reload())
    // A server without a stream is asked again and again.
    const poll = watched && setInterval(() => isPolled(watched) && resource.reload(), POLL_MS)
    return () => {
      leave?.()
      clearInterval(poll)
      hide()
    }
  }, [resource, watched?.project, watched?.topic])
  return resource?.state.value ?? { isLoading: false }
}

/** Reads all that is shown again, as after an action. */
export function reloadAll(): void {
  for (const resource of known.values()) resource.reload()
}
