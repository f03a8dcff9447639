import { defineMessage, defineState, type } from 'teasel'
import { createRunQueue, createRunWorker, type EngineDriver } from 'teasel/executor/jobs'
import { hosted } from 'teasel/host'
import { memoryPersister } from 'teasel/persistence'
import { memoryEngine } from 'teasel/testing'
import { describe, expect, it } from 'vitest'
import { randomOf } from '../chaos/draw.js'
import { flush } from '../support/deferred.js'
import { mortal } from '../support/mortal-store.js'
import { quiet } from '../support/quiet-logger.js'

const RUNS = 200
const STEPS = 4
const DEATHS = 30

/** An engine that loses texts, and sometimes a job, as a process that dies before it has enqueued it does. */
function losing(driver: EngineDriver, random: () => number): EngineDriver {
  return {
    ...driver,
    publish: async (channel, texts) => {
      if (random() < 0.7) await driver.publish(channel, texts)
    },
    enqueue: async (jobs) => {
      if (random() < 0.2) throw new Error('The connection is lost.')
      if (random() < 0.8) await driver.enqueue(jobs)
    },
  }
}

const kit = defineState<{ n: number; asks: boolean }>()
const go = defineMessage('go', type<number>())

describe('200 runs, workers that die at random, and an engine that loses texts and jobs', () => {
  it.each([1, 2])('lose nothing, and commit each step once (seed %i)', async (seed) => {
    const random = randomOf(seed)
    const persister = memoryPersister()
    const engine = memoryEngine()
    const commits = new Map<string, number>()
    const step = kit.action({
      reads: ['n', 'asks'],
      writes: ['n'],
      run: async ({ state: { n, asks }, context }) => {
        for (let turns = random() * 8; turns > 0; turns--) await new Promise<void>((resolve) => setImmediate(resolve))
        if (asks && n === 1) await context.receiveOne(go)
        if (!asks && n === 2) await context.sleep({ ms: 5 })
        return { n: n + 1 }
      },
    })
    const graph = kit.graph({
      actions: { step },
      transitions: { step: [{ to: 'step', when: ({ state }) => state.n < STEPS }] },
    })
    const graphs = { work: hosted(graph, { entrypoint: 'step', inboxPollMs: 20 }) }
    const start = () => {
      const { persister: own, crash } = mortal(persister)
      const driver = engine.connect()
      const worker = createRunWorker({
        driver: losing(driver, random),
        persister: own,
        graphs,
        concurrency: 8,
        leaseMs: 60,
        sweepMs: 15,
        drainMs: 20,
        maxCrashes: 1_000,
        signals: [],
        logger: quiet,
      })
      const kill = (): void => {
        crash()
        driver.kill()
      }
      return { worker, kill }
    }
    const alive = Array.from({ length: 4 }, start)
    const dead: (typeof alive)[number][] = []
    let stop = false
    const killing = (async () => {
      while (!stop && dead.length < DEATHS) {
        await new Promise<void>((resolve) => setTimeout(resolve, 60 * random()))
        const [victim] = alive.splice(Math.floor(random() * alive.length), 1)
        if (victim !== undefined) dead.push(victim)
        if (random() < 0.7) victim?.kill()
        void victim?.worker.close() // of a killed one it writes nothing
        alive.push(start())
      }
    })()

    await using queue = createRunQueue({
      driver: losing(engine.connect(), random),
      persister,
      graphs,
      pollMs: 10,
      logger: quiet,
    })
    const ids = Array.from({ length: RUNS }, (_, i) => `run ${i}`)
    const ends = ids.map(async (appId, i) => {
      const asks = i % 3 === 0
      await queue.enqueueRun('work', { appId, state: { n: 0, asks }, ...(i % 5 === 0 && { priority: 1 + (i % 7) }) })
      const run = queue.attach(appId)
      if (asks) await run.send(go(i))
      return run.outcome
    })
    const outcomes = await Promise.all(ends)
    stop = true
    await killing
    for (const { worker } of [...alive, ...dead]) await worker.close()
    await flush()

    expect(outcomes.map(({ status, state, sequenceId }) => [status, state['n'], sequenceId])).toEqual(
      ids.map(() => ['finished', STEPS, STEPS - 1]),
    )
    for (const runId of ids) {
      const { items } = await persister.steps({ runId })
      const done = items.filter(({ status, placed }) => status === 'done' && placed === undefined)
      commits.set(runId, done.length)
    }
    expect([...commits].filter(([, count]) => count !== STEPS)).toEqual([])
    expect(dead.length).toBeGreaterThan(5)
  })
})
