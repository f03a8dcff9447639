import { Redis } from 'ioredis'

/** A Redis server of this machine, or that of `TEASEL_REDIS`. */
export interface FoundRedis {
  readonly url: string
  /** Removes all keys that have a text in their names. */
  drop(text: string): Promise<void>
  close(): void
}

/** Undefined where no server answers. */
export async function findRedis(): Promise<FoundRedis | undefined> {
  const url = process.env['TEASEL_REDIS'] ?? 'redis://127.0.0.1:6379'
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null })
  redis.on('error', () => {}) // `connect` rejects
  try {
    await redis.connect()
  } catch {
    return undefined
  }
  return {
    url,
    async drop(text) {
      for await (const keys of redis.scanStream({ match: `*${text}*`, count: 1_000 }))
        if (keys.length > 0) await redis.unlink(...keys)
    },
    close: () => redis.disconnect(),
  }
}
