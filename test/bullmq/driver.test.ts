import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { type BullmqDriverOptions, bullmqDriver } from 'teasel/executor/bullmq'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { createDeferred } from '../../src/internal/deferred.js'
import type { EngineDriver, TakenJob } from '../../src/jobs/engine-driver.js'
import { findRedis, layWire, ownRedis, type Wire } from '../support/redis.js'

const server = await findRedis()
const prefix = `teasel-bullmq-${process.pid}-`
afterAll(() => server?.drop(prefix))

const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close()
})
const kept = <T extends { close(): unknown }>(one: T): T => {
  open.push(one)
  return one
}

let queues = 0
const newQueue = (): string => `queue-${queues++}`
const quick = { prefix, lockMs: 1_000, stalledMs: 500, timeoutMs: 1_000 }
const driverOf = (queue: string, more: { readonly connection?: string; readonly concurrency?: number } = {}) =>
  kept(bullmqDriver({ connection: server?.url ?? '', queue, ...quick, ...more }))

const wired = async (queue: string): Promise<{ readonly wire: Wire; readonly driver: EngineDriver }> => {
  const wire = kept(await layWire(server?.url ?? ''))
  return { wire, driver: driverOf(queue, { connection: wire.url }) }
}

describe('the options of a driver', () => {
  it('are refused all at once', () => {
    const wrong = {
      connection: 'redis://127.0.0.1',
      queue: 'a:b',
      prefix: '',
      lockMs: 0,
      timeoutMs: 1.5,
      concurrency: -1,
    }
    const faults = ['queue', 'prefix', 'concurrency', 'lockMs', 'timeoutMs']
    const told = [
      '"a:b"; it takes a text without a colon',
      '""; it takes a text',
      '-1; it takes a whole number',
      '0;',
      '1.5;',
    ]
    expect(() => bullmqDriver(wrong)).toThrow(
      expect.objectContaining({
        message: expect.stringMatching(
          new RegExp(faults.map((name, i) => `${name} of bullmqDriver\\(\\) is ${told[i]}.*`).join('\n')),
        ),
      }),
    )
  })

  it('name an unknown one, and what a connection is', () => {
    const unknown: BullmqDriverOptions = Object.assign({ connection: 'redis://x' }, { que: 'a' })
    expect(() => bullmqDriver(unknown)).toThrow('bullmqDriver has no option "que".')
    for (const connection of ['http://x', ''])
      expect(() => bullmqDriver({ connection })).toThrow("it takes a URL, 'redis://127.0.0.1:6379', options of ioredis")
  })
})

describe('without a server', () => {
  const nowhere = 'redis://127.0.0.1:1'

  it('each call rejects in time, and tells why', async () => {
    const driver = kept(bullmqDriver({ connection: nowhere, queue: 'lonely', timeoutMs: 100 }))
    const calls = [
      driver.enqueue([{ id: 'a', data: '' }]),
      driver.lookup(['a']),
      driver.remove('a'),
      driver.publish('c', ['x']),
      driver.listen('c', () => {}),
      driver.put('x'),
      driver.take('x'),
      driver.consume(async () => undefined, { concurrency: 1 }),
    ]
    const why =
      'the server has not answered for 100 ms. The last error of the connection: connect ECONNREFUSED 127.0.0.1:1'
    const settled = await Promise.allSettled(calls)
    for (const one of settled)
      expect(one).toMatchObject({ reason: { message: `bullmq lonely could not connect: ${why}` } })
  })

  it('closes at once, also while calls wait for the server', async () => {
    const driver = bullmqDriver({ connection: nowhere, timeoutMs: 60_000 })
    const calls = [driver.enqueue([{ id: 'a', data: '' }]), driver.listen('c', () => {})]
    const settled = Promise.allSettled(calls)
    await driver.close()
    expect((await settled).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    await expect(driver.lookup(['a'])).rejects.toThrow('bullmq teasel was closed.')
  })
})

/** A worker whose jobs go on until the test ends them. */
async function holding(driver: EngineDriver, concurrency = 1) {
  const taken: TakenJob[] = []
  const end = createDeferred<undefined>()
  const consumer = await driver.consume(
    (job) => {
      taken.push(job)
      return job.signal.aborted ? Promise.resolve(undefined) : Promise.race([end.promise, aborted(job)])
    },
    { concurrency },
  )
  return { taken, consumer, end: () => end.resolve(undefined) }
}

const aborted = ({ signal }: TakenJob): Promise<undefined> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined)))
const until = (done: () => unknown): Promise<unknown> => vi.waitUntil(done, { timeout: 15_000, interval: 5 })

