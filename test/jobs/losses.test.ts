import { createApplication, defineState } from 'teasel'
import { defineRegistry } from 'teasel/executor'
import { memoryEngine } from 'teasel/testing'
import { describe, expect, it } from 'vitest'
import { defer } from '../support/deferred.js'
import { type FlakyEngine, flakyEngine } from '../support/flaky-engine.js'
import { quiet } from '../support/quiet-logger.js'
import { executorOver, seeded, sharedStore, workerOver } from './job-rig.js'

interface State {
  readonly n: number
  readonly log: readonly string[]
  readonly ends: readonly string[]
}
const kit = defineState<State>()

/** What the branches of a test meet. */
class World {
  /** Awaited in each step. */
  step: (name: string, delivery: number) => Promise<void> | void = () => {}
}
let world = new World()

const step = (name: string) =>
  kit.action({
    reads: ['n', 'log'],
    writes: ['log'],
    async run({ state, context, signal }) {
      const end = new Promise<never>((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
      )
      await Promise.race([world.step(`${state.n} ${name}`, context.delivery), end])
      return { log: [...state.log, name] }
    },
  })
const three = kit
  .graph({
    actions: { one: step('one'), two: step('two'), three: step('three') },
    transitions: { one: 'two', two: 'three' },
  })
  .runnable({ entrypoint: 'one' })
const registry = defineRegistry({ name: 'losses', graphs: { three } })

const mapOf = (count: number) =>
  kit.mapStates({
    reads: [],
    writes: ['ends'],
    action: three,
    settle: 'collect',
    states: Array.from({ length: count }, (_, n) => ({ n, log: [] })),
    reduce: ({ results }) => ({
      ends: results.map((one) => (one.status === 'done' ? one.state.log.join() : one.status)),
    }),
  })
const graphOf = (count: number) => kit.graph({ actions: { all: mapOf(count) } })
const DONE = 'one,two,three'

describe('branches as jobs, on channels that lose, double and reorder texts', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'all end with each step committed once, also where workers are killed and jobs stolen (seed %i)',
    async (seed) => {
      const random = seeded(seed)
      const engine = memoryEngine()
      const faults = { lose: 0.15, double: 0.15, delay: 0.2 }
      world = new World()
      world.step = async () => {
        for (let turns = random() * 60; turns > 0; turns--) await turn()
      }
      const owner = flakyEngine(engine.connect(), faults, random)
      await using executor = executorOver(owner)
      const start = () => {
        const connection = engine.connect()
        const driver = flakyEngine(connection, faults, random)
        return { connection, driver, worker: workerOver(driver, [registry], { concurrency: 6 }) }
      }
      let live = [start(), start(), start()]
      const app = createApplication(graphOf(40), {
        entrypoint: 'all',
        state: {},
        executor,
        logger: quiet,
        ...(seed % 2 === 0 && { persister: sharedStore()() }),
      })
      let kills = 6
      const subscription = app.on('step.end', () => {
        if (random() < 0.05)
          for (const id of engine.jobs.keys()) live.some(({ driver }) => driver.steal(id, random() < 0.5))
        if (random() > 0.08 || kills === 0) return
        kills -= 1
        const [first, ...rest] = live
        first?.connection.kill()
        void first?.worker.close({ drainMs: 0 })
        live = [...rest, start()]
      })
      const { state } = await app.run()
      subscription.unsubscribe()
      expect(state.ends).toEqual(Array.from({ length: 40 }, () => DONE))
      await executor.close()
      await Promise.all(live.map(({ worker }) => worker.close({ drainMs: 0 })))
    },
    30_000,
  )
})

/** One branch that stands in its second step, in a worker whose engine may fail it. */
async function standing(orphanMs = 60_000) {
  const engine = memoryEngine()
  const [reached, go] = [defer(), defer()]
  const begun: string[] = []
  world = new World()
  world.step = async (name, delivery) => {
    begun.push(`${name} ${delivery}`)
    if (name !== '0 two' || delivery > 1) return
    reached.resolve()
    await go.promise
  }
  const owner = flakyEngine(engine.connect())
  const drivers: FlakyEngine[] = [flakyEngine(engine.connect())]
  const executor = executorOver(owner)
  const worker = workerOver(drivers[0] as FlakyEngine, [registry], { concurrency: 1, orphanMs })
  const app = createApplication(graphOf(1), { entrypoint: 'all', state: {}, executor, logger: quiet })
  const committed = new Promise<void>((resolve) => void app.on('step.end', () => resolve()))
  const run = app.run()
  await Promise.all([reached.promise, committed])
  const second = () => workerOver(engine.connect(), [registry], { concurrency: 1 })
  const [id = ''] = engine.jobs.keys()
  return { engine, owner, driver: drivers[0] as FlakyEngine, executor, worker, run, go, begun, id, second }
}

describe('a branch as a job', () => {
  it('goes on where it is after a partition, and does not run twice', async () => {
    const { owner, go, run, begun, executor, worker } = await standing()
    owner.cut(true)
    go.resolve()
    await until(() => /teasel_packets_resent [1-9]/.test(worker.metrics()))
    owner.cut(false)
    expect((await run).state.ends).toEqual([DONE])
    expect(begun).toEqual(['0 one 1', '0 two 1', '0 three 1'])
    await executor.close()
    await worker.close({ drainMs: 0 })
  })

  it('is stopped where its owner is silent for too long, and goes on from its last commit when it is back', async () => {
    const { owner, run, begun, engine, id, executor, worker } = await standing(1_000)
    owner.cut(true)
    await until(() => !engine.jobs.has(id) || engine.jobs.get(id) === 'queued')
    owner.cut(false)
    expect((await run).state.ends).toEqual([DONE])
    expect(begun).toEqual(['0 one 1', '0 two 1', '0 two 2', '0 three 2'])
    expect(worker.metrics()).toMatch(/teasel_branches_orphaned_total [1-9]/)
    await executor.close()
    await worker.close({ drainMs: 0 })
  })

  it.each([true, false])(
    'goes on in the worker that has its job; the one before has no effect (told: %s)',
    async (told) => {
      const { driver, run, begun, id, go, executor, worker, second } = await standing()
      const other = second()
      await other.ready
      driver.steal(id, told)
      await until(() => begun.length >= 3)
      go.resolve() // the first worker would commit now
      expect((await run).state.ends).toEqual([DONE])
      expect(begun).toEqual(['0 one 1', '0 two 1', '0 two 2', '0 three 2'])
      await executor.close()
      await Promise.all([worker.close({ drainMs: 0 }), other.close({ drainMs: 0 })])
    },
  )

  it('goes on in another worker after a drain, which costs it no delivery', async () => {
    const { run, begun, executor, worker, second } = await standing()
    const other = second()
    await worker.close({ drainMs: 0 })
    expect((await run).state.ends).toEqual([DONE])
    expect(begun.slice(0, 3)).toEqual(['0 one 1', '0 two 1', '0 two 2'])
    await executor.close()
    await other.close({ drainMs: 0 })
  })

  it('ends in its worker where a drain waits for it, and nothing else is taken', async () => {
    const { run, begun, executor, worker, go } = await standing()
    const closed = worker.close({ drainMs: 60_000 })
    expect((await worker.health()).status).toBe('draining')
    go.resolve()
    expect((await run).state.ends).toEqual([DONE])
    await closed
    expect(begun).toEqual(['0 one 1', '0 two 1', '0 three 1'])
    await executor.close()
  })
})

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await turn()
}
