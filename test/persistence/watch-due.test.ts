import { type Group, memoryPersister, type PersisterDriver } from 'teasel/persistence'
import { postgresPersister } from 'teasel/persistence/postgres'
import { redisPersister } from 'teasel/persistence/redis'
import { afterAll, describe, expect, it } from 'vitest'
import { defer } from '../support/deferred.js'
import { findPostgres } from '../support/postgres.js'
import { findRedis } from '../support/redis.js'

// A host is called soon after a root may have become due. It never relies on it.

const server = await findPostgres()
const redis = await findRedis()
const prefixes: string[] = []
const schemas: string[] = []
const open: PersisterDriver[] = []
afterAll(async () => {
  for (const driver of open) await driver.close()
  for (const schema of schemas) await server?.drop(schema)
  for (const prefix of prefixes) await redis?.drop(`{${prefix}}:`)
})
const opened = (driver: PersisterDriver): PersisterDriver => {
  open.push(driver)
  return driver
}

/** The driver of a process that stores, and that of a host. */
const stores: Readonly<Record<string, () => readonly [PersisterDriver, PersisterDriver]>> = {
  memory() {
    const { driver } = memoryPersister()
    return [driver, driver]
  },
  ...(server && {
    postgres() {
      const schema = `teasel_due_${process.pid}_${schemas.length}`
      schemas.push(schema)
      const connect = () => opened(postgresPersister({ url: server.url, schema, connections: 2 }).driver)
      return [connect(), connect()]
    },
  }),
  ...(redis && {
    redis() {
      const prefix = `teasel_due_${process.pid}_${prefixes.length}`
      prefixes.push(prefix)
      const connect = () => opened(redisPersister({ connection: redis.url, prefix }).driver)
      return [connect(), connect()]
    },
  }),
}

const root = { partitionKey: null, rootId: 'app' }
const facts = { appId: 'app', since: 1, pending: 0, retrying: 0, leaked: 0, nextAt: null, facts: '{}' } as const
const wait = { id: 'app.0.0', sequenceId: 0, n: 0, kinds: ['answer'], since: 1, until: null, facts: '{}' }
const row = {
  appId: 'app',
  index: 0,
  kind: 'full',
  epoch: 0,
  sequenceId: -1,
  label: 'start',
  order: 1024,
  data: '{}',
} as const
const group = (more: Partial<Group>): Group => ({ ...root, writer: 'w', rows: [], ...more })

describe.each(Object.entries(stores))('a host of the store %s', (_, make) => {
  it('is called when a run is queued, answered, interrupted, ended or given up, and no more when it stops', async () => {
    const [driver, host] = make()
    let called = defer()
    const stop = host.watchDue?.(() => called.resolve())
    const events: Readonly<Record<string, () => unknown>> = {
      queued: () => driver.save(group({ rows: [row], summaries: [{ ...facts, status: 'queued', wake: 0 }] })),
      answered: () => driver.post(root, 'app', '{}', 'answer'),
      interrupted: () => driver.save(group({ summaries: [{ ...facts, status: 'interrupted', wake: null }] })),
      ended: () => driver.save(group({ summaries: [{ ...facts, status: 'failed', wake: null }] })),
      'given up in a save': () => driver.save(group({ leaseMs: 0 })),
      'given up': () => driver.beat(root, 'w', 0, null),
    }
    await driver.claim(root, 'w')
    await driver.post(root, 'app', '{}')
    const due: string[] = []
    for (const [name, event] of Object.entries(events)) {
      if (name === 'answered')
        await driver.save(group({ summaries: [{ ...facts, status: 'waiting', wake: null, waits: [wait] }] }))
      called = defer()
      await event()
      await called.promise
      due.push(`${name}: ${(await host.due({ limit: 1 })).length}`)
    }
    stop?.()
    called = defer()
    await driver.save(group({ summaries: [{ ...facts, status: 'queued', wake: 0 }] }))

    expect(due).toEqual([
      'queued: 1',
      'answered: 1',
      'interrupted: 0',
      'ended: 0',
      'given up in a save: 0',
      'given up: 0',
    ])
    expect(await Promise.race([called.promise.then(() => 'called'), host.due({ limit: 1 })])).toHaveLength(1)
  })
})
