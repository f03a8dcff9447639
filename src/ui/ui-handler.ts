import type { ActionName } from '../client/api.js'
import { UiError } from '../client/ui-error.js'
import { describeValue, isObject, tryGet } from '../internal/guards.js'
import { suggest } from '../internal/nearest.js'
import { assertFunction, checkOptions } from '../internal/options.js'
import { consoleLogger, type Logger, safeLogger } from '../lifecycle/logger.js'
import { failed, faultOf, json } from './answers.js'
import { Guard } from './guard.js'
import { servePage } from './page-routes.js'
import { type OpenProject, type Project, type ProjectSource, Projects } from './project.js'
import { listProjects, readProject } from './read-routes.js'
import { isText, SearchQuery } from './search-query.js'
import { streamAnswer } from './stream-answer.js'
import { StreamHub, topicsIn } from './stream-hub.js'
import { writeProject } from './write-routes.js'

// Owns: which part answers a request, and that every fault becomes an answer.
// H1  A request never rejects, and an answer of the API is JSON.

/** Options of {@link createUiHandler}. */
export interface UiHandlerOptions {
  /** The projects by name, or a source of them: `projectsIn` makes one of a folder. */
  readonly projects: Readonly<Record<string, Project>> | ProjectSource
  /** Where the handler is mounted: `/ui`. Default: at the root. */
  readonly basePath?: string | undefined
  /** Whether runs can be cancelled, answered, forked, resumed, rewound and removed. Default false: it only reads. */
  readonly actions?: boolean | undefined
  /**
   * Decides whether a request is answered: false refuses it. `action` is absent for reading. A page that shows runs calls it
   * often. Default: everybody who reaches the server may ask.
   */
  readonly authorize?: ((request: Request, action?: ActionName) => boolean | PromiseLike<boolean>) | undefined
  /** Asks every request for this secret, as `authorization: Bearer <token>` or as the cookie of a page. Default: none. */
  readonly token?: string | undefined
  /**
   * The names of this server, without ports; `'*'`: any. Default: those of the loopback, unless `authorize` or `token` is
   * given. A request for another name is refused, so that no foreign page reads what only this machine may.
   */
  readonly allowedHosts?: readonly string[] | undefined
  /** Gets faults of the server. Default: of warnings and errors, the console. */
  readonly logger?: Logger | undefined
}

/** Answers requests: of a page, of a client, of a command. */
export interface UiHandler {
  (request: Request): Promise<Response>
  /** Where it is mounted: `/ui`; empty at the root. */
  readonly basePath: string
  /** A text for the address that a person opens, `?ticket=…`, valid once. Undefined without a token. */
  ticket(): string | undefined
  /** Number of topics that streams read now. */
  readonly watched: number
}

const API = 'api/v1'

/**
 * Makes the handler of the page and of its API: a function from a request to its response, for any server.
 *
 * It never rejects, holds nothing open between two requests, and reads only what its projects give. Without `actions` it
 * changes nothing.
 * @throws {TypeError} for invalid options
 *
 * @example
 * ```ts
 * const handler = createUiHandler({ projects: { orders: { persister: memoryPersister() } } })
 * const response = await handler(new Request('http://localhost/api/v1/runs'))
 * await response.json() // { items: [] }
 * ```
 * @see Burr burr/tracking/server/run.py
 */
export function createUiHandler(options: UiHandlerOptions): UiHandler {
  checkHandlerOptions(options)
  const server = new UiServer(options)
  const handler = Object.assign((request: Request) => server.answer(request), {
    basePath: server.base.slice(0, -1),
    ticket: () => server.guard.ticket(),
    watched: 0,
  })
  return Object.defineProperty(handler, 'watched', { get: () => server.hub.size })
}

