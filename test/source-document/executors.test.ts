import { createApplication, entry, task } from 'teasel'
import { type Executor, inProcess } from 'teasel/executor'
import { bullmqDriver } from 'teasel/executor/bullmq'
import { createJobWorker, type EngineDriver, jobExecutor } from 'teasel/executor/jobs'
import { processes } from 'teasel/executor/processes'
import { threads } from 'teasel/executor/threads'
import { memoryPersister } from 'teasel/persistence'
import { memoryEngine } from 'teasel/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { findRedis } from '../support/redis.js'
import { busy, deep, kit, registry, tell } from './executed.js'

const pool = threads({ workers: 2 })
const others = processes({ workers: 1 })
const redis = await findRedis()
const prefix = `teasel-rows-${process.pid}`
afterAll(async () => {
  await pool.close()
  await others.close()
  await redis?.drop(prefix)
})

/** An engine of one's own: what Ray or Dask would be behind the same port. It notes the jobs that it is given. */
function ownEngine() {
  const engine = memoryEngine()
  const asked: string[] = []
  const connect = (): EngineDriver => {
    const { enqueue, ...rest } = engine.connect()
    return {
      ...rest,
      name: 'own',
      enqueue(jobs) {
        asked.push(...jobs.map(({ data }) => JSON.parse(data).path))
        return enqueue(jobs)
      },
    }
  }
  return { engine, asked, connect }
}

/** Where it ran: here, in a thread, in another process. */
const placed = (where: string): string => {
  const [n, place] = where.split(' ')
  return `${n} ${place === 'thread' ? place : Number(place) === process.pid ? 'here' : 'process'}`
}
const places = ({ results }: { readonly results: readonly { readonly state: { readonly where: string } }[] }) => ({
  places: results.map(({ state }) => placed(state.where)),
})
const twice = (executor?: Executor | null) =>
  kit.mapStates({
    reads: [],
    writes: ['places'],
    action: tell,
    ...(executor !== undefined && { executor }),
    states: [{ n: 1 }, { n: 2 }],
    reduce: places,
  })

const run = async (map: ReturnType<typeof twice>, executor?: Executor) => {
  const chosen = executor && { executor }
  const app = createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: {}, ...chosen })
  return (await app.run()).state.places
}

describe('executors', () => {
  it('S-072 S-080 run the tasks of an application, or of one map', async () => {
    expect(await run(twice(), pool)).toEqual(['1 thread', '2 thread'])
    expect(await run(twice(pool))).toEqual(['1 thread', '2 thread'])
  })

  it('S-081 S-086 are this process by default, where every branch is asynchronous', async () => {
    expect(await run(twice())).toEqual(['1 here', '2 here'])
    expect(await run(twice(), inProcess())).toEqual(['1 here', '2 here'])
  })

  it('S-082 run the same map in processes', async () => {
    expect(await run(twice(), others)).toEqual(['1 process', '2 process'])
  })

  it('S-083 S-084 run in an engine of jobs of one’s own, over the port that any engine fits', async () => {
    const { engine, asked, connect } = ownEngine()
    await using executor = jobExecutor(connect(), { requiresStore: false })
    await using worker = createJobWorker({ driver: connect(), registries: [registry], isolation: 'thread' })
    expect(await run(twice(), executor)).toEqual(['1 thread', '2 thread'])
    expect(asked).toEqual(['map/0', 'map/1'])
    await worker.close()
    expect(engine.jobs.size).toBe(0)
  })

  it.skipIf(redis === undefined)('S-083 S-084 run as jobs of BullMQ, in processes of a worker', async () => {
    const connect = () => bullmqDriver({ connection: redis?.url ?? '', prefix, queue: 'rows' })
    await using executor = jobExecutor(connect(), { requiresStore: false })
    await using worker = createJobWorker({ driver: connect(), registries: [registry], isolation: 'process' })
    expect(await run(twice(), executor)).toEqual(['1 process', '2 process'])
    expect(worker.metrics()).toContain('teasel_jobs_taken_total 2')
  })

  it('S-087 S-090 of a map count before that of the application', async () => {
    expect(await run(twice(others), pool)).toEqual(['1 process', '2 process'])
    expect(await run(twice(null), pool)).toEqual(['1 here', '2 here'])
  })

  it('S-103 are chosen by a graph, an entry and a task', async () => {
    const graph = kit.graph({ actions: { tell } }).runnable({ entrypoint: 'tell', executor: null })
    const byEntry = kit.mapActions({
      reads: ['n'],
      writes: ['places'],
      actions: { graph, entry: entry(tell, { executor: others }), map: tell },
      state: () => ({ n: 3 }),
      reduce: places,
    })
    const byTask = kit.parallel({
      reads: [],
      writes: ['places'],
      tasks: [task({ action: tell, state: { n: 4 }, executor: others }), task({ action: tell, state: { n: 5 } })],
      reduce: places,
    })
    const app = createApplication(kit.graph({ actions: { byEntry, byTask }, transitions: { byEntry: 'byTask' } }), {
      entrypoint: 'byEntry',
      state: { n: 0 },
      executor: pool,
    })
    const seen: unknown[] = []
    for await (const { state } of app.iterate()) seen.push(state.places)
    expect(seen).toEqual([
      ['3 here', '3 process', '3 thread'],
      ['4 process', '5 thread'],
    ])
  })

  it('S-089 of the application run every parallel action, and what is nested in it', async () => {
    const map = kit.mapActions({
      reads: [],
      writes: ['places'],
      actions: { deep },
      reduce: ({ results }) => ({ places: results.flatMap(({ state }) => state.places) }),
    })
    const app = createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: {}, executor: pool })
    expect((await app.run()).state.places).toEqual(['1 thread', '2 thread'])
  })

  it.each([1, 3])('S-079 S-088 keep to a concurrency of %i exactly', async (concurrency) => {
    await using limited = threads({ workers: 2, concurrency })
    const map = kit.mapStates({
      reads: [],
      writes: ['places'],
      action: busy,
      states: Array.from({ length: 6 }, (_, n) => ({ n })),
      reduce: places,
    })
    const make = () =>
      createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: {}, executor: limited })
    await make().run() // its threads have started by now
    const app = make()
    let [live, most] = [0, 0]
    for await (const { chunk } of app.stream({ include: ['chunk'] })) {
      live += chunk === 'begins' ? 1 : -1
      most = Math.max(most, live)
    }
    expect([live, most]).toEqual([0, concurrency])
  })

  it('S-102 reach a store that cannot cross, through their owner', async () => {
    const persister = memoryPersister()
    const map = twice()
    const app = createApplication(kit.graph({ actions: { map } }), {
      entrypoint: 'map',
      state: {},
      appId: 'stored',
      persister,
      executor: pool,
    })
    await app.run()
    const { items } = await persister.branches({ runId: 'stored', map: 'map', visit: 1 })
    expect(items.map(({ status }) => status)).toEqual(['done', 'done'])
  })
})
