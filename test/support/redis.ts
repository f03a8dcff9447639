import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { freePort, isRequired } from './postgres.js'

/** A Redis server that tests may use: with keys of their own, which they drop. */
export interface FoundRedis {
  readonly url: string
  /** Names of keys that begin with a text. */
  keys(prefix: string): Promise<readonly string[]>
  /** Removes all keys that begin with a text. */
  drop(prefix: string): Promise<void>
}

const LOCAL = 'redis://127.0.0.1:6379'

/**
 * Finds a server: the one of `TEASEL_REDIS`, or one on the standard port of this machine.
 * @throws {TypeError} when there is none and `TEASEL_REQUIRE` names redis
 */
export async function findRedis(): Promise<FoundRedis | undefined> {
  const url = process.env['TEASEL_REDIS'] ?? LOCAL
  if (await redisAnswers(url))
    return { url, keys: (prefix) => redisKeys(url, prefix), drop: (prefix) => dropKeys(url, prefix) }
  if (isRequired('redis'))
    throw new TypeError('TEASEL_REQUIRE asks for redis, and no server answers. Give its URL in TEASEL_REDIS.')
  return undefined
}

/** A client that connects when it is told to, or asked, and fails at once where no server answers. */
export function clientOf(url: string): Redis {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null, connectTimeout: 2_000 })
  redis.on('error', () => {})
  return redis
}

async function withClient<T>(url: string, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = clientOf(url)
  try {
    await redis.connect()
    return await work(redis)
  } finally {
    redis.disconnect()
  }
}

/** Whether a server answers at a URL. */
const redisAnswers = (url: string): Promise<boolean> =>
  withClient(url, (redis) => redis.ping()).then(
    () => true,
    () => false,
  )

/** The names of all keys of a server that begin with a text. */
export const redisKeys = (url: string, prefix: string): Promise<readonly string[]> =>
  withClient(url, async (redis) => {
    const found: string[] = []
    const pattern = `${prefix.replaceAll(/[*?[\]\\]/g, '\\$&')}*`
    for await (const keys of redis.scanStream({ match: pattern, count: 1_000 })) found.push(...(keys as string[]))
    return found.sort()
  })

/** Removes all keys of a server that begin with a text. */
export async function dropKeys(url: string, prefix: string): Promise<void> {
  const keys = await redisKeys(url, prefix)
  await withClient(url, async (redis) => {
    for (let i = 0; i < keys.length; i += 1_000) await redis.unlink(...keys.slice(i, i + 1_000))
  })
}

/** A server of its own for one test, with an append-only file. */
export interface OwnRedis {
  readonly url: string
  /** Ends it as a crash would: `kill -9`. */
  kill(): Promise<void>
  /** Starts it again, with what it kept. */
  start(): Promise<void>
  /** Ends it, and removes its files. */
  stop(): Promise<void>
}

/**
 * Starts a server on a free port; undefined where `redis-server` is not installed.
 * @param more further settings: `{ 'cluster-enabled': 'yes' }`
 */
export async function ownRedis(more: Readonly<Record<string, string>> = {}): Promise<OwnRedis | undefined> {
  if (spawnSync('redis-server', ['--version']).status !== 0) return undefined
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'teasel-redis-'))
  const options = { port, bind: '127.0.0.1', dir: folder, appendonly: 'yes', appendfsync: 'always', save: '', ...more }
  const url = `redis://127.0.0.1:${port}`
  let server: ChildProcess | undefined
  const start = async (): Promise<void> => {
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
    server = spawn('redis-server', args, { stdio: 'ignore' })
    while (!(await redisAnswers(url))) if (server.exitCode !== null) throw new TypeError('redis-server does not start.')
  }
  const kill = async (): Promise<void> => {
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return
    const ended = once(server, 'exit')
    server.kill('SIGKILL')
    await ended
  }
  process.on('exit', () => void server?.kill('SIGKILL'))
  await start()
  return {
    url,
    kill,
    start,
    async stop() {
      await kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** A wire to a server, which a test can cut. */
export interface Wire {
  readonly url: string
  /** Ends all connections, and lets no new ones through. */
  cut(): Promise<void>
  /** Takes what is sent, and loses every answer. */
  mute(): void
  /** Gives the answers of new connections. Those that were muted stay so. */
  unmute(): void
  /** Lets connections through again. */
  mend(): Promise<void>
  close(): Promise<void>
}

/** Lays a wire to a server: the same URL, with another port. */
export async function layWire(url: string): Promise<Wire> {
  const { hostname, port } = new URL(url)
  const sockets = new Set<Socket>()
  let muted = false
  const answering = new Map<Socket, Socket>()
  const server = createServer((here) => {
    const there = connect(Number(port === '' ? 6379 : port), hostname)
    answering.set(there, here)
    for (const [one, other] of [
      [here, there],
      [there, here],
    ] as const) {
      sockets.add(one)
      one.setNoDelay(true)
      one.on('error', () => {})
      one.on('close', () => {
        sockets.delete(one)
        answering.delete(one)
        other.destroy()
      })
    }
    here.pipe(there)
    if (muted) there.resume()
    else there.pipe(here)
  })
  const own = await freePort()
  const mute = (): void => {
    muted = true
    for (const [there, here] of answering) there.unpipe(here).resume()
  }
  const unmute = (): void => {
    muted = false
  }
  const mend = async (): Promise<void> => {
    unmute()
    if (!server.listening) await new Promise<void>((resolve) => server.listen(own, '127.0.0.1', resolve))
  }
  const cut = async (): Promise<void> => {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
  }
  await mend()
  const wire = new URL(url)
  wire.hostname = '127.0.0.1'
  wire.port = String(own)
  return { url: wire.href, cut, mute, unmute, mend, close: cut }
}