function checkHandlerOptions(options: UiHandlerOptions): void {
  checkOptions('createUiHandler', options, 'projects basePath actions authorize token allowedHosts logger')
  const { projects, basePath = '', authorize, token, actions = false } = options
  if (!isObject(projects))
    throw new TypeError(
      `projects is ${describeValue(projects)}; it takes projects by name: { orders: { persister } }, or projectsIn(dir).`,
    )
  if (typeof basePath !== 'string' || !/^(\/[^/?#]+)*\/?$/.test(basePath))
    throw new TypeError(`basePath is ${describeValue(basePath)}; it takes a path such as "/ui".`)
  if (typeof actions !== 'boolean') throw new TypeError(`actions is ${describeValue(actions)}; it takes true or false.`)
  if (authorize !== undefined) assertFunction('createUiHandler', 'authorize: (request, action) => boolean', authorize)
  if (token !== undefined && (typeof token !== 'string' || token === ''))
    throw new TypeError(`token is ${describeValue(token)}; it takes a text.`)
}

class UiServer {
  readonly guard: Guard
  readonly hub = new StreamHub()
  readonly #options: UiHandlerOptions
  readonly #projects: Projects
  readonly #logger
  /** The place of the handler, with a slash at its end. */
  readonly base: string

  constructor(options: UiHandlerOptions) {
    this.#options = options
    this.#projects = new Projects(options.projects)
    this.#logger = safeLogger(options.logger ?? consoleLogger)
    this.base = `${(options.basePath ?? '').replace(/\/$/, '')}/`
    const { token, allowedHosts, authorize } = options
    this.guard = new Guard({ token, allowedHosts, isAuthorized: authorize !== undefined })
  }

  async answer(request: Request): Promise<Response> {
    try {
      const response = await this.#route(request)
      if (request.method !== 'HEAD') return response
      await response.body?.cancel()
      return new Response(null, response)
    } catch (error) {
      if (request.signal.aborted) return new Response(null, { status: 499 }) // nobody reads it
      const fault = faultOf(error)
      if (fault.status >= 500) this.#logger.error('A request of the page failed.', error)
      return failed(fault)
    }
  }

  async #route(request: Request): Promise<Response> {
    const url = new URL(request.url)
    this.guard.checkHost(request, url)
    const path = this.#below(url.pathname)
    if (path === undefined) throw new UiError('no-page', `The page is at ${this.base}.`)
    const isApi = path === API || path.startsWith(`${API}/`)
    if (!isApi) return this.#page(request, url, path)
    this.guard.checkToken(request)
    const parts = path
      .slice(API.length + 1)
      .split('/')
      .map(decoded)
    if (request.method !== 'GET' && request.method !== 'HEAD') return this.#write(request, url, parts)
    await this.#authorize(request)
    return this.#read(request, url.searchParams, parts)
  }

  /** The path below the place of the handler; undefined for one beside it. */
  #below(pathname: string): string | undefined {
    if (pathname.startsWith(this.base)) return pathname.slice(this.base.length)
    return `${pathname}/` === this.base ? '' : undefined
  }

  async #page(request: Request, url: URL, path: string): Promise<Response> {
    if (request.method !== 'GET' && request.method !== 'HEAD')
      throw new UiError('method', `A page is read by GET, not by ${request.method}.`)
    const ticket = url.searchParams.get('ticket')
    const cookie = ticket === null ? undefined : this.guard.redeem(ticket, this.base, url.protocol === 'https:')
    if (cookie !== undefined) {
      url.searchParams.delete('ticket')
      const headers = { location: `${url.pathname}${url.search}`, 'set-cookie': cookie, 'cache-control': 'no-store' }
      return new Response(null, { status: 303, headers })
    }
    this.guard.checkToken(request)
    await this.#authorize(request)
    return servePage(request, path, this.base)
  }

  async #authorize(request: Request, action?: ActionName): Promise<void> {
    const { authorize } = this.#options
    if (authorize === undefined || (await authorize(request, action)) === true) return
    throw new UiError('forbidden', action === undefined ? 'You may not read this.' : `You may not ${action} a run.`)
  }

  async #read(request: Request, params: URLSearchParams, parts: readonly string[]): Promise<Response> {
    if (parts.length === 1 && parts[0] === 'projects')
      return json({ items: await listProjects(this.#projects, this.#options.actions === true) })
    const project = await this.#project(params)
    if (parts.length === 1 && parts[0] === 'stream') return this.#stream(request, project, params)
    const answer = readProject({ project, params }, parts)
    if (answer === undefined) throw this.#noAddress(parts)
    return answer
  }

  async #stream(request: Request, project: OpenProject, params: URLSearchParams): Promise<Response> {
    const query = new SearchQuery(params, 'topics after')
    const topics = topicsIn(query.text('topics') ?? '')
    const after = request.headers.get('last-event-id') ?? query.text('after')
    query.done()
    const { joined, leave } = await this.hub.join(project, topics, request.signal)
    return streamAnswer(joined, leave, { after, request })
  }

  async #write(request: Request, url: URL, parts: readonly string[]): Promise<Response> {
    this.guard.checkOrigin(request, url)
    if (request.method !== 'POST' && request.method !== 'DELETE')
      throw new UiError('method', `${request.method.slice(0, 20)} does nothing here.`)
    if (this.#options.actions !== true)
      throw new UiError('read-only', 'This server only reads.', {
        hint: 'Give createUiHandler, or serveUi, actions: true.',
      })
    const project = await this.#project(url.searchParams)
    const allow = (action: ActionName): Promise<void> => this.#authorize(request, action)
    const answer = writeProject({ project, request, params: url.searchParams, allow }, parts)
    if (answer === undefined) throw this.#noAddress(parts)
    return answer
  }

  #noAddress(parts: readonly string[]): UiError {
    return new UiError('no-page', `There is no address ${API}/${parts.join('/').slice(0, 100)}.`)
  }

  /** The project of a request. Without a name: the only one, or `default`. */
  async #project(params: URLSearchParams): Promise<OpenProject> {
    const asked = params.get('project')
    const names = asked === null ? await this.#projects.names() : []
    const name = asked ?? (names.length === 1 ? names[0] : names.find((one) => one === 'default'))
    const found = name === undefined ? undefined : await this.#projects.get(name)
    if (found !== undefined) return found
    const known = await this.#projects.names()
    if (name === undefined && known.length > 0)
      throw new UiError('bad-query', `Name a project: ?project=${encodeURIComponent(known[0] ?? '')}.`)
    throw new UiError(
      'no-project',
      `There is no project "${name ?? 'default'}". ${suggest(name ?? '', known, 'projects')}`,
    )
  }
}

/** A name in an address. @throws {UiError} for one that is none */
function decoded(part: string): string {
  const name = tryGet(() => decodeURIComponent(part))
  if (name === undefined || name === '' || name === '.' || name === '..' || !isText(name) || name.length > 1024)
    throw new UiError('bad-query', 'The address has a part that is no name.')
  return name
}
