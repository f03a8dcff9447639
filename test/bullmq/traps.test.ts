import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { createApplication, resumeOrCreate } from 'teasel'
import { bullmq } from 'teasel/executor/bullmq'
import { postgresPersister } from 'teasel/persistence/postgres'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createDeferred } from '../../src/internal/deferred.js'
import { findPostgres } from '../support/postgres.js'
import { quiet } from '../support/quiet-logger.js'
import { findRedis, layWire, ownRedis } from '../support/redis.js'
import { graphOf, type Item } from './fixtures/app.js'
import { go } from './fixtures/branches.js'
import type { OwnerOptions } from './fixtures/owner.js'
import { startFixture, startWorker, type WorkerProcess, type WorkerProcessOptions } from './rig.js'

// What went wrong in trials of engines of jobs, each as a test with real processes and a real server.

const server = await findRedis()
const own = await ownRedis()
const postgres = await findPostgres()
const connection = server?.url ?? ''
const prefix = `teasel-traps-${process.pid}-`
const folder = mkdtempSync(join(tmpdir(), 'teasel-traps-'))
const quick = { prefix, lockMs: 1_500, stalledMs: 500 }

const open: (() => unknown)[] = []
const closeAll = async (): Promise<void> => {
  for (const close of open.splice(0).reverse()) await close()
}
afterEach(closeAll)

let queues = 0
const newQueue = (): string => `trap-${queues++}`
let files = 0
const newFile = (): string => join(folder, `effects-${files++}`)
const linesOf = (file: string): readonly string[] => readFileSync(file, 'utf8').trim().split('\n').sort()

/** A worker process, ended after the test. */
async function worker(queue: string, options: Partial<WorkerProcessOptions> = {}): Promise<WorkerProcess> {
  const one = await startWorker({ connection, queue, ...quick, ...options })
  open.push(() => one.close())
  return one
}

/** An application whose branches are jobs of a queue. */
function owned(queue: string, items: readonly Item[], url = connection) {
  const executor = bullmq({ connection: url, queue, ...quick, requiresStore: false, sweepMs: 100, logger: quiet })
  open.push(() => executor.close())
  const app = createApplication(graphOf(executor, items), { entrypoint: 'map', state: {}, logger: quiet })
  const chunks: string[] = []
  const waiting: { readonly count: number; readonly resolve: (all: readonly string[]) => void }[] = []
  app.on('chunk', ({ chunk }) => {
    chunks.push(String(chunk))
    for (const one of waiting) if (chunks.length >= one.count) one.resolve(chunks)
  })
  return {
    app,
    run: async () => (await app.run()).state.log,
    /** Resolves with all chunks, once there are so many. */
    chunks: (count: number): Promise<readonly string[]> => {
      const { promise, resolve } = createDeferred<readonly string[]>()
      waiting.push({ count, resolve })
      if (chunks.length >= count) resolve(chunks)
      return promise
    },
  }
}

/** The pid that a branch has told. */
const pidOf = (chunk: string | undefined): number => Number(/(\d+) \d+$/.exec(chunk ?? '')?.[1])

async function ask<T>(work: (redis: Redis) => Promise<T>, url = connection): Promise<T> {
  const redis = new Redis(url)
  try {
    return await work(redis)
  } finally {
    redis.disconnect()
  }
}

