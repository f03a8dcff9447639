import { Cluster, type RedisOptions as Connection, Redis } from 'ioredis'
import { describeValue } from '../../internal/guards.js'
import { checkOptions } from '../../internal/options.js'
import { consoleLogger, type Logger, safeLogger } from '../../lifecycle/logger.js'
import { createPersister, type Persister } from '../../persistence/persister.js'
import type { StoreVersion } from '../../persistence/store-version.js'
import { assertText } from '../../persistence/text.js'
import type { RedisLink } from './link.js'
import { RedisDriver } from './redis-driver.js'
import { VERSION } from './session.js'

// Owns: the options of the persister, the settings of its connections, and the warning about a server that drops keys.

/** Options of {@link redisPersister}. */
export interface RedisOptions {
  /**
   * `redis://user:password@host:6379/0`, `rediss://…` with TLS, or the options of ioredis. Default
   * `redis://127.0.0.1:6379`.
   */
  readonly connection?: string | Connection
  /**
   * Your own client of ioredis, in place of `connection`. The persister opens connections of its own with the settings of
   * the client, and closes those only.
   */
  readonly client?: Redis | Cluster
  /** The first part of every key; braces are put around it. Default `teasel`. */
  readonly prefix?: string
  /** Maximum wait for a connection and for an answer, in milliseconds each. Default 10 000. */
  readonly timeoutMs?: number
  /** Is warned about a server that may drop keys. Default: the console. */
  readonly logger?: Logger
}

/**
 * A persister over a Redis server, for several processes and machines. Tested with Redis 7.0.
 *
 * One round trip per save: a script on the server checks the claim and stores rows, summaries and questions, all or none.
 * Leases end by the clock of the server. Due runs, stored messages and answers are notified by channels, and polled, too.
 *
 * **What a crash loses** is a setting of the server. With `appendonly yes` and `appendfsync always` it loses nothing that
 * was saved. With `appendfsync everysec`, the default of an append-only file, a crash of the machine may lose the last
 * second, and a crash of the server alone nothing. Without an append-only file a crash loses everything since the last
 * snapshot, and all of it without snapshots. A replica may be a moment behind, and what it lacks is lost when it takes
 * over. A runner whose steps were lost is refused at its next save, and the run is resumed at the last step that is left.
 *
 * **Memory** holds all of it. `maxmemory-policy` has to be `noeviction`: with another policy a full server drops keys,
 * and the persister warns once where the server lets it look. A full server with `noeviction` refuses saves as
 * `unavailable`, and loses nothing.
 *
 * **Redis Cluster** works: all keys of a prefix are in one slot, and so on one node. Give each tenant a prefix to spread
 * them. A user with limited rights needs the keys and the channels that begin with `{prefix}`, and scripts.
 *
 * It connects on first use. A server that is away is reported as `unavailable` at once, one that gives no answer after
 * `timeoutMs`. A save whose connection is lost may have been stored: sent again, it is recognised. Close the persister:
 * its connection keeps the process alive.
 * @throws {TypeError | RangeError} for unknown or invalid options
 *
 * @example
 * ```ts no-run
 * await using persister = redisPersister({ connection: 'redis://localhost:6379' })
 * ```
 */
export function redisPersister(options: RedisOptions = {}): Persister {
  checkOptions('redisPersister', options, 'connection client prefix timeoutMs logger')
  const { connection, client, prefix = 'teasel', timeoutMs = 10_000, logger = consoleLogger } = options
  assertText('The prefix', prefix)
  if (prefix === '' || /[{}]/.test(prefix))
    throw new TypeError(
      `The prefix is ${describeValue(prefix)}. It takes a text without braces: they are put around it.`,
    )
  if (connection !== undefined && client !== undefined)
    throw new TypeError('redisPersister takes connection or client, not both.')
  if (typeof connection === 'string' ? !/^rediss?:\/\//.test(connection) : !isRecord(connection ?? {}))
    throw new TypeError(
      `connection is ${describeValue(connection)}. It takes redis://user:password@host:6379/0, or options of ioredis.`,
    )
  if (client !== undefined && typeof client?.duplicate !== 'function')
    throw new TypeError(`client is ${describeValue(client)}. It takes a client of ioredis: new Redis(…).`)
  if (!(Number.isFinite(timeoutMs) && timeoutMs > 0))
    throw new RangeError(`timeoutMs is ${describeValue(timeoutMs)}; it takes a number of milliseconds above 0.`)
  const name = `redis ${prefix}`
  const opened = (made: RedisLink): void => void warn(made, name, safeLogger(logger))
  const connect = connecting(connection, client, timeoutMs)
  return createPersister(new RedisDriver({ name, prefix, timeoutMs, connect, opened }))
}

/** The version of the keys at an address. Changes nothing. @throws the error of the server */
export async function redisVersion(url: string, prefix = 'teasel', timeoutMs = 10_000): Promise<StoreVersion> {
  const client = connecting(url, undefined, timeoutMs)()
  let cause: unknown
  client.on('error', (error) => {
    cause ??= error
  })
  try {
    await client.connect()
    const found = await client.call('get', [`{${prefix}}:about`])
    return { found: found === null ? undefined : Number(found), oldest: 1, newest: VERSION }
  } catch (error) {
    throw cause ?? error
  } finally {
    client.disconnect()
  }
}

const isRecord = (value: unknown): boolean => typeof value === 'object' && value !== null

/** Makes connections that connect when they are told to, and send each command once. */
function connecting(
  connection: RedisOptions['connection'] = 'redis://127.0.0.1:6379',
  client: Redis | Cluster | undefined,
  ms: number,
): () => RedisLink {
  const once = { lazyConnect: true, enableOfflineQueue: false }
  const timed = {
    connectTimeout: ms,
    commandTimeout: ms,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
  }
  const node = { ...timed, enableReadyCheck: false, enableAutoPipelining: false, reconnectOnError: null, keyPrefix: '' }
  const own = { ...once, ...node, retryStrategy: () => null, replyMapping: 'legacy' as const }
  if (client instanceof Cluster) {
    const all = { ...once, enableReadyCheck: false, clusterRetryStrategy: () => null, redisOptions: node }
    return () => client.duplicate([], all)
  }
  if (client !== undefined) return () => client.duplicate(own)
  if (typeof connection === 'string') return () => new Redis(connection, own)
  return () => new Redis({ ...connection, ...own })
}

/** Warns about a server that drops keys when its memory is full. */
async function warn(client: RedisLink, name: string, logger: Logger): Promise<void> {
  const info = await client.info('memory').catch(() => '') // may be forbidden
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1]
  const limit = Number(/^maxmemory:(\d+)/m.exec(info)?.[1] ?? 0)
  if (policy === undefined || policy === 'noeviction' || limit === 0) return
  logger.warn(
    `The server of ${name} drops keys when its memory is full (maxmemory-policy ${policy}), and with them steps of runs. Set maxmemory-policy to noeviction.`,
  )
}
