import { type Signal, signal } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import type { UiError } from '../../client/ui-error.js'
import { isFile } from './client.js'
import { listen, liveState } from './live.js'

// Owns: answers of the server, while they are shown, and when they are read again.
// What is read again stays on the page until the new answer is there; also when the server is gone.
// One request of a kind at a time. While a run changes all the time, its answers are read as often as they take a
// third of the time.

/** An answer. */
export interface Loaded<T> {
  readonly data?: T
  readonly error?: UiError
  readonly isLoading: boolean
}

const LEAST_MS = 250
const POLL_MS = 2000

class Resource<T> {
  readonly state: Signal<Loaded<T>> = signal({ isLoading: true })
  users = 0
  readonly #load: () => Promise<T>
  #isBusy = false
  #isDirty = false
  #notBefore = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(load: () => Promise<T>) {
    this.#load = load
  }

  reload(): void {
    this.#isDirty = true
    if (this.#isBusy || this.#timer !== undefined || this.users === 0) return
    this.#timer = setTimeout(() => void this.#read(), Math.max(0, this.#notBefore - Date.now()))
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  async #read(): Promise<void> {
    this.#timer = undefined
    this.#isDirty = false
    this.#isBusy = true
    const started = Date.now()
    try {
      this.state.value = { data: await this.#load(), isLoading: false }
    } catch (error) {
      this.state.value = { ...this.state.peek(), error: error as UiError, isLoading: false }
    }
    this.#isBusy = false
    this.#notBefore = Date.now() + Math.max(LEAST_MS, 2 * (Date.now() - started))
    if (this.#isDirty) this.reload()
  }
}

const known = new Map<string, Resource<unknown>>()
/** Answers that nobody shows are kept for the way back. */
const MOST_UNUSED = 60

function resourceOf<T>(key: string, load: () => Promise<T>): Resource<T> {
  const found = known.get(key)
  if (found !== undefined) return found as Resource<T>
  for (const [old, { users }] of known) {
    if (known.size <= MOST_UNUSED) break
    if (users === 0) known.delete(old)
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
    resource.users += 1
    resource.reload()
    const leave =
      watched?.topic === undefined ? undefined : listen(watched.project, watched.topic, () => resource.reload())
    // A server without a stream is asked again and again.
    const poll = watched && setInterval(() => isPolled(watched) && resource.reload(), POLL_MS)
    return () => {
      leave?.()
      clearInterval(poll)
      resource.users -= 1
      if (resource.users === 0) resource.stop()
    }
  }, [resource, watched?.project, watched?.topic])
  return resource?.state.value ?? { isLoading: false }
}

/** Reads all that is shown again, as after an action. */
export function reloadAll(): void {
  for (const resource of known.values()) resource.reload()
}
