import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPersister, memoryPersister, type Persister } from 'teasel/persistence'
import { postgresPersister } from 'teasel/persistence/postgres'
import { redisPersister } from 'teasel/persistence/redis'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import { findPostgres } from './postgres.js'
import { findRedis } from './redis.js'

/** One kind of store. */
export interface Stores {
  /** Opens a new store. @returns a function that makes persisters over it, as other processes would */
  open(): () => Persister
}

/** The kinds of store of this machine: PostgreSQL and Redis where a server is found. Everything is removed by `close`. */
export async function storesOf(
  name: string,
): Promise<{ readonly stores: readonly (readonly [string, Stores])[]; close(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), `teasel-${name}-`))
  const server = await findPostgres()
  const redisServer = await findRedis()
  const schemas: string[] = []
  const prefixes: string[] = []
  const opened: Persister[] = []
  const kept = (persister: Persister): Persister => {
    opened.push(persister)
    return persister
  }
  let files = 0
  const memory: Stores = {
    open() {
      const { driver } = memoryPersister()
      return () => createPersister(driver)
    },
  }
  const sqlite: Stores = {
    open() {
      const file = join(folder, `store-${files++}.db`)
      return () => kept(sqlitePersister({ file }))
    },
  }
  const postgres = (url: string): Stores => ({
    open() {
      const schema = `${name}_${process.pid}_${schemas.length}`
      schemas.push(schema)
      return () => kept(postgresPersister({ url, schema, connections: 2 }))
    },
  })
  const redis = (connection: string): Stores => ({
    open() {
      const prefix = `${name}_${process.pid}_${prefixes.length}`
      prefixes.push(prefix)
      return () => kept(redisPersister({ connection, prefix }))
    },
  })
  return {
    stores: [
      ['memory', memory],
      ['sqlite', sqlite],
      ...(server === undefined ? [] : [['postgres', postgres(server.url)] as const]),
      ...(redisServer === undefined ? [] : [['redis', redis(redisServer.url)] as const]),
    ],
    async close() {
      for (const persister of opened) await persister.close()
      for (const schema of schemas) await server?.drop(schema)
      for (const prefix of prefixes) await redisServer?.drop(`{${prefix}}:`)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
