import { once } from 'node:events'
import { createServer } from 'node:net'
import { Cluster, Redis } from 'ioredis'
import { createApplication, resumeOrCreate } from 'teasel'
import { PersistenceError, type Persister, sendStored } from 'teasel/persistence'
import { type RedisOptions, redisPersister } from 'teasel/persistence/redis'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { group, root, row, summary, wait } from '../../src/testing/contract-rows.js'
import { answer, asking, counted, counting } from '../support/counting.js'
import { defer } from '../support/deferred.js'
import { quiet } from '../support/quiet-logger.js'
import { clientOf, findRedis, ownRedis } from '../support/redis.js'
import { startProxy } from '../support/tcp-proxy.js'

const server = await findRedis()
const prefixes: string[] = []
const newPrefix = (): string => {
  const prefix = `teasel_redis_${process.pid}_${prefixes.length}`
  prefixes.push(prefix)
  return prefix
}
const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close()
})
afterAll(async () => {
  for (const prefix of prefixes) await server?.drop(`{${prefix}}:`)
})
const kept = <T extends { close(): Promise<void> }>(one: T): T => {
  open.push(one)
  return one
}

const sequenceIdsOf = async (persister: Persister) =>
  (await persister.steps({ runId: 'app' })).items.map(({ sequenceId }) => sequenceId)

const faultOf = async (work: Promise<unknown>): Promise<unknown> => {
  const error = await work.catch((thrown: unknown) => thrown)
  return PersistenceError.is(error) ? error.fault : error
}

