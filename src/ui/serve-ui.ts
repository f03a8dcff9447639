import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describeValue } from '../internal/guards.js'
import { nodeListener } from './node-listener.js'
import { createUiHandler, type UiHandler, type UiHandlerOptions } from './ui-handler.js'

// Owns: a server of its own for a handler.
// S1  Another machine reaches the server only with a token.
// S2  Its close ends every connection.

/** Options of {@link serveUi}. */
export interface ServeUiOptions extends UiHandlerOptions {
  /** Default 7242. If it is taken, the next one that is free; 0: any. */
  readonly port?: number | undefined
  /** The address that is listened at. Default `127.0.0.1`; any that is not of the loopback needs a `token`. */
  readonly host?: string | undefined
}

/** A server that listens. */
export interface UiServerHandle extends AsyncDisposable {
  readonly handler: UiHandler
  readonly port: number
  /** Where it is: `http://127.0.0.1:7242`. A client takes it as its `baseUrl`. */
  readonly url: string
  /** The address that a person opens. With a token it has a ticket, which is taken once. */
  openUrl(path?: string): string
  /** Ends every connection. A second call is the same one. */
  close(): Promise<void>
}

const PORT = 7242
/** Ports that are tried. */
const TRIES = 100

/**
 * Serves the page and its API at a port of this machine.
 * @returns once it listens
 * @throws {TypeError} for invalid options, and for an address that others reach without a `token`
 * @throws {Error} of the system when it cannot listen
 *
 * @example
 * ```ts no-run
 * await using server = await serveUi({ projects: projectsIn('.teasel'), actions: true })
 * console.log(server.openUrl())
 * ```
 */
export async function serveUi(options: ServeUiOptions): Promise<UiServerHandle> {
  const { port = PORT, host = '127.0.0.1', ...rest } = options
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new TypeError(`port is ${describeValue(port)}; it takes a whole number up to 65535.`)
  const isLocal = /^(localhost|127(\.\d{1,3}){3}|::1)$/.test(host)
  if (!isLocal && rest.token === undefined)
    throw new TypeError(`At "${host}" other machines reach the server. Give it a token, or leave host out.`) // S1
  const handler = createUiHandler(rest)
  const { createServer } = await import('node:http')
  const listener = nodeListener(handler)
  const server = createServer((request, response) => void listener(request, response))
  const taken = await listen(server, host, port)
  const name = host.includes(':') ? `[${host}]` : /^0\.0\.0\.0$/.test(host) ? '127.0.0.1' : host
  const url = `http://${name === '[::]' ? '[::1]' : name}:${taken}${handler.basePath}`
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => {
    closing ??= new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
    return closing
  }
  return {
    handler,
    port: taken,
    url,
    openUrl(path = '') {
      const ticket = handler.ticket()
      const at = new URL(`${url}/${path.replace(/^\//, '')}`)
      if (ticket !== undefined) at.searchParams.set('ticket', ticket)
      return at.href
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** Listens at the port, or at the next one that is free. @returns the port */
async function listen(server: Server, host: string, port: number): Promise<number> {
  for (let tries = 0; ; tries++) {
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen({ host, port: port === 0 ? 0 : port + tries }, () => {
          server.off('error', reject)
          resolve()
        })
      })
      return (server.address() as AddressInfo).port
    } catch (error) {
      const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
      if (!isTaken || tries >= TRIES || port + tries >= 65_535) throw error
    }
  }
}