/** Asks the server itself. */
async function ask<T>(work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(server?.url ?? '')
  try {
    return await work(redis)
  } finally {
    redis.disconnect()
  }
}

describe.skipIf(server === undefined)('a driver of BullMQ', () => {
  it('knows how a job ended whose events were lost', async () => {
    const queue = newQueue()
    const driver = driverOf(queue)
    const { taken, end } = await holding(driver)
    await driver.enqueue([{ id: 'a', data: '' }])
    await until(() => taken.length === 1)
    end()
    await until(async () => (await driver.lookup(['a'])).size === 0)
    await ask((redis) => redis.del(`${prefix}:${queue}:events`))
    expect((await driver.lookup(['a'])).size).toBe(0)
    await driver.enqueue([{ id: 'a', data: '' }])
    await until(() => taken.length === 2)
  })

  it('loses no text whose answer was lost', async () => {
    const { wire, driver } = await wired(newQueue())
    const reference = await driver.put('kept')
    wire.mute()
    await expect(driver.take(reference)).rejects.toThrow('could not read a text: the server has not answered')
    await wire.mend()
    expect(await driver.take(reference)).toBe('kept')
    expect(await driver.take(reference)).toBe(undefined)
  })

  it('opens a connection again whose server has gone without a word', async () => {
    const { wire, driver } = await wired(newQueue())
    await driver.lookup([])
    const texts: string[] = []
    await driver.listen('c', (text) => texts.push(text))
    wire.mute()
    await expect(driver.lookup(['a'])).rejects.toThrow('could not look jobs up: the server has not answered')
    wire.unmute() // for new connections
    expect((await driver.lookup(['a'])).size).toBe(0)
    await driver.close()
    expect(texts).toEqual([])
  })

  it('warns of no leak while many calls wait for the server', async () => {
    const { wire, driver } = await wired(newQueue())
    await driver.lookup([])
    const warnings: string[] = []
    const warned = ({ message }: Error): void => void warnings.push(message)
    process.on('warning', warned)
    kept({ close: () => process.off('warning', warned) })
    await wire.cut()
    const calls = Promise.allSettled(Array.from({ length: 30 }, () => driver.lookup(['a'])))
    await wire.mend()
    await calls
    expect((await driver.lookup(['a'])).size).toBe(0)
    expect(warnings).toEqual([])
  })

  it('sends nothing twice by itself', async () => {
    const queue = newQueue()
    const { wire, driver } = await wired(queue)
    const texts: string[] = []
    await driverOf(queue).listen('c', (text) => texts.push(text))
    await driver.publish('c', ['one'])
    wire.mute()
    await expect(driver.publish('c', ['two'])).rejects.toThrow('could not publish: the server has not answered')
    wire.unmute()
    await driver.publish('c', ['three'])
    await until(() => texts.includes('three'))
    expect(texts).toEqual(['one', 'two', 'three'])
  })

  it('goes on after a listener that fails', async () => {
    const driver = driverOf(newQueue())
    const texts: string[] = []
    await driver.listen('c', () => {
      throw new TypeError('It fails.')
    })
    await driver.listen('c', (text) => texts.push(text))
    await driver.publish('c', ['one', 'two'])
    await until(() => texts.length === 2)
  })

  it('loses a job by the clock while the server is away, and by its answer after a stop', async () => {
    const queue = newQueue()
    const { wire, driver } = await wired(queue)
    const { taken } = await holding(driver, 2)
    await driverOf(queue).enqueue([{ id: 'a', data: '' }])
    await until(() => taken.length === 1)
    await ask((redis) => redis.del(`${prefix}:${queue}:j-a:lock`))
    await until(() => taken[0]?.signal.aborted)
    expect(taken[0]?.signal.reason.message).toBe('Its lock was not renewed: another worker may have it.')
    await until(() => taken.length === 2)
    await wire.cut()
    await until(() => taken[1]?.signal.aborted)
    expect(taken[1]?.signal.reason.message).toBe('Its lock ran out: the server was not reached in time to renew it.')
  })

  it('takes a job as often as its workers die', async () => {
    const queue = newQueue()
    const driver = driverOf(queue)
    const { taken, end } = await holding(driver)
    await driver.enqueue([{ id: 'a', data: '' }])
    for (let deaths = 1; deaths <= 3; deaths++) {
      await until(() => taken.length === deaths)
      await ask((redis) => redis.del(`${prefix}:${queue}:j-a:lock`))
    }
    await until(() => taken.length === 4)
    end()
    await until(async () => (await driver.lookup(['a'])).size === 0)
  })

  it('takes more jobs at once when it may, while all that it has go on', async () => {
    const driver = driverOf(newQueue())
    const { taken, consumer, end } = await holding(driver, 2)
    await driver.enqueue(Array.from({ length: 9 }, (_, i) => ({ id: `job ${i}`, data: '' })))
    await until(() => taken.length === 2)
    for (const more of [3, 5, 6]) {
      consumer.setConcurrency(more)
      await until(() => taken.length === more)
    }
    end()
    await until(() => taken.length === 9)
  })

  it('leaves nothing of a job, of a text or of a channel behind', async () => {
    const queue = newQueue()
    const driver = driverOf(queue)
    const ids = Array.from({ length: 300 }, (_, i) => `job:${i}`)
    await driver.enqueue(ids.map((id) => ({ id, data: 'x'.repeat(10_000) })))
    await driver.enqueue([{ id: 'removed', data: '', delayMs: 60_000 }])
    await driver.remove('removed')
    await driver.take(await driver.put('x'.repeat(1_000_000)))
    await (await driver.listen('c', () => {}))()
    const all = createDeferred<void>()
    let left = ids.length
    const consumer = await driver.consume(
      async () => {
        left -= 1
        if (left === 0) all.resolve()
        return undefined
      },
      { concurrency: 32 },
    )
    await all.promise
    await consumer.close()
    await driver.close()

    const keys = (await server?.keys(`${prefix}:${queue}:`)) ?? []
    expect(
      keys.map((key) => key.slice(`${prefix}:${queue}:`.length)).filter((key) => !/^(stalled-check|marker)$/.test(key)),
    ).toEqual(['events', 'id', 'meta'])
    const redis = new Redis(server?.url ?? '')
    kept({ close: () => redis.disconnect() })
    expect(await redis.xlen(`${prefix}:${queue}:events`)).toBeLessThan(300)
    const bytes = await redis.memory('USAGE', `${prefix}:${queue}:events`, 'SAMPLES', 0)
    expect(bytes).toBeLessThan(50_000)
    expect(await redis.pubsub('CHANNELS', `${prefix}*`)).toEqual([])
    expect(String(await redis.client('LIST'))).not.toContain(`${prefix}:`)
  })

  it('keeps its queue where tools of BullMQ see it', async () => {
    const name = newQueue()
    const driver = driverOf(name)
    await driver.enqueue([{ id: 'a', data: '{}' }])
    const queue = kept(new Queue(name, { connection: { url: server?.url ?? '' }, prefix }))
    expect(await queue.getJobCountByTypes('wait')).toBe(1)
  })

  it('limits the jobs of all workers of a queue together', async () => {
    const queue = newQueue()
    const [one, other] = [driverOf(queue, { concurrency: 3 }), driverOf(queue)]
    const all = createDeferred<void>()
    let [running, most, done] = [0, 0, 0]
    const turn = () => new Promise((resolve) => setImmediate(resolve))
    const run = async () => {
      running += 1
      most = Math.max(most, running)
      for (let i = 0; i < 20; i++) await turn()
      running -= 1
      done += 1
      if (done === 60) all.resolve()
      return undefined
    }
    for (const driver of [one, other]) await driver.consume(run, { concurrency: 10 })
    await one.enqueue(Array.from({ length: 60 }, (_, i) => ({ id: `job ${i}`, data: '' })))
    await all.promise
    expect(most).toBe(3)
  })

  it('copies a connection of yours, and never closes it', async () => {
    const own = new Redis(server?.url ?? '')
    const driver = kept(bullmqDriver({ connection: own, queue: newQueue(), prefix }))
    await driver.enqueue([{ id: 'a', data: '' }])
    await driver.close()
    expect(await own.ping()).toBe('PONG')
    own.disconnect()
  })

  it('takes options of ioredis', async () => {
    const { hostname, port } = new URL(server?.url ?? '')
    const connection = { host: hostname, port: Number(port === '' ? 6379 : port) }
    const driver = kept(bullmqDriver({ connection, queue: newQueue(), prefix }))
    await driver.enqueue([{ id: 'a', data: '' }])
    expect(await driver.lookup(['a'])).toEqual(new Map([['a', 'queued']]))
  })

  it('hands a job back that it has taken again while its former run goes on', async () => {
    const queue = newQueue()
    const { wire, driver } = await wired(queue)
    const other = driverOf(queue)
    const taken: TakenJob[] = []
    const ends = [createDeferred<void>(), createDeferred<void>()]
    const [first, again] = [createDeferred<void>(), createDeferred<void>()]
    await driver.consume(
      async (job) => {
        const at = taken.push(job) - 1
        ;[first, again][at]?.resolve()
        await ends[at]?.promise
        return undefined
      },
      { concurrency: 2 },
    )
    await other.enqueue([{ id: 'a', data: '' }])
    await first.promise
    const lost = new Promise((resolve) => taken[0]?.signal.addEventListener('abort', resolve))
    await wire.cut()
    await lost
    await wire.mend()
    // Its own worker takes it again, and gives it back as long as the former run goes on.
    await vi.waitUntil(async () => (await delayed(queue)).includes('j-a'), { timeout: 10_000, interval: 5 })
    expect(taken.length).toBe(1)
    ends[0]?.resolve()
    await again.promise
    expect(taken[1]?.signal.aborted).toBe(false)
    ends[1]?.resolve()
    await vi.waitUntil(async () => (await other.lookup(['a'])).size === 0, { timeout: 10_000, interval: 5 })
  })

  it('answers for thousands of jobs as fast as for a few', async () => {
    const driver = driverOf(newQueue())
    const ids = Array.from({ length: 5_000 }, (_, i) => `job ${i}`)
    await driver.enqueue(ids.map((id) => ({ id, data: '' })))
    const start = performance.now()
    expect((await driver.lookup(ids)).size).toBe(5_000)
    // BullMQ searches its lists for each job: 25 million comparisons, which take seconds.
    expect(performance.now() - start).toBeLessThan(1_000)
  })

  const delayed = (queue: string): Promise<readonly string[]> =>
    ask((redis) => redis.zrange(`${prefix}:${queue}:delayed`, '0', '-1'))
})

