import type { Persister } from 'teasel/persistence'
import { postgresPersister } from 'teasel/persistence/postgres'
import { sqlitePersister } from 'teasel/persistence/sqlite'

/** Where a store is: the path of a file, or a PostgreSQL URL with the schema behind a `#`. */
export type StorePlace = string

/** The URL and the schema of a PostgreSQL store; undefined for a file. */
export function postgresAt(place: StorePlace): { readonly url: string; readonly schema: string } | undefined {
  const [url = '', schema = ''] = place.split('#')
  return url.startsWith('postgres://') ? { url, schema } : undefined
}

export function openStore(place: StorePlace): Persister {
  const server = postgresAt(place)
  return server === undefined ? sqlitePersister({ file: place }) : postgresPersister({ ...server, connections: 3 })
}
