import type { StreamFrame } from '../../client/api.js'
import { createRunClient } from '../../client/run-client.js'

// Owns: one stream for each project that is looked at, for all pages of a browser.
// H1  However many pages listen, a project has one connection. It is opened again with other topics where the last one
//     ended, so nothing is left out.
// H2  A project that no page listens to has no connection.
// H3  A page hears `hello` for a topic when nothing more of it is left out, also where another page listened before.

/** What a page hears: a frame of a project, or the state of its connection. */
export type HubMessage =
  | { readonly project: string; readonly frame: StreamFrame }
  | { readonly project: string; readonly state: LiveState; readonly retryMs?: number }

/** The state of a connection. */
export type LiveState = 'live' | 'reconnecting' | 'off'

/** What a page listens to in one project; an empty list for nothing. */
export interface HubRequest {
  readonly project: string
  readonly topics: readonly string[]
}

type Listener = (message: HubMessage) => void

interface Line {
  readonly wanted: Map<Listener, readonly string[]>
  topics: readonly string[]
  after: string | undefined
  state: LiveState
  stream: AbortController | undefined
  timer: ReturnType<typeof setTimeout> | undefined
}

/** Changes of topics within this time are one. */
const SETTLE_MS = 60

/** Connections, shared by listeners. */
export class LiveHub {
  readonly #lines = new Map<string, Line>()
  readonly #baseUrl: string

  constructor(baseUrl: string) {
    this.#baseUrl = baseUrl
  }

  /** Replaces what a listener hears of a project. */
  listen(listener: Listener, { project, topics }: HubRequest): void {
    const fresh: Line = {
      ...{ wanted: new Map(), topics: [], after: undefined, state: 'off', stream: undefined, timer: undefined },
    }
    const line = this.#lines.get(project) ?? fresh
    this.#lines.set(project, line)
    if (topics.length === 0) line.wanted.delete(listener)
    else line.wanted.set(listener, topics)
    if (topics.length > 0) listener({ project, state: line.state })
    const heard = line.state === 'live' ? topics.filter((topic) => line.topics.includes(topic)) : []
    if (heard.length > 0) listener({ project, frame: { type: 'hello', topics: heard } }) // H3
    clearTimeout(line.timer)
    line.timer = setTimeout(() => this.#open(project, line), SETTLE_MS)
  }

  /** Forgets a listener. */
  leave(listener: Listener): void {
    for (const [project, { wanted }] of this.#lines)
      if (wanted.has(listener)) this.listen(listener, { project, topics: [] })
  }

  #open(project: string, line: Line): void {
    const topics = [...new Set([...line.wanted.values()].flat())].sort()
    if (topics.join() === line.topics.join() && line.stream !== undefined) return
    line.stream?.abort()
    line.topics = topics
    line.stream = undefined
    if (topics.length === 0) {
      this.#lines.delete(project)
      return
    }
    const stream = new AbortController()
    line.stream = stream
    void this.#follow(project, line, topics, stream.signal)
  }

  async #follow(project: string, line: Line, topics: readonly string[], signal: AbortSignal): Promise<void> {
    const tell = (message: HubMessage): void => {
      for (const listener of line.wanted.keys()) listener(message)
    }
    const turn = (state: LiveState, retryMs?: number): void => {
      line.state = state
      tell({ project, state, ...(retryMs !== undefined && { retryMs }) })
    }
    try {
      const client = createRunClient({ baseUrl: this.#baseUrl, project })
      for await (const { id, ...frame } of client.stream(topics, { after: line.after, signal })) {
        if (signal.aborted) return
        if (id !== undefined) line.after = id
        if (frame.type === 'down') turn('reconnecting', frame.retryMs)
        else {
          if (line.state !== 'live') turn('live')
          tell({ project, frame: frame as StreamFrame })
        }
      }
    } catch {
      // The server has no stream, or refuses it: the page reads at intervals.
    }
    if (!signal.aborted) turn('off')
  }
}
