import { createRunQueue, createRunWorker } from 'teasel/executor/jobs'
import { hosted } from 'teasel/host'
import { memoryEngine } from 'teasel/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { mortal } from '../support/mortal-store.js'
import { quiet } from '../support/quiet-logger.js'
import { storesOf } from '../support/stores.js'
import { countingByKind, go, kindOf } from '../support/three-kinds.js'

const { stores, close } = await storesOf('runs')
afterAll(close)

const graphs = { work: hosted(countingByKind(), { entrypoint: 'step', inboxPollMs: 20 }) }

describe.each(stores)('runs as jobs over %s', (_, kind) => {
  it('run in workers with connections of their own; one that is killed loses nothing', async () => {
    const open = kind.open()
    const engine = memoryEngine()
    const worker = (persister = open(), driver = engine.connect()) =>
      createRunWorker({
        ...{ driver, persister, graphs, concurrency: 4, leaseMs: 200, sweepMs: 30, drainMs: 200 },
        ...{ signals: [], logger: quiet },
      })
    await using queue = createRunQueue({
      driver: engine.connect(),
      persister: open(),
      graphs,
      pollMs: 20,
      logger: quiet,
    })
    const { persister: dying, crash } = mortal(open())
    const driver = engine.connect()
    const killed = worker(dying, driver)
    await using _other = worker()
    const ids = Array.from({ length: 24 }, (_one, i) => `run ${i}`)
    for (const [i, appId] of ids.entries()) {
      const options = { appId, state: { n: 0, kind: kindOf(i) }, partitionKey: i % 2 === 0 ? 'p' : null }
      expect((await queue.enqueueRun('work', { ...options, ...(i % 4 === 0 && { delayMs: 20 }) })).created).toBe(true)
      if (i === 8) {
        crash()
        driver.kill()
      }
    }
    const ends = ids.map(async (appId, i) => {
      const run = queue.attach(appId, { partitionKey: i % 2 === 0 ? 'p' : null })
      if (i % 3 === 1) await run.send(go(2))
      return await run.outcome
    })
    const outcomes = await Promise.all(ends)
    expect(outcomes.map(({ status, state }) => [status, state['n']])).toEqual(ids.map(() => ['finished', 3]))
    expect(outcomes.map(({ sequenceId }) => sequenceId)).toEqual(ids.map((_one, i) => (i % 3 === 1 ? 1 : 2)))
    await killed.close()
  })

  it('keep the priority of a run, whichever process enqueues its job again', async () => {
    const open = kind.open()
    const engine = memoryEngine()
    const driver = engine.connect()
    const priorities: (number | undefined)[] = []
    const seeing = {
      ...driver,
      enqueue: async (jobs: Parameters<typeof driver.enqueue>[0]) => {
        priorities.push(...jobs.map(({ priority }) => priority))
      },
    }
    await using queue = createRunQueue({ driver: seeing, persister: open(), graphs, logger: quiet })
    await queue.enqueueRun('work', { appId: 'a', state: { n: 0, kind: 'plain' }, priority: 7 })
    await using again = createRunQueue({ driver: seeing, persister: open(), graphs, logger: quiet })
    const { created } = await again.enqueueRun('work', { appId: 'a', state: { n: 0, kind: 'plain' } })
    expect([created, priorities]).toEqual([false, [7, 7]])
  })
})
