import { defineState } from 'teasel'
import { defineRegistry } from 'teasel/executor'
import { createJobWorker, createRunQueue, createRunWorker, type EngineDriver, jobExecutor } from 'teasel/executor/jobs'
import { hosted } from 'teasel/host'
import { createPersister, memoryPersister } from 'teasel/persistence'
import { memoryEngine } from 'teasel/testing'
import { describe, expect, it } from 'vitest'
import { defer, flush, flushUntil } from '../support/deferred.js'
import { overDriver } from '../support/over-driver.js'
import { quiet } from '../support/quiet-logger.js'

interface State {
  readonly n: number
  readonly sum: number
}
const kit = defineState<State>()
const double = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n * 2 }) })
const registry = defineRegistry({ name: 'runs and branches', graphs: { double } })
const all = kit.mapStates({
  reads: ['n'],
  writes: ['sum'],
  action: double,
  states: ({ state: { n } }) => [1, 2, 3].map((one) => ({ n: one + n })),
  reduce: ({ results }) => ({ sum: results.reduce((sum, { state }) => sum + state.n, 0) }),
})

/** A store that other machines could open, as far as anybody can tell. */
const shared = () => createPersister(overDriver(memoryPersister().driver, { shared: true }))

describe('a worker of branches and whole applications', () => {
  it('runs both: runs that wait for their branches hold no slot that those need', async () => {
    const [branches, runs] = [memoryEngine(), memoryEngine()]
    const persister = shared()
    await using executor = jobExecutor(branches.connect())
    const graphs = { sums: hosted(kit.graph({ actions: { all } }), { entrypoint: 'all', executor }) }
    await using worker = createJobWorker({
      ...{ driver: branches.connect(), registries: [registry], concurrency: 1, logger: quiet },
      ...{ runDriver: runs.connect(), persister, graphs, runConcurrency: 2, sweepMs: 20 },
    })
    await using queue = createRunQueue({ driver: runs.connect(), persister, graphs, pollMs: 20, logger: quiet })
    const ids = ['a', 'b', 'c', 'd', 'e']
    for (const [i, appId] of ids.entries()) await queue.enqueueRun('sums', { appId, state: { n: i } })
    const ends = await Promise.all(ids.map((id) => queue.attach(id).outcome))
    expect(ends.map(({ status, state }) => [status, state['sum']])).toEqual(
      ids.map((_, i) => ['finished', 2 * (6 + 3 * i)]),
    )
    expect(worker.metrics()).toContain('teasel_runs_taken_total 5')
    expect(worker.metrics()).toContain('teasel_jobs_taken_total 15')
    expect(await worker.health()).toMatchObject({ ok: true })
    await worker.close()
    await flushUntil(() => branches.jobs.size + runs.jobs.size === 0)
    expect(branches.jobs.size + runs.jobs.size).toBe(0)
  })

  it('tells what its runs lack', () => {
    const driver = memoryEngine().connect()
    const persister = shared()
    const graphs = { sums: hosted(kit.graph({ actions: { all } }), { entrypoint: 'all' }) }
    expect(() => createJobWorker({ driver, graphs })).toThrow('graphs of the worker need runDriver')
    expect(() => createJobWorker({ driver, graphs, runDriver: driver })).toThrow('graphs of the worker need persister')
    expect(() => createJobWorker({ driver, persister })).toThrow('persister of the worker needs graphs')
    expect(() => createJobWorker({ driver, graphs, runDriver: driver, persister, runConcurrency: 0 })).toThrow(
      'runConcurrency is 0',
    )
  })

  it('says why its runs do not work while their store is away', async () => {
    const { driver } = memoryPersister()
    const persister = createPersister(overDriver(driver, { due: () => Promise.reject(new Error('No connection.')) }))
    const graphs = { sums: hosted(kit.graph({ actions: { all } }), { entrypoint: 'all' }) }
    const [branches, runs] = [memoryEngine(), memoryEngine()]
    await using worker = createJobWorker({
      ...{ driver: branches.connect(), runDriver: runs.connect(), persister, graphs, logger: quiet },
    })
    await worker.ready
    await expect.poll(async () => (await worker.health()).why).toBe('Runs: No connection.')
  })

  it('ends once, however often it is closed: nobody goes on before the last listener is gone', async () => {
    const engine = memoryEngine().connect()
    const unlistened = defer<void>()
    let asked = 0
    const driver: EngineDriver = {
      ...engine,
      listen: async (channel, receive) => {
        const end = await engine.listen(channel, receive)
        return async () => {
          asked += 1
          await unlistened.promise
          await end()
        }
      },
    }
    const graphs = { sums: hosted(kit.graph({ actions: { all } }), { entrypoint: 'all' }) }
    const worker = createRunWorker({ driver, persister: shared(), graphs, logger: quiet, signals: [] })
    await expect.poll(() => worker.health().lookedAt).toBeDefined()
    const closed: string[] = []
    const ends = ['first', 'second'].map((name) => worker.close().then(() => void closed.push(name)))
    await flushUntil(() => asked > 0)
    await flush()
    expect(closed).toEqual([])
    unlistened.resolve()
    await Promise.all(ends)
    expect(closed).toEqual(['first', 'second'])
    expect(asked).toBe(1)
  })
})
