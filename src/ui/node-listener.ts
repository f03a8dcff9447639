import type { IncomingMessage, ServerResponse } from 'node:http'

// Owns: a handler of requests as a listener of `node:http`, and of the frameworks above it.
// N1  A client that disconnects aborts its request, and what is answered is read no further.
// N2  An answer is read as fast as the client takes it.

/** A request of `node:http`, and what frameworks add to it. */
export type NodeRequest = IncomingMessage & {
  /** The path before a framework has cut its mount off: Express. */
  readonly originalUrl?: string
  /** The body, if a parser has read it already. */
  readonly body?: unknown
}

/**
 * Takes a request and its response, as `createServer` and Express call it. Never rejects. A request for an address outside
 * the mount of the handler goes to `next`, if that is given.
 */
export type NodeListener = (request: NodeRequest, response: ServerResponse, next?: () => void) => Promise<void>

/** A handler: `createUiHandler` makes one. */
export interface NodeHandler {
  (request: Request): Promise<Response>
  readonly basePath?: string
}

/**
 * Makes a listener of a handler: for `createServer` of `node:http`, for Express, Koa, Connect. Hono, Bun, Deno and Workers
 * take the handler itself; Fastify takes {@link fastifyUi}.
 *
 * @example
 * ```ts no-run
 * createServer(nodeListener(createUiHandler({ projects: projectsIn('.teasel') }))).listen(7242, '127.0.0.1')
 * ```
 */
export function nodeListener(handler: NodeHandler): NodeListener {
  const { basePath = '' } = handler
  return async (request, response, next) => {
    const [path = ''] = pathOf(request).split(/[?#]/)
    if (next !== undefined && path !== basePath && !path.startsWith(`${basePath}/`)) return next()
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    try {
      await send(await handler(requestOf(request, gone.signal)), response, gone.signal)
    } catch {
      if (response.headersSent) response.destroy()
      else response.writeHead(400).end()
    }
  }
}

const pathOf = ({ originalUrl, url = '/' }: NodeRequest): string => originalUrl ?? url

/** @throws {TypeError} for a request that has no valid address */
function requestOf(request: NodeRequest, signal: AbortSignal): Request {
  const { method = 'GET', socket } = request
  const headers = new Headers()
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    const [name = '', value = ''] = request.rawHeaders.slice(i, i + 2)
    if (!name.startsWith(':')) headers.append(name, value)
  }
  const scheme = 'encrypted' in socket && socket.encrypted === true ? 'https' : 'http'
  const path = pathOf(request)
  const url = new URL(`${scheme}://${hostOf(request.headers.host)}${path.startsWith('/') ? path : '/'}`)
  if (method === 'GET' || method === 'HEAD') return new Request(url, { method, headers, signal })
  return new Request(url, { method, headers, signal, body: bodyOf(request), duplex: 'half' })
}

/** A name that is no valid one reaches the handler by its header, which refuses it. */
const hostOf = (host = 'localhost'): string => (URL.canParse(`http://${host}/`) ? host : 'invalid')

/** What a parser has made of a body is written again; a stream that nobody has read is passed on. */
function bodyOf(request: NodeRequest): ReadableStream<Uint8Array> | string | Uint8Array<ArrayBuffer> {
  const { body } = request
  if (body === undefined || (!request.readableEnded && !request.readableDidRead)) return streamOf(request)
  if (typeof body === 'string') return body
  return body instanceof Uint8Array ? new Uint8Array(body) : JSON.stringify(body)
}

function streamOf(request: NodeRequest): ReadableStream<Uint8Array> {
  const source = request[Symbol.asyncIterator]()
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = (await source.next()) as IteratorResult<Uint8Array>
      if (done === true) controller.close()
      else controller.enqueue(new Uint8Array(value))
    },
    async cancel() {
      await source.return?.()
    },
  })
}

async function send(answer: Response, response: ServerResponse, gone: AbortSignal): Promise<void> {
  response.statusCode = answer.status
  for (const [name, value] of answer.headers) if (name !== 'set-cookie') response.setHeader(name, value)
  const cookies = answer.headers.getSetCookie()
  if (cookies.length > 0) response.setHeader('set-cookie', cookies)
  const reader = answer.body?.getReader()
  if (reader === undefined) return void response.end()
  const leave = (): void => void reader.cancel().catch(() => {})
  gone.addEventListener('abort', leave, { once: true })
  if (gone.aborted) return leave()
  response.flushHeaders()
  for (;;) {
    const { done, value } = await reader.read()
    if (gone.aborted) return
    if (done) return void response.end()
    if (!response.write(value)) await drained(response, gone)
  }
}

function drained(response: ServerResponse, gone: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (gone.aborted) return resolve()
    const done = (): void => {
      response.off('drain', done)
      gone.removeEventListener('abort', done)
      resolve()
    }
    response.once('drain', done)
    gone.addEventListener('abort', done, { once: true })
  })
}