if (server !== undefined) {
  const { url } = server
  const persisterOf = (prefix: string, more: RedisOptions = { connection: url }) =>
    kept(redisPersister({ prefix, ...more }))
  const port = Number(new URL(url).port)

  describe('the Redis persister', () => {
    it('continues an application in another process', async () => {
      const prefix = newPrefix()
      await createApplication(counting, { ...counted, persister: persisterOf(prefix) }).run({ haltAfter: ['add'] })

      const app = await resumeOrCreate(counting, { ...counted, persister: persisterOf(prefix) })

      expect(app.state).toEqual({ n: 1 })
      expect((await app.run()).state).toEqual({ n: 5 })
    })

    it('wakes a waiting run when another process stores a message, without polling', async () => {
      const prefix = newPrefix()
      const waits = defer()
      const app = createApplication(asking, {
        ...{ appId: 'app', entrypoint: 'ask', state: {}, inboxPollMs: Infinity, logger: quiet },
        persister: persisterOf(prefix),
      })
      app.on('wait', () => waits.resolve())
      const run = app.run()
      await waits.promise

      const delivery = await sendStored({ persister: persisterOf(prefix), appId: 'app', message: answer('yes') })

      expect(delivery).toBe('queued')
      expect((await run).state.answer).toBe('yes')
    })

    it('uses the settings of a client of yours, and leaves its connection open', async () => {
      const client = new Redis(url, { lazyConnect: true })
      const persister = redisPersister({ client, prefix: newPrefix() })
      await createApplication(counting, { ...counted, persister }).run()
      await persister.close()

      expect(await client.ping()).toBe('PONG')
      client.disconnect()
    })

    it('names the server when it cannot be reached, and loses nothing', async () => {
      const persister = persisterOf('none', { connection: 'redis://127.0.0.1:1' })
      const app = createApplication(counting, { ...counted, persister })

      const error = await app.run().catch((thrown: unknown) => thrown)

      expect(PersistenceError.is(error) && error.fault).toBe('unavailable')
      expect((error as Error).message).toContain('The persister (redis none) could not')
      expect((error as Error).message).toContain('ECONNREFUSED')
      expect(app.state).toEqual({ n: 0 })
    })

    it('waits no longer than its limit for a server that gives no answer, and connects anew then', async () => {
      const proxy = kept(await startProxy(port))
      // Long enough for a connection on a busy machine.
      const persister = persisterOf(newPrefix(), { connection: `redis://127.0.0.1:${proxy.port}`, timeoutMs: 1_000 })
      const { driver } = persister
      await driver.claim(root('app'), 'one')
      const before = proxy.opened()

      proxy.hold()
      const faults = [await faultOf(Promise.resolve(driver.save(group('app', [row('app', 0)]))))]
      await driver.save(group('app', [row('app', 0)]))

      expect(faults).toEqual(['unavailable'])
      expect(proxy.opened()).toBe(before + 1)
      expect((await driver.history(null, 'app')).length).toBe(1)
    })

    it('waits no longer than its limit for a server that takes connections and says nothing', async () => {
      const silent = createServer(() => {}).listen(0, '127.0.0.1')
      await once(silent, 'listening')
      const address = silent.address()
      const at = typeof address === 'object' && address !== null ? address.port : 0
      const persister = persisterOf('none', { connection: `redis://127.0.0.1:${at}`, timeoutMs: 100 })

      const error = await persister.list().catch((thrown: unknown) => thrown)

      expect((error as Error).message).toMatch(/could not list: .*(no answer within 100 ms|timed out)/)
      silent.close()
    })

    it('waits for a server whose connections are cut while it saves, and commits each step once', async () => {
      const proxy = kept(await startProxy(port))
      const persister = persisterOf(newPrefix(), { connection: `redis://127.0.0.1:${proxy.port}` })
      const app = createApplication(counting, { ...counted, whenUnavailable: 'wait', logger: quiet, persister })
      let cuts = 0
      // Every second answer to a save is lost: the save was stored.
      let saves = 0
      let saving = false
      proxy.sent = (data) => {
        saving = data.includes('f,0,') || data.includes('p,0,')
      }
      proxy.answered = () => {
        if (!saving || ++saves % 2 === 0) return true
        cuts += 1
        return false
      }

      const { state } = await app.run()

      expect([state.n, cuts]).toEqual([5, 6])
      expect(await sequenceIdsOf(persister)).toEqual([-1, 0, 1, 2, 3, 4])
    })

    it('recognises a save that is sent again, and does nothing', async () => {
      const { driver } = persisterOf(newPrefix())
      await driver.claim(root('app'), 'one')
      const note = row('app', 1, { kind: 'note' })
      const first = group('app', [row('app', 0), note], { summaries: [summary('app', { pending: 1 })] })
      await driver.save(first)
      await driver.save(group('app', [row('app', 2)], { summaries: [summary('app', { pending: 2 })] }))

      await driver.save(first)
      const others = [
        group('app', [row('app', 0, { data: '{}' })]),
        group('app', [row('app', 0), row('app', 1)]),
        group('app', [row('app', 2), row('app', 4)]),
      ]
      const faults = []
      for (const other of others) faults.push(await faultOf(Promise.resolve(driver.save(other))))

      expect(faults).toEqual(['conflict', 'conflict', 'conflict'])
      expect((await driver.find(root('app')))?.summary?.pending).toBe(2)
      expect((await driver.rows(null, 'app', { from: 0, limit: 9 })).map(({ kind }) => kind)).toEqual([
        ...['full', 'note', 'patch'],
      ])
    })

    it('saves one further row alone as it does with others', async () => {
      const { driver } = persisterOf(newPrefix())
      await driver.claim(root('app'), 'one')
      await driver.save(group('app', [row('app', 0), row('app', 1)]))

      await driver.save(group('app', [row('app', 2)]))
      await driver.save(group('app', [row('app', 3, { kind: 'full' })]))
      const before = await driver.find(root('app'))
      await driver.save(group('app', [row('app', 4)], { leaseMs: 60_000 }))
      const over = await faultOf(Promise.resolve(driver.save(group('app', [row('app', 5, { over: true })]))))
      const late = await faultOf(Promise.resolve(driver.save(group('app', [row('app', 6)]))))
      const again = await faultOf(Promise.resolve(driver.save(group('app', [row('app', 2)]))))

      const [tail] = await driver.load(null, ['app'])
      expect(tail?.rows.map(({ index }) => index)).toEqual([3, 4])
      expect(await driver.history(null, 'app')).toHaveLength(5)
      expect([over, late, again]).toEqual(['conflict', 'conflict', undefined])
      expect((await driver.find(root('app')))?.claim?.leaseUntil).toBeGreaterThan(before?.claim?.leaseUntil ?? 0)
    })

    it('sends a read again when its connection was lost, and a write only once', async () => {
      const proxy = kept(await startProxy(port))
      const { driver } = persisterOf(newPrefix(), { connection: `redis://127.0.0.1:${proxy.port}` })
      await driver.claim(root('app'), 'one')
      await driver.save(group('app', [row('app', 0)]))
      let loses = false
      proxy.answered = () => {
        const passes = !loses
        loses = false
        return passes
      }

      loses = true
      const history = await driver.history(null, 'app')
      loses = true
      const fault = await faultOf(Promise.resolve(driver.post(root('app'), 'app', '1')))

      expect([history.length, fault, (await driver.inbox(root('app'))).length]).toEqual([1, 'unavailable', 1])
    })

    it('is called again for messages once a cut connection is there again', async () => {
      const proxy = kept(await startProxy(port))
      const prefix = newPrefix()
      const { driver } = persisterOf(prefix, { connection: `redis://127.0.0.1:${proxy.port}` })
      let called = defer()
      const stop = driver.watch?.(root('app'), () => called.resolve())
      await called.promise // it listens
      called = defer()
      proxy.cut()
      await called.promise // it listens again
      called = defer()

      await persisterOf(prefix).driver.post(root('app'), 'app', '1')

      await called.promise
      stop?.()
    })

    it('refuses keys that are newer than the code, and changes nothing', async () => {
      const prefix = newPrefix()
      const client = clientOf(url)
      await client.set(`{${prefix}}:about`, '9')

      await expect(persisterOf(prefix).list()).rejects.toThrow(
        `The keys of redis ${prefix} have version 9, but this version of Teasel reads up to 1. Use the newer version. Nothing was changed.`,
      )
      client.disconnect()
    })

    it('leaves no key of a deleted tree', async () => {
      const prefix = newPrefix()
      const { driver } = persisterOf(prefix)
      const client = clientOf(url)
      const keys = async () => (await client.keys(`{${prefix}}:*`)).sort()
      await driver.claim(root('other'), 'one')
      await driver.save(group('other', [row('other', 0)], { summaries: [summary('other')] }))
      await driver.post(root('other'), 'other', '1')
      const before = await keys()
      const more = { labels: { a: '1' }, name: 'n', pending: 1, retrying: 1, leaked: 1, waits: [wait('app', 0)] }
      await driver.claim(root('app'), 'one', { leaseMs: 60_000 })
      await driver.save(group('app', [row('app', 0)], { summaries: [summary('app', { ...more, wake: 'lease' })] }))
      const above = { appId: 'app', epoch: 0, sequenceId: 0, map: 'm', visit: 1, key: 'k', index: 0 }
      const child = summary('child', { parent: above, waits: [wait('child', 0), wait('child', 1)] })
      await driver.save(group('app', [row('child', 0)], { summaries: [child] }))
      await driver.post(root('app'), 'child', '1', 'answer')
      await driver.post(root('app'), 'none yet', '1')
      const during = await keys()

      await driver.delete(root('app'))

      expect(await keys()).toEqual(before)
      expect(during.length).toBeGreaterThan(before.length + 20)
      client.disconnect()
    })

    it.each([
      [{ prefix: 'a{b' }, 'The prefix is "a{b". It takes a text without braces'],
      [{ prefix: '' }, 'The prefix is "". It takes a text without braces'],
      [{ connection: 'http://x' }, 'connection is "http://x". It takes redis://'],
      [{ connection: url, client: {} }, 'redisPersister takes connection or client, not both.'],
      [{ client: {} }, 'It takes a client of ioredis'],
      [{ timeoutMs: 0 }, 'timeoutMs is 0; it takes a number of milliseconds above 0.'],
      [{ url }, 'redisPersister has no option "url"'],
    ])('refuses the options %s', (options, message) => {
      expect(() => redisPersister(options as never)).toThrow(message)
    })
  })
}

