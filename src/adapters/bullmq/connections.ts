import type { Redis } from 'ioredis'
import { createDeferred } from '../../internal/deferred.js'
import { messageOf } from '../../internal/guards.js'
import { loadPeers, type Peers, type RedisConnection } from './peers.js'

// Owns: all connections of one driver, the bound on waiting for them, and the messages of what fails.
// Does not own: what is sent through them.
// C1  A call ends within `timeoutMs`, also while the server is away. What it has sent may have been done.
// C2  A connection that does not answer is opened again: its server may have gone without a word.
// C3  Nothing is sent twice by itself: what was under way when a connection was lost, fails.

export interface ConnectionSettings {
  /** Its name in messages: `bullmq "support"`. */
  readonly name: string
  readonly connection: RedisConnection
  readonly timeoutMs: number
}

type ConnectionOptions = Exclude<RedisConnection, string | Redis>

const RETRY_MS = 1_000
const retryStrategy = (times: number): number => Math.min(50 * 2 ** times, RETRY_MS)

/** Options of connections whose calls fail while there is no server (C3). */
const FAILS: ConnectionOptions = {
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  maxRetriesPerRequest: null,
  retryStrategy,
}
/** Options of the connection of workers, which wait for the server. */
const WAITS: ConnectionOptions = { maxRetriesPerRequest: null, retryStrategy }

export class Connections {
  readonly #settings: ConnectionSettings
  /** Open connections, each with the one that it was copied from, or itself. */
  readonly #open = new Map<Redis, Redis>()
  /** Connections that are awaited. */
  readonly #becoming = new WeakMap<Redis, Promise<void>>()
  /** Calls that wait for the server. */
  readonly #waiting = new Set<(reason: Error) => void>()
  #failure: unknown
  #closed = false

  constructor(settings: ConnectionSettings) {
    this.#settings = settings
  }

  /** Loads the packages. @throws {TypeError} when one is missing, or after the driver was closed */
  async peers(): Promise<Peers> {
    const peers = await loadPeers()
    if (this.#closed) throw new TypeError(`${this.#settings.name} was closed.`)
    return peers
  }

  /** Opens a connection. @param waits for those of workers: their commands wait for the server */
  open({ Redis }: Peers, waits = false): Redis {
    const { connection } = this.#settings
    const options = waits ? WAITS : FAILS
    if (typeof connection === 'string') return this.#keep(new Redis(connection, options))
    if (isClient(connection)) return this.#keep(connection.duplicate(options))
    return this.#keep(new Redis({ ...connection, ...options }))
  }

  /** Keeps a connection, and the copies that BullMQ makes of it, until it ends. */
  #keep(redis: Redis, origin = redis): Redis {
    this.#open.set(redis, origin)
    redis.on('error', (error) => this.failed(error))
    redis.on('end', () => void this.#open.delete(redis))
    const { duplicate } = redis
    redis.duplicate = (options) => this.#keep(duplicate.call(redis, options), origin)
    return redis
  }

  /** Ends a connection and its copies. Resolves when their sockets are closed. */
  async end(origin: Redis): Promise<void> {
    await Promise.all([...this.#open].flatMap(([redis, of]) => (of === origin ? end(redis) : [])))
  }

  /** Keeps an error for the message of the next call that fails. */
  failed(error: unknown): void {
    this.#failure = error
  }

  /** Resolves when a connection is ready, within the bound (C1). */
  async ready(redis: Redis): Promise<void> {
    if (isUp(redis)) return
    await this.within('connect', () => this.#nextReady(redis))
  }

  /** One listener for all calls that wait: BullMQ bounds the listeners of a connection. */
  #nextReady(redis: Redis): Promise<void> {
    const known = this.#becoming.get(redis)
    if (known !== undefined) return known
    const { promise, resolve } = createDeferred<void>()
    this.#becoming.set(redis, promise)
    redis.once('ready', () => {
      this.#becoming.delete(redis)
      resolve()
    })
    return promise
  }

  /**
   * Sends something, when its connection is ready.
   * @param action in messages: `add jobs`
   * @throws {TypeError} what happened, and to which queue
   */
  async send<T>(action: string, redis: Redis, work: () => Promise<T>): Promise<T> {
    if (!isUp(redis)) await this.ready(redis)
    return this.within(action, work, redis)
  }

  /** Waits for something within the bound (C1). */
  async within<T>(action: string, work: () => Promise<T>, redis?: Redis): Promise<T> {
    const { name, timeoutMs } = this.#settings
    if (this.#closed) throw new TypeError(`${name} was closed.`)
    const { promise: failing, reject } = createDeferred<never>()
    this.#waiting.add(reject)
    // The answer may be there already, where the event loop was kept for long: it is read before the immediate.
    const timer = setTimeout(() => setImmediate(late), timeoutMs)
    const late = (): void => {
      if (!this.#waiting.has(reject)) return
      if (redis !== undefined && isUp(redis)) redis.stream.destroy() // C2
      const why = this.#failure === undefined ? '' : ` The last error of the connection: ${messageOf(this.#failure)}`
      reject(new TypeError(`the server has not answered for ${timeoutMs} ms.${why}`))
    }
    try {
      return await Promise.race([work(), failing])
    } catch (cause) {
      throw new TypeError(`${name} could not ${action}: ${messageOf(cause)}`, { cause })
    } finally {
      this.#waiting.delete(reject)
      clearTimeout(timer)
    }
  }

  /** Ends all connections. Resolves when their sockets are closed. */
  async close(): Promise<void> {
    this.#closed = true
    for (const reject of this.#waiting) reject(new TypeError('it was closed.'))
    await Promise.all([...this.#open.keys()].map(end))
  }
}

/** A connection that was just lost is still called ready. */
const isUp = ({ status, stream }: Redis): boolean => status === 'ready' && stream.writable

const isClient = (connection: ConnectionOptions | Redis): connection is Redis =>
  typeof (connection as { readonly duplicate?: unknown }).duplicate === 'function'

function end(redis: Redis): Promise<void> {
  const { status } = redis
  // One that waits to be opened again has no socket, and tells nothing when it ends.
  if (status === 'end' || status === 'reconnecting') return Promise.resolve(redis.disconnect())
  return new Promise((resolve) => {
    redis.once('end', resolve)
    redis.disconnect()
  })
}
