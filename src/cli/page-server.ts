import { createServer, type Server } from 'node:http'
import { nodeListener } from '../ui/node-listener.js'
import { createUiHandler, type UiHandlerOptions } from '../ui/ui-handler.js'
import { usageError } from './command-error.js'

// Owns: the server of the page on this machine.
// V1  It listens on the loopback, and on another address only with a token.

/** A page that is open. */
export interface PageServer extends AsyncDisposable {
  /** Its address: `http://127.0.0.1:7242`. */
  readonly url: string
  /** The address of a path, as a person opens it once. */
  link(path?: string): string
}

/** Options of a page server. */
export interface PageOptions extends Pick<UiHandlerOptions, 'projects' | 'actions'> {
  /** The first port that is tried. */
  readonly port: number
  /** Whether the next ports are tried when it is in use. */
  readonly takesNext: boolean
  readonly host: string
  readonly token: string | undefined
}

const LOOPBACK: readonly string[] = ['localhost', '127.0.0.1', '::1']
/** How many ports are tried. */
const MOST_PORTS = 20

/** @throws {CommandError} `usage` for an open address without a token, and when no port is free */
export async function servePage({ port, takesNext, host, token, ...options }: PageOptions): Promise<PageServer> {
  const isLocal = LOOPBACK.includes(host)
  if (!isLocal && token === undefined)
    throw usageError(`${host} is reached by other machines.`, 'Give --token too, or leave --host out.') // V1
  const handler = createUiHandler({
    ...options,
    ...(token !== undefined && { token }),
    ...(!isLocal && { allowedHosts: ['*'] }),
  })
  const server = createServer(nodeListener(handler))
  const bound = await listen(server, port, takesNext ? MOST_PORTS : 1, host)
  const name = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  const url = `http://${name.includes(':') ? `[${name}]` : name}:${bound}`
  return {
    url,
    link(path = '/') {
      const ticket = handler.ticket()
      return `${url}${path}${ticket === undefined ? '' : `${path.includes('?') ? '&' : '?'}ticket=${ticket}`}`
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}

async function listen(server: Server, port: number, times: number, host: string): Promise<number> {
  for (let at = port; ; at++) {
    const error = await attempt(server, at, host)
    const bound = server.address()
    if (error === undefined && typeof bound === 'object' && bound !== null) return bound.port
    const isInUse = error?.code === 'EADDRINUSE'
    if (isInUse && at + 1 < port + times) continue
    if (isInUse) throw usageError(`Port ${at} is in use.`, 'Give another one: --port.')
    throw error ?? new TypeError('The server has no address.')
  }
}

const attempt = (server: Server, port: number, host: string): Promise<NodeJS.ErrnoException | undefined> =>
  new Promise((resolve) => {
    const fail = (error: NodeJS.ErrnoException): void => {
      server.off('listening', done)
      resolve(error)
    }
    const done = (): void => {
      server.off('error', fail)
      resolve(undefined)
    }
    server.once('error', fail).once('listening', done).listen(port, host)
  })
