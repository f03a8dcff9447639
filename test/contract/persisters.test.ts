import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memoryPersister, type PersisterDriver } from 'teasel/persistence'
import { postgresPersister } from 'teasel/persistence/postgres'
import { redisPersister } from 'teasel/persistence/redis'
import { type SqliteOptions, sqlitePersister } from 'teasel/persistence/sqlite'
import { persisterContract, type StoreUnderTest } from 'teasel/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { BELOW } from '../../src/testing/below-cases.js'
import { LEASES } from '../../src/testing/lease-cases.js'
import { LISTS } from '../../src/testing/list-cases.js'
import { SUMMARIES } from '../../src/testing/summary-cases.js'
import { WAITS } from '../../src/testing/wait-cases.js'
import { startPgBouncer } from '../support/pgbouncer.js'
import { findPostgres } from '../support/postgres.js'
import { findRedis } from '../support/redis.js'

const folder = mkdtempSync(join(tmpdir(), 'teasel-contract-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
function sqlite(options: Partial<SqliteOptions>): StoreUnderTest {
  const of = new WeakMap<PersisterDriver, string>()
  const connect = (file: string): PersisterDriver => {
    const { driver } = sqlitePersister({ file, ...options })
    of.set(driver, file)
    return driver
  }
  return {
    open: () => connect(join(folder, `store-${files++}.db`)),
    again: (first) => connect(of.get(first) ?? ''),
  }
}

const server = await findPostgres()
const pooler = server && (await startPgBouncer(server.url))
const schemas: string[] = []
afterAll(async () => {
  pooler?.stop()
  for (const schema of schemas) await server?.drop(schema)
})

function postgres(url: string, name: string): StoreUnderTest {
  const of = new WeakMap<PersisterDriver, string>()
  const connect = (schema: string): PersisterDriver => {
    const { driver } = postgresPersister({ url, schema, connections: 2 })
    of.set(driver, schema)
    return driver
  }
  return {
    open() {
      const schema = `${name}_${process.pid}_${schemas.length}`
      schemas.push(schema)
      return connect(schema)
    },
    again: (first) => connect(of.get(first) ?? ''),
  }
}

const redisServer = await findRedis()
const prefixes: string[] = []
afterAll(async () => {
  for (const prefix of prefixes) await redisServer?.drop(`{${prefix}}:`)
})

function redis(connection: string, name: string): StoreUnderTest {
  const of = new WeakMap<PersisterDriver, string>()
  const connect = (prefix: string): PersisterDriver => {
    const { driver } = redisPersister({ connection, prefix })
    of.set(driver, prefix)
    return driver
  }
  return {
    open() {
      const prefix = `${name}_${process.pid}_${prefixes.length}`
      prefixes.push(prefix)
      return connect(prefix)
    },
    again: (first) => connect(of.get(first) ?? ''),
  }
}

const adapters: Readonly<Record<string, StoreUnderTest>> = {
  memory: { open: () => memoryPersister().driver },
  'sqlite, a file': sqlite({}),
  'sqlite, a file, durability full': sqlite({ durability: 'full' }),
  'sqlite, tables of a strange name': sqlite({ prefix: 'a"b; drop table x; --' }),
  'sqlite, in memory (W-012)': { open: () => sqlitePersister({ file: ':memory:' }).driver },
  ...(server && {
    postgres: postgres(server.url, 'teasel_contract'),
    'postgres, a schema of a strange name': postgres(server.url, 'a"b; drop table x; --'),
  }),
  ...(pooler && { 'postgres behind PgBouncer, in transaction mode': postgres(pooler.url, 'teasel_pooled') }),
  ...(redisServer && {
    redis: redis(redisServer.url, 'teasel_contract'),
    'redis, keys of a strange name': redis(redisServer.url, 'a"b; [*]\\ ö'),
  }),
}

/** Stores that do not answer questions about summaries yet. */
const UNREADY = /^postgres/
const OF_SUMMARIES = new Set(Object.keys({ ...SUMMARIES, ...LISTS, ...BELOW, ...WAITS, ...LEASES }))

describe.each(Object.entries(adapters))('the persister %s', (adapter, store) => {
  const cases = persisterContract(store).filter(({ name }) => !UNREADY.test(adapter) || !OF_SUMMARIES.has(name))
  it.each(cases.map(({ name, run }) => [name, run] as const))('%s', (_name, run) => run())
})

it('says which stores processes on other machines can open', () => {
  const found = [
    memoryPersister(),
    sqlitePersister({ file: ':memory:' }),
    postgresPersister({ url: 'postgres://127.0.0.1:1/none' }),
    redisPersister({ connection: 'redis://127.0.0.1:1' }),
  ].map(({ driver: { shared = false } }) => shared)

  expect(found).toEqual([false, false, true, true])
})
