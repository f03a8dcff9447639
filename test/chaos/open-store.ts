import type { Persister } from 'teasel/persistence'
import { postgresPersister } from 'teasel/persistence/postgres'
import { redisPersister } from 'teasel/persistence/redis'
import { sqlitePersister } from 'teasel/persistence/sqlite'

/** Where a store is: the path of a file, or the URL of PostgreSQL or Redis, with the schema or the prefix behind a `#`. */
export type StorePlace = string

/** The URL and the schema of a PostgreSQL store; undefined for another one. */
export function postgresAt(place: StorePlace): { readonly url: string; readonly schema: string } | undefined {
  const [url = '', schema = ''] = place.split('#')
  return url.startsWith('postgres://') ? { url, schema } : undefined
}

/** The URL and the prefix of a Redis store; undefined for another one. */
export function redisAt(place: StorePlace): { readonly connection: string; readonly prefix: string } | undefined {
  const [connection = '', prefix = ''] = place.split('#')
  return connection.startsWith('redis://') ? { connection, prefix } : undefined
}

export function openStore(place: StorePlace): Persister {
  const redis = redisAt(place)
  if (redis !== undefined) return redisPersister(redis)
  const server = postgresAt(place)
  return server === undefined ? sqlitePersister({ file: place }) : postgresPersister({ ...server, connections: 3 })
}
