import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { defineState } from 'teasel'
import { createHost, hosted } from 'teasel/host'
import { createPersister, type Persister, type PersisterDriver } from 'teasel/persistence'
import { postgresPersister } from 'teasel/persistence/postgres'
import { redisPersister } from 'teasel/persistence/redis'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import type { SqliteDriver } from '../../src/adapters/sqlite/sqlite-driver.js'
import { group, row, summary, wait } from '../../src/testing/contract-rows.js'
import { findPostgres } from '../support/postgres.js'
import { clientOf, findRedis } from '../support/redis.js'

// A store with many runs, its pages, and the bare queries that read the same rows.

const RUNS = 100_000
/** One run of a hundred waits with a question. */
const WAITING_EACH = 100
const AT = 1_700_000_000_000

/** The pages of a store, and the bare queries of the same rows. */
export interface Listing {
  list(): Promise<unknown>
  bareList(): Promise<unknown>
  pending(): Promise<unknown>
  barePending(): Promise<unknown>
  close(): Promise<void>
}

/** Stores runs by the driver, some at a time. */
async function fill(driver: PersisterDriver, together: number): Promise<void> {
  const store = async (from: number): Promise<void> => {
    for (let i = from; i < RUNS; i += together) {
      const id = `run-${i}`
      const waits = i % WAITING_EACH === 0 ? [wait(id, 0, { since: AT + i, kinds: ['answer'] })] : undefined
      const status = waits === undefined ? (i % 10 === 1 ? 'failed' : 'finished') : 'waiting'
      const facts = '{"epoch":0,"sequenceId":-1}'
      const told = summary(id, { status, since: AT + i, facts, pending: waits?.length ?? 0, waits })
      await driver.claim({ partitionKey: null, rootId: id }, 'one')
      await driver.save(group(id, [row(id, 0, { order: (AT + i) * 1024 })], { summaries: [told] }))
    }
  }
  await Promise.all(Array.from({ length: together }, (_, from) => store(from)))
}

async function checked(persister: Persister): Promise<Pick<Listing, 'list' | 'pending'>> {
  const list = () => persister.list({ status: 'failed' })
  const pending = () => persister.pending()
  for (const page of [await list(), await pending()])
    if (page.items.length !== 50) throw new RangeError(`A page has ${page.items.length} items, not 50.`)
  return { list, pending }
}

/** Columns that a page needs, of either store: of the run, of its last row, and of its claim. */
const RUN = `a.app, a.part, a.status, a.since, a.pending, a.retrying, a.leaked, a.next_at, a.facts, a.name, a.title,
  a.labels, a.wake, r.kind, r.label, r.seq, r.epoch, r.ord, o.writer, o.count, o.lease, o.worker, o.beat, o.beat_at`
const WAIT = 'w.part, w.root, w.id, w.seq, w.n, w.since, w.until, w.kinds, w.facts, w.answered, a.title, a.labels'

