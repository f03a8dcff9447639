import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createApplication, defineState } from 'teasel'
import { defineRegistry, type ExecutorDriver } from 'teasel/executor'
import { createJobWorker, type EngineDriver, type JobWorker } from 'teasel/executor/jobs'
import { memoryEngine } from 'teasel/testing'
import { describe, expect, it } from 'vitest'
import { InlinePlace } from '../../src/jobs/inline-place.js'
import { startWorker } from '../../src/jobs/job-worker.js'
import { quiet } from '../support/quiet-logger.js'
import { executorOver, seeded, workerOver } from './job-rig.js'

interface State {
  readonly n: number
  readonly ends: readonly string[]
}
const kit = defineState<State>()
let work: (n: number, signal: AbortSignal) => Promise<void> = async () => {}
const one = kit.action({
  reads: ['n'],
  writes: ['n'],
  async run({ state, signal }) {
    const end = new Promise<never>((_, reject) =>
      signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
    )
    await Promise.race([work(state.n, signal), end])
    return { n: state.n + 1 }
  },
})
/** Ignores its cancel. */
const deaf = kit.action({ reads: ['n'], writes: ['n'], run: () => new Promise<never>(() => {}) })
const registry = defineRegistry({ name: 'worker test', graphs: { one, deaf } })
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

const appOf = (executor: ReturnType<typeof executorOver>, count: number, action: typeof one = one) =>
  createApplication(
    kit.graph({
      actions: {
        all: kit.mapStates({
          reads: [],
          writes: ['ends'],
          action,
          settle: 'collect',
          states: Array.from({ length: count }, (_, n) => ({ n })),
          reduce: ({ results }) => ({
            ends: results.map((r) => (r.status === 'failed' ? r.error.message : `${r.status} ${r.state.n}`)),
          }),
        }),
      },
    }),
    { entrypoint: 'all', state: {}, executor, logger: quiet, graceMs: 50 },
  )

const closeAll = async (...all: readonly (JobWorker | ReturnType<typeof executorOver>)[]): Promise<void> => {
  for (const one of all) await ('health' in one ? one.close({ drainMs: 0 }) : one.close())
}

describe('cancels of branches that are jobs', () => {
  it('leave no job, whenever they come: 400 at random moments, queued, asked for, running, or over', async () => {
    const random = seeded(7)
    const engine = memoryEngine()
    let live = 0
    work = async (_n, signal) => {
      live += 1
      const ended = (): void => {
        live -= 1
      }
      signal.addEventListener('abort', ended, { once: true })
      for (let turns = random() * 30; turns > 0 && !signal.aborted; turns--) await turn()
      if (!signal.aborted) ended()
    }
    const executor = executorOver(engine.connect())
    const workers = [1, 2].map(() => workerOver(engine.connect(), [registry], { concurrency: 8 }))
    const app = appOf(executor, 400)
    const run = app.run()
    const cancels = Array.from({ length: 400 }, async (_, n) => {
      for (let turns = random() * 400; turns > 0; turns--) await turn()
      return app.cancel({ path: `all/${n}`, reason: 'enough' })
    })
    const answers = await Promise.all(cancels)
    const { ends } = (await run).state
    for (const [n, end] of ends.entries())
      expect([`cancelled ${n}`, `cancelled ${n + 1}`, `done ${n + 1}`]).toContain(end)
    expect(answers.filter((answer) => answer === 'cancelled').length).toBeGreaterThan(20)
    expect(ends.filter((end) => end.startsWith('done')).length).toBeGreaterThan(20)
    await closeAll(executor)
    while (engine.jobs.size > 0) await turn()
    expect(live).toBe(0)
    await closeAll(...workers)
  }, 20_000)

  it('end a branch that ignores its cancel: its worker leaves it', async () => {
    const engine = memoryEngine()
    const executor = executorOver(engine.connect())
    const worker = workerOver(engine.connect(), [registry])
    const app = appOf(executor, 1, deaf)
    const begun = new Promise<void>(
      (resolve) => void app.on('step.start', ({ path }) => void (path.length > 0 && resolve())),
    )
    const run = app.run()
    await begun
    await app.cancel({ path: 'all/0', reason: 'enough' })
    expect((await run).state.ends).toEqual(['cancelled 0'])
    await closeAll(executor, worker)
    expect(engine.jobs.size).toBe(0)
  })
})