const own = server && (await ownRedis())
afterAll(() => own?.stop())

describe.skipIf(own === undefined)('a Redis server of its own', () => {
  const url = own?.url ?? ''

  it('keeps what was saved when it is killed, with an append-only file that is always written', async () => {
    const prefix = 'killed'
    const persister = kept(redisPersister({ connection: url, prefix }))
    const app = createApplication(counting, { ...counted, whenUnavailable: 'wait', logger: quiet, persister })
    const restarts: Promise<unknown>[] = []
    app.on('step.end', ({ sequenceId }) => {
      if (sequenceId === 1) restarts.push(own?.kill().then(() => own.start()) ?? Promise.resolve())
    })

    const { state } = await app.run()
    await Promise.all(restarts)

    expect([state.n, restarts.length]).toEqual([5, 1])
    expect(await sequenceIdsOf(persister)).toEqual([-1, 0, 1, 2, 3, 4])
  })

  it('gets a script whole that it has forgotten', async () => {
    const { driver } = kept(redisPersister({ connection: url, prefix: 'forgotten' }))
    await driver.claim(root('app'), 'one')
    await driver.save(group('app', [row('app', 0)]))
    const client = clientOf(url)
    await client.script('FLUSH')
    client.disconnect()

    await Promise.all(['a', 'b'].map((id) => driver.save(group('app', [row(id, 0)]))))

    expect((await driver.load(null, ['a', 'b'])).map((tail) => tail?.rows.length)).toEqual([1, 1])
  })

  it('is asked for pages, numbers and due runs without a look at the others, however many there are', async () => {
    const { driver } = kept(redisPersister({ connection: url, prefix: 'many' }))
    const client = clientOf(url)
    const fill = async (from: number, to: number): Promise<void> => {
      const some = Array.from({ length: to - from }, (_, i) => from + i)
      const store = async (i: number): Promise<void> => {
        const id = `run-${i}`
        const asks = i % 20 === 0
        const waits = asks ? [wait(id, 0, { since: i, kinds: [i % 40 === 0 ? 'yes' : 'no'] })] : undefined
        const status = asks ? 'waiting' : i % 10 === 1 ? 'failed' : 'finished'
        const more = { pending: asks ? 1 : 0, labels: { i: String(i % 10) }, wake: asks ? i : null }
        await driver.claim(root(id), 'one')
        const told = summary(id, { status, ...more, waits })
        await driver.save(group(id, [row(id, 0, { order: i * 1024 })], { summaries: [told] }))
      }
      await Promise.all(some.map(store))
    }
    const questions = {
      list: () => driver.list({ limit: 5 }),
      status: () => driver.list({ status: ['failed'], partitionKey: null, limit: 5 }),
      statuses: () => driver.list({ status: ['failed', 'waiting', 'interrupted'], limit: 5 }),
      label: () => driver.list({ labels: { i: '7' }, limit: 5 }),
      labelAndStatus: () => driver.list({ labels: { i: '1' }, status: ['failed'], limit: 5 }),
      pending: () => driver.list({ pending: true, limit: 5 }),
      created: () => driver.list({ createdFrom: 10, createdTo: 20, limit: 5 }),
      after: () => driver.list({ limit: 5, after: { partitionKey: null, rootId: 'run-90', born: 90 * 1024 } }),
      count: () => driver.count({}, 1_000),
      waits: () => driver.waits({ limit: 5 }),
      kinds: () => driver.waits({ kinds: ['yes', 'no'], limit: 5 }),
      ofRoot: () => driver.waits({ rootId: 'run-40', limit: 5 }),
      due: () => driver.due({ limit: 5 }),
    }
    const calls = async (): Promise<number> =>
      [...(await client.info('commandstats')).matchAll(/calls=(\d+)/g)].reduce((sum, [, n]) => sum + Number(n), 0)
    const costs = async (): Promise<Record<string, number>> => {
      const found: Record<string, number> = {}
      for (const [name, question] of Object.entries(questions)) {
        const before = await calls()
        await question()
        found[name] = (await calls()) - before
      }
      return found
    }
    await fill(0, 200)
    await costs()
    const few = await costs()
    await fill(200, 2_000)
    const many = await costs()
    client.disconnect()

    expect(many).toEqual(few)
    expect(Math.max(...Object.values(many))).toBeLessThan(60)
  }, 30_000)
})

