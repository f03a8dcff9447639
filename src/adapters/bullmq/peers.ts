import type { Redis, RedisOptions } from 'ioredis'
import { messageOf } from '../../internal/guards.js'

// Owns: loading the optional packages `bullmq` and `ioredis`.

/** The packages, as this adapter uses them. */
export interface Peers {
  readonly bullmq: typeof import('bullmq')
  readonly Redis: typeof Redis
}

/** How to reach a server: its URL, the options of a connection of ioredis, or a connection of yours, which is copied. */
export type RedisConnection = string | Omit<RedisOptions, 'replyMapping'> | Redis

let loading: Promise<Peers> | undefined

/**
 * Loads them at first use.
 * @throws {TypeError} when one is missing
 */
export function loadPeers(): Promise<Peers> {
  loading ??= load().catch((cause: unknown) => {
    loading = undefined
    throw new TypeError(
      `teasel/executor/bullmq needs two more packages: npm install bullmq ioredis. ${messageOf(cause)}`,
      {
        cause,
      },
    )
  })
  return loading
}

async function load(): Promise<Peers> {
  const [bullmq, ioredis] = await Promise.all([import('bullmq'), import('ioredis')])
  return { bullmq, Redis: ioredis.Redis }
}