describe('a worker of jobs', () => {
  it('ends also when its engine is away: its jobs go to other workers by themselves', async () => {
    const engine = memoryEngine().connect()
    const away: EngineDriver = {
      ...engine,
      consume: async (work, options) => {
        const consumer = await engine.consume(work, options)
        return { ...consumer, close: () => consumer.close().then(() => Promise.reject(new Error('No connection.'))) }
      },
    }
    const worker = workerOver(away, [registry])
    await worker.ready
    await Promise.all([worker.close(), worker.close()])
    await worker.closed
    expect(await worker.health()).toMatchObject({ status: 'closed' })
  })

  it('leaves a branch whose code it lacks to another worker', async () => {
    work = async () => {}
    const engine = memoryEngine()
    const executor = executorOver(engine.connect())
    const without = workerOver(engine.connect(), [], { concurrency: 1 })
    await without.ready
    const run = appOf(executor, 1).run()
    while (!/mismatched_total [1-9]/.test(without.metrics())) await turn()
    const worker = workerOver(engine.connect(), [registry])
    expect((await run).state.ends).toEqual(['done 1'])
    await closeAll(executor, without, worker)
  })

  it.each([
    ['lacks', [], /This worker has no registry "worker test"/],
    [
      'has in another build',
      [
        defineRegistry({
          name: 'worker test',
          graphs: { one: kit.action({ reads: [], writes: ['n'], run: () => ({ n: 0 }) }) },
        }),
      ],
      /has other code under "one"/,
    ],
  ])('fails a branch whose code it %s, where it is told to', async (_, registries, error) => {
    const engine = memoryEngine()
    const executor = executorOver(engine.connect())
    const worker = workerOver(engine.connect(), registries, { mismatch: 'fail' })
    const { ends } = (await appOf(executor, 1).run()).state
    expect(ends[0]).toMatch(error)
    await closeAll(executor, worker)
    expect(engine.jobs.size).toBe(0)
  })

  it('asks again for a branch that its place has lost, without another job', async () => {
    work = async () => {}
    const engine = memoryEngine()
    const executor = executorOver(engine.connect())
    const inline = new InlinePlace([registry])
    const deliveries: number[] = []
    const place: ExecutorDriver = {
      ...{ name: inline.name, can: inline.can, close: () => inline.close() },
      submit(task, owner) {
        deliveries.push(task.delivery)
        if (task.delivery > 1) return inline.submit(task, owner)
        queueMicrotask(() => owner.lost({ why: 'Its thread has died.' }))
        return { send() {}, release() {} }
      },
    }
    const worker = startWorker(engine.connect(), { registries: [registry], logger: quiet }, { place })
    expect((await appOf(executor, 1).run()).state.ends).toEqual(['done 1'])
    expect([deliveries, /jobs_taken_total 1$/m.test(worker.metrics())]).toEqual([[1, 2], true])
    await closeAll(executor, worker)
  })

  it('leaves a job of an unknown kind, or of a newer version, to other workers', async () => {
    const engine = memoryEngine()
    const driver = engine.connect()
    await driver.enqueue([
      { id: 'a', data: '{"kind":"newer"}' },
      { id: 'b', data: 'no json' },
      { id: 'c', data: '{"kind":"branch","root":1}' },
    ])
    const worker = workerOver(engine.connect(), [registry])
    while (!/jobs_taken_total 3/.test(worker.metrics())) await turn()
    await turn()
    expect([...engine.jobs.values()]).toEqual(['queued', 'queued', 'queued'])
    await closeAll(worker)
  })

  it('ends a job whose owner does not answer, and one whose owner has closed', async () => {
    const engine = memoryEngine()
    const driver = engine.connect()
    const code = { registry: 'worker test', name: 'one', action: 'one', fingerprint: 'x' }
    const job = (owner: string) => JSON.stringify({ kind: 'branch', root: 'r', owner, path: 'all/0', code })
    const worker = workerOver(engine.connect(), [], { mismatch: 'fail' })
    await driver.enqueue([{ id: 'silent', data: job('o/gone') }])
    while (engine.jobs.has('silent')) await turn() // 5 s of its clock
    await driver.enqueue([{ id: 'closed', data: job('o/closed') }])
    while (engine.jobs.get('closed') !== 'active') await turn()
    await turn()
    await driver.publish('all', ['{"type":"bye","owner":"o/closed"}'])
    await turn()
    expect(engine.jobs.size).toBe(0)
    await closeAll(worker)
  })

  it('answers for its health and its figures', async () => {
    const engine = memoryEngine()
    const driver = engine.connect()
    const worker = createJobWorker({ driver, registries: [registry], concurrency: 3, logger: quiet })
    expect(await worker.health()).toMatchObject({ ok: false, status: 'starting' })
    await worker.ready
    const server = createServer(worker.handler)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const get = async (path: string) => {
      const response = await fetch(`${base}${path}`)
      return [response.status, await response.text()] as const
    }
    expect(await get('/healthz')).toEqual([200, '{"ok":true,"status":"ready","running":0,"paused":0}'])
    expect((await get('/metrics'))[1]).toContain('\nteasel_worker_concurrency 3\n')
    expect((await get('/'))[0]).toBe(404)
    driver.lookup = () => Promise.reject(new TypeError('The connection is lost.'))
    expect(await get('/healthz')).toMatchObject([503, expect.stringContaining('The connection is lost.')])
    expect((await worker.fetch(new Request('http://worker/healthz'))).status).toBe(503)
    await new Promise((resolve) => server.close(resolve))
    await closeAll(worker)
    expect((await worker.health()).status).toBe('closed')
  })

  it('is refused with every invalid option', () => {
    const driver = memoryEngine().connect()
    const wrong: object = { driver, concurrency: 0, drainMs: -1, mismatch: 'never', orphanMs: 0, signals: 'SIGTERM' }
    expect(() => createJobWorker(wrong as never)).toThrow(/concurrency.*mismatch.*drainMs.*orphanMs.*signals/s)
    expect(() => createJobWorker({ driver, registries: [registry], isolation: 'thread' })).toThrow(
      /"worker test" has none. Add module: import.meta.url/,
    )
    expect(() => createJobWorker({ driver: {} as never })).toThrow(/takes the driver of an engine/)
  })
})
