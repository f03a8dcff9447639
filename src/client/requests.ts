import type { RunTarget } from '../read/reader.js'
import { type SearchMembers, searchOf } from './search.js'
import { readUiError, UiError } from './ui-error.js'

// Owns: the requests of a client, and that every failure of one is a `UiError`.

/** Options of {@link createRunClient}. */
export interface RunClientOptions {
  /** Where the handler is mounted: `http://127.0.0.1:7242`, `https://app.example/ui`. */
  readonly baseUrl: string
  /** The project that is read. Default: the only one, or `default`. */
  readonly project?: string | undefined
  /** Default: the global one. */
  readonly fetch?: typeof fetch | undefined
  /** The token of the server, if it asks for one. A page has a cookie instead. */
  readonly token?: string | undefined
  /** Ends every request and stream of the client. */
  readonly signal?: AbortSignal | undefined
}

/** The requests of one client. */
export class Requests {
  readonly baseUrl: string
  readonly signal: AbortSignal | undefined
  readonly #options: RunClientOptions

  constructor(options: RunClientOptions) {
    this.#options = options
    this.signal = options.signal
    this.baseUrl = options.baseUrl.replace(/\/+$/, '')
  }

  /** The same requests, which also end with a signal. */
  within(signal: AbortSignal): Requests {
    return new Requests({ ...this.#options, signal: bothOf(signal, this.signal) })
  }

  /** @throws {UiError} when the server does not answer, or refuses */
  async send(
    method: string,
    path: string,
    members: SearchMembers = {},
    { labels, body, signal }: { labels?: Readonly<Record<string, string>>; body?: object; signal?: AbortSignal } = {},
  ): Promise<Response> {
    const { project, token, fetch: given = fetch, signal: own } = this.#options
    const linked = bothOf(signal, own)
    const headers: Record<string, string> = {}
    if (token !== undefined) headers['authorization'] = `Bearer ${token}`
    if (body !== undefined) headers['content-type'] = 'application/json'
    const url = `${this.baseUrl}/api/v1/${path}${searchOf({ project, ...members }, labels)}`
    const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) }
    const response = await given(url, { ...init, ...(linked !== undefined && { signal: linked }) }).catch(
      (cause: unknown) => {
        linked?.throwIfAborted()
        throw new UiError('unavailable', `${this.baseUrl} does not answer.`, {}, { cause })
      },
    )
    if (response.ok) return response
    const text = await response.text().catch(() => '')
    throw readUiError(parsed(text)) ?? this.#foreign(response.status)
  }

  #foreign(status: number): UiError {
    const code = status < 500 ? 'no-page' : 'unavailable'
    return new UiError(code, `${this.baseUrl} answers with the status ${status}. It may be another server.`)
  }

  async get<T>(path: string, members?: SearchMembers, labels?: Readonly<Record<string, string>>): Promise<T> {
    return this.json(await this.send('GET', path, members, labels && { labels }))
  }

  /** Undefined when there is no such thing. */
  async find<T>(path: string, members?: SearchMembers): Promise<T | undefined> {
    try {
      return await this.get<T>(path, members)
    } catch (error) {
      if (UiError.is(error) && error.status === 404 && error.code !== 'no-project' && error.code !== 'no-page')
        return undefined
      throw error
    }
  }

  async act<T>(method: string, path: string, { partitionKey }: RunTarget, body: object): Promise<T> {
    return this.json(await this.send(method, path, { partition: partitionKey }, { body }))
  }

  async json<T>(response: Response): Promise<T> {
    const value = parsed(await response.text())
    if (value === undefined) throw this.#foreign(response.status)
    return value as T
  }
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

/** Aborts with either of two signals. The listener ends with the first, which is of one request. */
function bothOf(one: AbortSignal | undefined, other: AbortSignal | undefined): AbortSignal | undefined {
  if (one === undefined || other === undefined) return one ?? other
  const both = new AbortController()
  const abort = (): void => both.abort(one.aborted ? one.reason : other.reason)
  if (one.aborted || other.aborted) abort()
  one.addEventListener('abort', abort, { once: true })
  other.addEventListener('abort', abort, { once: true, signal: one })
  return both.signal
}