const own = await ownRedis()
afterAll(() => own?.stop())

describe.skipIf(own === undefined)('a server that is killed', () => {
  it('has its jobs when it starts again, and drivers go on', { timeout: 30_000 }, async () => {
    const driver = kept(bullmqDriver({ connection: own?.url ?? '', ...quick, lockMs: 10_000 }))
    const taken: string[] = []
    const [first, both] = [createDeferred<void>(), createDeferred<void>()]
    const end = createDeferred<void>()
    const texts: string[] = []
    const consumer = await driver.consume(
      async (job) => {
        taken.push(job.id)
        if (taken.length === 1) first.resolve()
        if (taken.length === 2) both.resolve()
        await end.promise
        return job.signal.aborted ? { againInMs: 0 } : undefined
      },
      { concurrency: 1 },
    )
    await driver.listen('c', (text) => texts.push(text))
    await driver.enqueue([
      { id: 'running', data: '' },
      { id: 'waiting', data: '' },
    ])
    await first.promise
    await own?.kill()
    await expect(driver.lookup(['running'])).rejects.toThrow('bullmq teasel could not')
    await own?.start()
    await vi.waitUntil(
      () =>
        driver.lookup(['running']).then(
          ({ size }) => size === 1,
          () => false,
        ),
      {
        timeout: 10_000,
      },
    )
    expect(await driver.lookup(['running', 'waiting'])).toEqual(
      new Map([
        ['running', 'active'],
        ['waiting', 'queued'],
      ]),
    )
    await vi.waitUntil(async () => {
      await driver.publish('c', ['again'])
      return texts.length > 0
    })
    end.resolve()
    await both.promise
    await consumer.close()
    expect(taken).toEqual(['running', 'waiting'])
    expect((await driver.lookup(['running', 'waiting'])).size).toBe(0)
  })

  it('does not keep a worker from closing', { timeout: 30_000 }, async () => {
    const driver = bullmqDriver({ connection: own?.url ?? '', queue: 'gone', ...quick })
    const [began, end] = [createDeferred<void>(), createDeferred<void>()]
    const consumer = await driver.consume(
      async () => {
        began.resolve()
        await end.promise
        return undefined
      },
      { concurrency: 1 },
    )
    await driver.enqueue([{ id: 'a', data: '' }])
    await began.promise
    await own?.kill()
    end.resolve()
    await consumer.close()
    await driver.close()
  })
})
