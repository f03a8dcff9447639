import { UiError } from '../client/ui-error.js'
import { hashId } from '../internal/ids.js'

// Owns: who may ask.
// G1  A page of another site reads and changes nothing here: the name of the host is checked, so that no foreign name
//     leads here (DNS rebinding), and a write comes from a page of this server or from no page.
// G2  The token is in no address for longer than one request: a ticket is taken once, and becomes a cookie.

/** What a guard needs of the options of a handler. */
export interface GuardOptions {
  readonly token?: string | undefined
  readonly allowedHosts?: readonly string[] | undefined
  /** Whether the server that the handler is mounted in decides who may ask. */
  readonly isAuthorized: boolean
}

const LOOPBACK: readonly string[] = ['localhost', '127.0.0.1', '[::1]']

export class Guard {
  readonly #options: GuardOptions
  readonly #secret: string | undefined
  /** Cookies are shared by all ports: each server of a machine has a name of its own. */
  readonly #cookie: string
  readonly #tickets = new Set<string>()

  constructor(options: GuardOptions) {
    this.#options = options
    this.#secret = options.token === undefined ? undefined : hashId(['cookie', options.token])
    this.#cookie = `teasel-${hashId(['name', options.token ?? null]).slice(0, 8)}`
  }

  /** A text that an address may carry once: `?ticket=…`. Undefined without a token. */
  ticket(): string | undefined {
    if (this.#secret === undefined) return undefined
    const ticket = crypto.randomUUID()
    this.#tickets.add(ticket)
    return ticket
  }

  /** The cookie for a ticket, which is used up. Undefined for an unknown one. */
  redeem(ticket: string, path: string, isSecure: boolean): string | undefined {
    if (!this.#tickets.delete(ticket)) return undefined
    return `${this.#cookie}=${this.#secret}; Path=${path}; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}`
  }

  /** @throws {UiError} for a name that is not of this server */
  checkHost(request: Request, url: URL): void {
    const { allowedHosts, isAuthorized } = this.#options
    if (allowedHosts === undefined && (isAuthorized || this.#secret !== undefined)) return
    const name = nameOf(request.headers.get('host') ?? url.host)
    const allowed = allowedHosts ?? LOOPBACK
    if (name !== undefined && (allowed.includes(name) || allowed.includes('*'))) return
    throw new UiError('forbidden', `The host "${name?.slice(0, 100) ?? ''}" is not one of this server.`, {
      hint: 'Name it in allowedHosts of createUiHandler, or decide by authorize who may ask.',
    })
  }

  /** @throws {UiError} without the token */
  checkToken(request: Request): void {
    const { token } = this.#options
    if (token === undefined) return
    const given = /^Bearer (.+)$/i.exec(request.headers.get('authorization') ?? '')?.[1]
    if (given !== undefined && isSame(given, token)) return
    const start = `${this.#cookie}=`
    const cookies = (request.headers.get('cookie') ?? '').split(/; */)
    if (cookies.some((one) => one.startsWith(start) && isSame(one.slice(start.length), this.#secret ?? ''))) return
    throw new UiError('unknown-token', 'This server asks for its token.', {
      hint: 'Open the address that its command has printed, or send the header authorization: Bearer <token>.',
    })
  }

  /** @throws {UiError} for a write of a page of another site */
  checkOrigin(request: Request, url: URL): void {
    const origin = request.headers.get('origin')
    const site = request.headers.get('sec-fetch-site')
    const host = request.headers.get('host') ?? url.host
    const isForeign = site !== null && site !== 'same-origin' && site !== 'none'
    if (!isForeign && (origin === null || this.#isOwn(origin, host))) return
    throw new UiError('forbidden', 'A page of another site may change nothing here.')
  }

  #isOwn(origin: string, host: string): boolean {
    if (!URL.canParse(origin)) return false
    const from = new URL(origin)
    return from.host === host || this.#options.allowedHosts?.includes(from.hostname) === true
  }
}

/** The name of a host without its port. */
const nameOf = (host: string): string | undefined =>
  /^(\[[\da-f:.]+\]|[^:/?#@\s]+)(:\d+)?$/i.exec(host)?.[1]?.toLowerCase()

/** Takes the same time wherever the texts differ. */
function isSame(given: string, expected: string): boolean {
  const [a, b] = [hashId([given]), hashId([expected])]
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i)
  return difference === 0
}