describe.skipIf(server === undefined)('with two workers', () => {
  const queue = newQueue()
  const workers: WorkerProcess[] = []
  beforeAll(async () => {
    workers.push(...(await Promise.all([1, 2].map(() => startWorker({ connection, queue, ...quick })))))
  })
  afterAll(() => Promise.all(workers.map((one) => one.close())))

  it('results come though the connection of the owner is cut, and the events of the engine are lost', async () => {
    const wire = await layWire(connection)
    const items = Array.from({ length: 200 }, (_, n): Item => ['add', { n }])
    const { run, app } = owned(queue, items, wire.url)
    const tenth = createDeferred<void>()
    let done = 0
    app.on('branch.settled', () => {
      done += 1
      if (done === 10) tenth.resolve()
    })
    const ran = run()
    await tenth.promise
    await wire.cut()
    await ask((redis) => redis.del(`${prefix}:${queue}:events`))
    await wire.mend()
    expect(await ran).toEqual(items.map((_, n) => `add${n} done ${n + 1}`))
    await closeAll()
    await wire.close()
  })

  it('large results leave no memory behind in the server', async () => {
    const memory = () => ask(async (redis) => Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]))
    const before = await memory()
    const items = Array.from({ length: 40 }, (): Item => ['large', { n: 500_000 }])
    expect(new Set(await owned(queue, items).run()).size).toBe(40)
    await closeAll()
    // 40 results of a megabyte: BullMQ would keep them in its stream of events.
    expect((await memory()) - before).toBeLessThan(10_000_000)
  })

  it('400 cancels at any moment: none is lost, and no job is left', async () => {
    const items = Array.from({ length: 400 }, (_, n): Item => (n % 2 ? ['add', { n }] : ['holds']))
    const { app, run } = owned(queue, items)
    const ran = run()
    const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
    let seed = 7
    const cancels = items.map(async ([name], i) => {
      seed = (seed * 16_807) % 2_147_483_647
      for (let turns = seed % 400; turns > 0; turns--) await turn()
      return app.cancel({ path: `map/${name}${i}`, reason: 'enough' })
    })
    const answers = await Promise.all(cancels)
    const ends = await ran
    expect(ends.filter((end) => end.startsWith('holds') && end.endsWith('cancelled enough')).length).toBe(200)
    for (const [i, end] of ends.entries())
      if (end.startsWith('add'))
        expect(end).toBe(end.includes('cancelled') ? `add${i} cancelled enough` : `add${i} done ${i + 1}`)
    expect(answers.length).toBe(400)
    await expect.poll(() => jobsOf(queue), { timeout: 10_000 }).toEqual([])
  })

  it('a worker that was stopped and goes on later changes nothing, and works again', { timeout: 60_000 }, async () => {
    const file = newFile()
    const { app, run, chunks } = owned(queue, [['steps', { n: 1, text: file }]])
    const ran = run()
    const pid = pidOf((await chunks(2))[1])
    const zombie = workers.find((one) => one.pid === pid)
    zombie?.signal('SIGSTOP')
    const again = await chunks(3)
    expect(again[2]).toMatch(/^two \d+ 2$/)
    expect(pidOf(again[2])).not.toBe(pid)
    zombie?.signal('SIGCONT')
    await app.send(go('go'), { path: 'map/steps0' })
    expect(await ran).toEqual(['steps0 done one 1, two 2, three 2'])
    expect(linesOf(file)).toEqual(['steps0 one', 'steps0 three', 'steps0 two'])
    // Both work: two branches that wait for each other would not fit into one.
    const both = owned(
      queue,
      Array.from({ length: 40 }, (): Item => ['asks']),
    )
    const asked = both.run()
    expect(new Set((await both.chunks(40)).map(pidOf)).has(pid)).toBe(true)
    for (let i = 0; i < 40; i++) await both.app.send(go('yes'), { path: `map/asks${i}` })
    expect(new Set((await asked).map((end) => end.split(' ').slice(1).join(' ')))).toEqual(new Set(['done yes']))
  })

  it('a worker that is killed costs no branch', { timeout: 60_000 }, async () => {
    const { run, chunks } = owned(
      queue,
      Array.from({ length: 6 }, (_, n): Item => ['survives', { n }]),
    )
    const ran = run()
    const pids = (await chunks(6)).map(pidOf)
    expect(new Set(pids).size).toBe(2)
    const [first] = workers
    await first?.kill()
    workers[0] = await startWorker({ connection, queue, ...quick })
    // Those of the other worker still run in their first delivery.
    await chunks(6 + pids.filter((pid) => pid === first?.pid).length)
    await workers[1]?.kill()
    workers[1] = await startWorker({ connection, queue, ...quick })
    expect(await ran).toEqual([0, 1, 2, 3, 4, 5].map((n) => `survives${n} done ${n + 1}`))
  })

  it('nothing is left of all this', async () => {
    await closeAll()
    await expect.poll(() => jobsOf(queue), { timeout: 10_000 }).toEqual([])
    const keys = (await server?.keys(`${prefix}:${queue}:`)) ?? []
    const names = keys.map((key) => key.slice(`${prefix}:${queue}:`.length))
    expect(names.filter((name) => !/^(events|id|marker|meta|stalled|stalled-check)$/.test(name))).toEqual([])
  })
})

/** The keys of jobs and texts of a queue. */
const jobsOf = async (queue: string): Promise<readonly string[]> =>
  ((await server?.keys(`${prefix}:${queue}:`)) ?? []).filter((key) => /:(j-|text)/.test(key))