describe.skipIf(server === undefined)('a server of Redis', () => {
  it('is named once when it drops keys, and not when it keeps them', async () => {
    const dropping = await ownRedis({ maxmemory: '100mb', 'maxmemory-policy': 'allkeys-lru' })
    if (dropping === undefined) return
    const warned: string[] = []
    const logger = { ...quiet, warn: (text: string) => void warned.push(text) }
    for (const connection of [dropping.url, server?.url ?? '']) {
      const persister = redisPersister({ connection, prefix: newPrefix(), logger })
      await persister.list()
      await persister.list()
      await persister.close()
    }
    await dropping.stop()

    expect(warned).toEqual([
      expect.stringMatching(
        /^The server of redis .* drops keys when its memory is full \(maxmemory-policy allkeys-lru\)/,
      ),
    ])
  })

  it('may be a cluster: all keys of a prefix are in one slot', async () => {
    const node = await ownRedis({ 'cluster-enabled': 'yes', 'cluster-announce-ip': '127.0.0.1' })
    if (node === undefined) return
    const admin = clientOf(node.url)
    await admin.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
    while (!String(await admin.call('CLUSTER', 'INFO')).includes('cluster_state:ok'));
    admin.disconnect()
    const client = new Cluster([{ host: '127.0.0.1', port: Number(new URL(node.url).port) }], { lazyConnect: true })
    const persister = redisPersister({ client, prefix: 'clustered' })
    const app = createApplication(asking, {
      ...{ appId: 'app', entrypoint: 'ask', state: {}, inboxPollMs: Infinity, logger: quiet, persister },
    })
    const waits = defer()
    app.on('wait', () => waits.resolve())
    const run = app.run()
    await waits.promise
    const pending = await persister.pending()
    await sendStored({ persister, appId: 'app', message: answer('yes') })

    expect((await run).state.answer).toBe('yes')
    expect(pending.items.length).toBe(1)
    await persister.close()
    client.disconnect()
    await node.stop()
  })
})
