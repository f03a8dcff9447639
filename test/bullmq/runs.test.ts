import { randomUUID } from 'node:crypto'
import { createRunQueue, createWorker } from 'teasel/executor/bullmq'
import type { RunEvent } from 'teasel/executor/jobs'
import { hosted } from 'teasel/host'
import { memoryPersister } from 'teasel/persistence'
import { postgresPersister } from 'teasel/persistence/postgres'
import { afterAll, describe, expect, it } from 'vitest'
import { defer } from '../support/deferred.js'
import { findPostgres } from '../support/postgres.js'
import { quiet } from '../support/quiet-logger.js'
import { findRedis } from '../support/redis.js'
import { countingByKind, go, kindOf } from '../support/three-kinds.js'
import { graphs as elsewhere } from './fixtures/runs.js'
import { startRunsWorker } from './rig.js'

const server = await findRedis()
const store = await findPostgres()
const prefix = `teasel-runs-${randomUUID()}`
afterAll(() => server?.drop(prefix))

/** A run whose first claim lasts until its reader listens: a reader gets no events from before. */
const READ = 'run:29'
const listens = defer()
const graph = countingByKind((appId) => (appId === READ ? listens.promise : undefined))
const graphs = { work: hosted(graph, { entrypoint: 'step' }) }

describe.skipIf(server === undefined)('runs as jobs of BullMQ', () => {
  const at = { connection: server?.url ?? '', prefix, logger: quiet, requiresStore: false }

  it('run, wait, sleep and are looked at; nothing is left in the queue', async () => {
    const persister = memoryPersister()
    await using queue = createRunQueue({ ...at, persister, graphs })
    const worker = createWorker({ ...at, persister, graphs, lockMs: 1_000, stalledMs: 500 })
    const ids = Array.from({ length: 30 }, (_, i) => `run:${i}`)
    const events: RunEvent[] = []
    for (const [i, appId] of ids.entries()) {
      const options = { appId, state: { n: 0, kind: kindOf(i) }, ...(i % 4 === 0 && { delayMs: 50 }) }
      await queue.enqueueRun('work', { ...options, ...(i % 5 === 0 && { priority: 3 }) })
    }
    const reading = (async () => {
      for await (const event of queue.attach(READ).events()) {
        events.push(event)
        listens.resolve()
      }
    })()
    const ends = await Promise.all(
      ids.map(async (appId, i) => {
        const run = queue.attach(appId)
        if (i % 3 === 1) await run.send(go(2))
        return await run.outcome
      }),
    )
    await reading
    expect(ends.map(({ status, state }) => [status, state['n']])).toEqual(ids.map(() => ['finished', 3]))
    expect(events.at(0)?.type).toBe('taken')
    expect(events.filter((one) => one.type === 'event' && one.event.type === 'step.end')).toHaveLength(3)
    expect(events.at(-1)).toMatchObject({ type: 'released', status: 'finished' })

    await queue.enqueueRun('work', { appId: 'later', state: { n: 0, kind: 'plain' }, delayMs: 60_000 })
    expect(await queue.attach('later').cancel()).toBe('cancelled')
    await worker.close()
    await queue.close()
    const ofJobs = (await server?.keys(prefix))?.filter((key) => key.includes(':j-'))
    expect(ofJobs).toEqual([])
  })
})

describe('a store that other machines cannot open', () => {
  const options = { connection: 'redis://127.0.0.1:1', graphs, persister: memoryPersister() }

  it('is refused for runs, by the queue and by the worker', () => {
    const why = 'other machines cannot open the store "memory", so their workers do not find its runs'
    expect(() => createRunQueue(options)).toThrow(`createRunQueue: ${why}`)
    expect(() => createWorker(options)).toThrow(`createWorker: ${why}`)
  })
})

describe.skipIf(server === undefined || store === undefined)('runs in worker processes', () => {
  it('go on in others when one is killed and one is told to end; each step is committed once', async () => {
    const schema = `runs_${process.pid}`
    const [connection, url] = [server?.url ?? '', store?.url ?? '']
    const options = { connection, prefix: `${prefix}-processes`, url, schema }
    const persister = postgresPersister({ url, schema, connections: 3 })
    const workers = await Promise.all([1, 2, 3].map(() => startRunsWorker(options)))
    const queue = createRunQueue({ connection, prefix: options.prefix, persister, graphs: elsewhere, logger: quiet })
    try {
      const ids = Array.from({ length: 60 }, (_, i) => `run-${i}`)
      await Promise.all(ids.map((appId) => queue.enqueueRun('work', { appId, state: { n: 0, by: [] } })))
      const finished = async (): Promise<number> => (await persister.count()).finished ?? 0
      await expect.poll(finished, { timeout: 30_000, interval: 10 }).toBeGreaterThan(0)
      await workers[0]?.kill()
      workers[1]?.signal('SIGTERM')
      await workers[1]?.ended
      expect(await finished()).toBeLessThan(60)
      const ends = await Promise.all(ids.map((id) => queue.attach(id).outcome))
      expect(ends.map(({ status, state, sequenceId }) => [status, state['n'], sequenceId])).toEqual(
        ids.map(() => ['finished', 4, 3]),
      )
      for (const runId of ids) {
        const steps = (await persister.steps({ runId })).items.filter(
          ({ status, placed }) => status === 'done' && !placed,
        )
        expect(steps).toHaveLength(4)
      }
    } finally {
      await Promise.all(workers.map((one) => one.close()))
      await queue.close()
      await persister.close()
      await store?.drop(schema)
      await server?.drop(options.prefix)
    }
  })
})