describe.skipIf(server === undefined)('with workers of its own', () => {
  it('code that calculates for longer than a lock keeps its job in a thread', { timeout: 60_000 }, async () => {
    const queue = newQueue()
    await worker(queue, { isolation: 'thread', pool: { workers: 1 } })
    await worker(queue, { isolation: 'thread', pool: { workers: 1 } })
    const { run } = owned(queue, [['calculates', { n: 2 * quick.lockMs }]])
    expect(await run()).toEqual(['calculates0 done delivery 1'])
  })

  it('a rolling deployment: a worker without the code leaves a branch to one that has it', async () => {
    const queue = newQueue()
    await worker(queue, { bare: true })
    const { run } = owned(queue, [['add', { n: 1 }]])
    const ran = run()
    await expect.poll(() => jobsOf(queue), { timeout: 10_000 }).toHaveLength(1)
    await worker(queue)
    expect(await ran).toEqual(['add0 done 2'])
  })

  it('a worker drains at SIGTERM: it ends what it can, hands back the rest, and exits', {
    timeout: 60_000,
  }, async () => {
    const queue = newQueue()
    const first = await worker(queue, { drainMs: 100 })
    const { run, chunks } = owned(queue, [
      ['survives', { n: 1 }],
      ['survives', { n: 2 }],
    ])
    const ran = run()
    await chunks(2)
    const second = await worker(queue)
    first.signal('SIGTERM')
    expect((await chunks(4)).slice(2).map(pidOf)).toEqual([second.pid, second.pid])
    expect(await ran).toEqual(['survives0 done 2', 'survives1 done 3'])
    expect(await first.ended).toBe(0)
  })

  it.skipIf(own === undefined)('a server that is killed and starts again', { timeout: 60_000 }, async () => {
    const queue = newQueue()
    const url = own?.url ?? ''
    await worker(queue, { connection: url, concurrency: 4, lockMs: 5_000 })
    const file = newFile()
    const items = Array.from({ length: 8 }, (): Item => ['steps', { n: 1, text: file }])
    const { app, run, chunks } = owned(queue, items, url)
    const ran = run()
    await chunks(16) // each waits for a message
    await own?.kill()
    await own?.start()
    for (const [i] of items.entries()) await app.send(go('go'), { path: `map/steps${i}` })
    const ends = await ran
    expect(ends.map((end) => end.replaceAll(/ \d/g, ''))).toEqual(items.map((_, i) => `steps${i} done one, two, three`))
    expect(linesOf(file).length).toBe(24)
    expect(new Set(linesOf(file)).size).toBe(24)
    await closeAll()
  })

  it.skipIf(postgres === undefined)(
    'an owner that is killed: the next one finds its jobs',
    { timeout: 60_000 },
    async () => {
      const queue = newQueue()
      const schema = `teasel_traps_${process.pid}`
      open.push(() => postgres?.drop(schema))
      // A job of the owner that is dead, whose branch has ended, is held until then.
      await worker(queue, { orphanMs: 4_000 })
      const file = newFile()
      const items: readonly Item[] = [
        ['steps', { n: 1, text: file }],
        ['steps', { n: 1, text: file }],
        ['add', { n: 1 }],
      ]
      const url = postgres?.url ?? ''
      const options: OwnerOptions = { connection, queue, ...quick, url, schema, appId: 'app', items }
      const owner = startFixture('owner', options)
      const said: unknown[] = []
      const begun = createDeferred<void>()
      owner.on('message', (chunk) => said.push(chunk) === 4 && begun.resolve())
      await begun.promise // both wait for a message
      const ended = once(owner, 'exit')
      owner.kill('SIGKILL')
      await ended

      const persister = postgresPersister({ url, schema })
      open.push(() => persister.close())
      const executor = bullmq({ connection, queue, ...quick, logger: quiet })
      open.push(() => executor.close())
      const app = await resumeOrCreate(graphOf(executor, items), {
        ...{ appId: 'app', entrypoint: 'map', state: {}, persister, logger: quiet },
      })
      const two = createDeferred<void>()
      let waiting = 0
      app.on('wait', () => {
        waiting += 1
        if (waiting === 2) two.resolve()
      })
      const ran = app.run()
      await two.promise
      for (const i of [0, 1]) await app.send(go('go'), { path: `map/steps${i}` })
      const { log } = (await ran).state
      expect(log.map((end) => end.replaceAll(/ (one|two|three) \d/g, ' $1'))).toEqual([
        'steps0 done one, two, three',
        'steps1 done one, two, three',
        'add2 done 2',
      ])
      expect(linesOf(file)).toEqual(
        ['steps0', 'steps1'].flatMap((name) => ['one', 'three', 'two'].map((step) => `${name} ${step}`)),
      )
      await expect.poll(() => jobsOf(queue), { timeout: 10_000 }).toEqual([])
    },
  )
})

afterAll(async () => {
  await closeAll()
  await own?.stop()
  await server?.drop(prefix)
  rmSync(folder, { recursive: true, force: true })
})
