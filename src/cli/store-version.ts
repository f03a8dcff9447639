import { existsSync } from 'node:fs'
import type { StoreVersion } from '../persistence/store-version.js'
import type { Io } from './io.js'
import { fileOf } from './run-source.js'

/** The version of a store, which is not opened: opening brings older tables up to date. Undefined for no store. */
export async function versionOfStore(url: string, io: Pick<Io, 'cwd'>): Promise<StoreVersion | undefined> {
  const [, scheme = ''] = /^([a-z]+):/i.exec(url) ?? []
  switch (scheme.toLowerCase()) {
    case 'sqlite': {
      const file = fileOf(url, io)
      return existsSync(file) ? (await import('../adapters/sqlite/schema.js')).sqliteVersion(file) : undefined
    }
    case 'postgres':
    case 'postgresql':
      return (await import('../adapters/postgres/postgres-persister.js')).postgresVersion(url)
    case 'redis':
    case 'rediss':
      return (await import('../adapters/redis/redis-persister.js')).redisVersion(url)
    default:
      return undefined
  }
}