export async function sqliteListing(): Promise<Listing> {
  const folder = mkdtempSync(join(tmpdir(), 'teasel-bench-'))
  const persister = sqlitePersister({ file: join(folder, 'runs.db') })
  const { database } = persister.driver as SqliteDriver
  database.exec('pragma synchronous = off')
  await fill(persister.driver, 1)
  const runs = database.prepare(
    `select ${RUN}, a.top, a.lease from teasel_apps a left join teasel_owners o on o.part = a.part and o.root = a.app
      left join teasel_rows r on r.key = (select max(key) from teasel_rows where key between a.id << 32 and (a.id << 32) | 4294967295)
      where a.part = '' and a.status = 'failed' and a.top is not null order by a.top desc, a.app desc limit 51`,
  )
  const waits = database.prepare(
    `select ${WAIT}, w.app from teasel_waits w left join teasel_apps a on a.part = w.part and a.app = w.root
      where w.answered = 0 and w.k = 0 and w.part = '' order by w.since, w.app, w.n limit 51`,
  )
  return {
    ...(await checked(persister)),
    bareList: async () => runs.all(),
    barePending: async () => waits.all(),
    async close() {
      await persister.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Undefined where no server is found. */
export async function postgresListing(): Promise<Listing | undefined> {
  const server = await findPostgres()
  if (server === undefined) return undefined
  const schema = `teasel_listing_${process.pid}`
  // The fill needs no durability.
  const url = `${server.url}?options=${encodeURIComponent('-c synchronous_commit=off')}`
  const persister = postgresPersister({ url, schema, connections: 8 })
  await persister.list()
  await fill(persister.driver, 8)
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  await client.query(`analyze ${schema}.apps, ${schema}.waits`)
  const runs = `select ${RUN}, a.born from (select * from ${schema}.apps where part = '' and status = 'failed'
      and app = root and born is not null order by born desc, app collate "C" desc limit 51) a
    left join lateral (select * from ${schema}.rows where app = a.id order by idx desc limit 1) r on true
    left join ${schema}.owners o on o.part = a.part and o.root = a.app order by a.born desc, a.app collate "C" desc`
  const waits = `select w.part, w.root, w.name, w.id, w.since, w.until, w.kinds, w.facts, w.answered from ${schema}.waits w
    where w.part = '' and not w.answered and w.k = 0 order by w.since, w.name collate "C", w.n limit 51`
  return {
    ...(await checked(persister)),
    bareList: () => client.query({ name: 'runs', text: runs }),
    barePending: () => client.query({ name: 'waits', text: waits }),
    async close() {
      await persister.close()
      await client.end()
      await server.drop(schema)
    },
  }
}

/** Undefined where no server is found. A bare page reads its index, then all that is kept of each, in a pipeline. */
export async function redisListing(): Promise<Listing | undefined> {
  const server = await findRedis()
  if (server === undefined) return undefined
  const prefix = `teasel_listing_${process.pid}`
  const persister = redisPersister({ connection: server.url, prefix })
  await fill(persister.driver, 64)
  const client = clientOf(server.url)
  await client.connect()
  const key = (kind: string, name: string): string => `{${prefix}}:${kind}:\0${name}`
  return {
    ...(await checked(persister)),
    async bareList() {
      const members = await client.zrevrange(key('i', 's:failed'), 0, 50)
      const page = client.pipeline()
      for (const member of members) {
        const id = member.slice(0, member.indexOf('\0'))
        page.hgetall(key('a', id)).lrange(key('f', id), -1, -1).hgetall(key('o', id))
      }
      return page.exec()
    },
    async barePending() {
      const members = await client.zrange(`{${prefix}}:q:o:p:`, 0, '50')
      const page = client.pipeline()
      for (const member of members) {
        const id = member.slice(0, member.indexOf('\0'))
        page.hgetall(key('w', id)).hmget(key('a', id), 'title', 'labels')
      }
      return page.exec()
    },
    async close() {
      await persister.close()
      client.disconnect()
      await server.drop(`{${prefix}}:`)
    },
  }
}

/** Calls of the driver a second by a host with nothing to do. */
export async function idleCalls(ms: number): Promise<number> {
  await using persister = sqlitePersister({ file: ':memory:' })
  let calls = 0
  const counted = new Proxy(persister.driver, {
    get(driver, name) {
      const member: unknown = Reflect.get(driver, name)
      if (typeof member !== 'function') return member
      return (...args: readonly unknown[]) => {
        calls += 1
        return Reflect.apply(member, driver, args) as unknown
      }
    },
  })
  const kit = defineState<{ n: number }>()
  const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state: { n } }) => ({ n: n + 1 }) })
  const graphs = { add: hosted(kit.graph({ actions: { add } }), { entrypoint: 'add' }) }
  await using host = createHost({ persister: createPersister(counted), graphs, signals: [] })
  const pass = (time: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, time))
  await pass(500) // between two looks
  calls = 0
  await pass(ms)
  if (host.health().status !== 'ok') throw new TypeError('The host does not reach its store.')
  return (calls * 1_000) / ms
}
