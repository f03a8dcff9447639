import {
  attach,
  createRunQueue,
  createRunWorker,
  type EngineDriver,
  enqueueRun,
  type RunEvent,
} from 'teasel/executor/jobs'
import { hosted } from 'teasel/host'
import { createPersister, memoryPersister, type Persister, sendStored } from 'teasel/persistence'
import { memoryEngine } from 'teasel/testing'
import { describe, expect, it } from 'vitest'
import { defer, flush, flushUntil, untilAborted } from '../support/deferred.js'
import { mortal } from '../support/mortal-store.js'
import { type Act, answer, kit, workOf } from '../support/one-action.js'
import { overDriver } from '../support/over-driver.js'
import { quiet } from '../support/quiet-logger.js'

/** Two steps, so that a run has a commit to go on from. */
const chainOf = (first: Act, second: Act) => {
  const step = (act: Act) =>
    kit.action({
      reads: ['item'],
      writes: ['item', 'out'],
      run: async ({ state: { item }, signal }) => {
        const out = await act(item, { signal, receive: () => Promise.resolve(''), sleep: () => Promise.resolve() })
        return { item: out, out }
      },
    })
  const graph = kit.graph({ actions: { first: step(first), second: step(second) }, transitions: { first: 'second' } })
  return hosted(graph, { entrypoint: 'first' })
}

const quietly = { logger: quiet, signals: [] } as const

/** Reads the events of a run until it is over. */
function reading(run: { events(): AsyncIterable<RunEvent> }): {
  readonly events: RunEvent[]
  readonly end: Promise<void>
} {
  const events: RunEvent[] = []
  const end = (async () => {
    for await (const event of run.events()) events.push(event)
  })()
  return { events, end }
}
const namesOf = (events: readonly RunEvent[]): readonly string[] =>
  events.map((one) => (one.type === 'event' ? one.event.type : one.type))

function rig(graphs: Readonly<Record<string, ReturnType<typeof workOf>>>, persister: Persister = memoryPersister()) {
  const engine = memoryEngine()
  const queue = createRunQueue({ driver: engine.connect(), persister, graphs, logger: quiet, pollMs: 20 })
  const worker = (more: Partial<Parameters<typeof createRunWorker>[0]> = {}) =>
    createRunWorker({ ...quietly, driver: engine.connect(), persister, graphs, sweepMs: 20, ...more })
  return { engine, persister, queue, worker }
}

describe('a queue of runs', () => {
  it('runs what is enqueued, once for each id, and gives its outcome', async () => {
    const ran: string[] = []
    const { engine, queue, worker } = rig({
      work: workOf(async (item) => {
        ran.push(item)
        return item
      }),
    })
    await using _queue = queue
    await using _worker = worker()
    const options = { appId: 'a', state: { item: 'x' }, labels: { customer: '7' }, title: 'A' }
    const first = await enqueueRun(queue, 'work', options)
    const second = await queue.enqueueRun('work', { appId: 'a', state: { item: 'y' } })
    const end = await attach(queue, 'a').outcome

    expect([first.created, second.created, ran]).toEqual([true, false, ['x']])
    expect(end).toMatchObject({ status: 'finished', state: { item: 'x', out: 'x' }, sequenceId: 0 })
    await flushUntil(() => engine.jobs.size === 0)
    expect(engine.jobs.size).toBe(0)
  })

  it('gives the events of a run from its first one, also of one that was shorter than the way of a request', async () => {
    const { queue, worker } = rig({ work: workOf(async (item) => item) })
    await using _queue = queue
    await queue.enqueueRun('work', { appId: 'a', state: { item: 'x' } })
    const { events, end } = reading(queue.attach('a'))
    await flush()
    await using _worker = worker()
    await end
    expect(namesOf(events)).toEqual(['taken', 'run.start', 'step.start', 'step.end', 'run.end', 'released'])
    expect(events.at(-1)).toMatchObject({ status: 'finished' })
  })

  it('wakes a run that waits by a message, and by its time', async () => {
    const { engine, queue, worker, persister } = rig({
      ask: workOf((_, { receive }) => receive()),
      nap: workOf(async (item, { sleep }) => {
        await sleep(30)
        return item
      }),
    })
    await using _queue = queue
    await using _worker = worker({ sweepMs: 60_000 })
    await queue.enqueueRun('ask', { appId: 'a', state: { item: 'x' } })
    await queue.enqueueRun('nap', { appId: 'b', state: { item: 'y' } })
    const [a, b] = [queue.attach('a'), queue.attach('b')]
    const { events, end } = reading(a)
    await expect.poll(async () => (await a.pending()).length).toBe(1)
    await expect.poll(async () => (await persister.list()).items.map(({ status }) => status)).toContain('waiting')
    await flushUntil(() => namesOf(events).includes('released')) // the next claim would end what a reader gets of this one
    expect(await a.send(answer('yes'))).toBe('queued')
    expect(await a.outcome).toMatchObject({ status: 'finished', state: { out: 'yes' } })
    expect(await b.outcome).toMatchObject({ status: 'finished', state: { out: 'y' } })
    await end
    expect(namesOf(events).filter((one) => one === 'taken' || one === 'released')).toEqual([
      'taken',
      'released',
      'taken',
      'released',
    ])
    expect(await a.send(answer('late'))).toBe('dropped')
    expect(await a.describe()).toMatchObject({ run: { runId: 'a', status: 'finished' } })
    await flushUntil(() => engine.jobs.size === 0)
    expect(engine.jobs.size).toBe(0)
  })

  it('delays a run, and no worker takes it before, nor does a sweep', async () => {
    const ran: number[] = []
    const { queue, worker, persister } = rig({
      work: workOf(async (item) => {
        ran.push(Date.now())
        return item
      }),
    })
    await using _queue = queue
    await using _worker = worker({ sweepMs: 5 })
    const at = Date.now() + 150
    await queue.enqueueRun('work', { appId: 'a', state: { item: 'x' }, delayMs: 150 })
    const { items } = await persister.list()
    expect(items).toMatchObject([{ status: 'queued' }])
    expect((await queue.attach('a').outcome).status).toBe('finished')
    expect(ran[0]).toBeGreaterThanOrEqual(at)
    expect(ran).toHaveLength(1)
  })

  it('takes runs by their priority', async () => {
    const ran: string[] = []
    const { queue, worker } = rig({
      work: workOf(async (item) => {
        ran.push(item)
        return item
      }),
    })
    await using _queue = queue
    for (const [item, priority] of [
      ['low', 9],
      ['high', 2],
      ['none', undefined],
    ] as const)
      await queue.enqueueRun('work', { appId: item, state: { item }, priority })
    await using _worker = worker({ concurrency: 1 })
    await Promise.all(['low', 'high', 'none'].map((id) => queue.attach(id).outcome))
    expect(ran).toEqual(['none', 'high', 'low'])
  })

  it('cancels a run that is queued, one that waits, and one that runs elsewhere', async () => {
    const { engine, queue, worker, persister } = rig({
      work: workOf((item, { signal, receive }) => (item === 'wait' ? receive() : untilAborted(signal))),
    })
    await using _queue = queue
    await queue.enqueueRun('work', { appId: 'queued', state: { item: 'x' } })
    await queue.enqueueRun('work', { appId: 'later', state: { item: 'x' }, delayMs: 60_000 })
    expect(engine.jobs.size).toBe(2)
    expect(await queue.attach('queued').cancel({ reason: 'no' })).toBe('cancelled')
    expect(await queue.attach('later').cancel()).toBe('cancelled')
    expect(engine.jobs.size).toBe(0)
    await using _worker = worker()
    await queue.enqueueRun('work', { appId: 'waits', state: { item: 'wait' } })
    await queue.enqueueRun('work', { appId: 'runs', state: { item: 'x' } })
    await expect.poll(async () => (await persister.count()).waiting).toBe(1)
    await expect.poll(async () => (await persister.count()).running).toBe(1)
    expect(await queue.attach('waits').cancel()).toBe('cancelled')
    expect(await queue.attach('runs').cancel({ reason: 'enough' })).toBe('requested')
    expect(await queue.attach('runs').outcome).toMatchObject({ status: 'cancelled', cancelled: { reason: 'enough' } })
    expect(await queue.attach('runs').cancel()).toBe('ended')
    expect(await queue.attach('none').cancel()).toBe('unknown')
  })

  it('gives a failure as an outcome', async () => {
    const { queue, worker } = rig({
      work: workOf(async () => {
        throw new RangeError('too much')
      }),
    })
    await using _queue = queue
    await using _worker = worker()
    await queue.enqueueRun('work', { appId: 'a', state: { item: 'x' } })
    expect(await queue.attach('a').outcome).toMatchObject({
      status: 'failed',
      error: { cause: { message: 'too much' } },
    })
  })

  it('tells that there is no such run, and ends what is awaited when it closes', async () => {
    const { queue } = rig({ work: workOf((_, { receive }) => receive()) })
    await expect(queue.attach('none').outcome).rejects.toThrow('There is no run "none"')
    await expect(queue.attach('none', { partitionKey: 'p' }).events().next()).rejects.toThrow('in partition "p"')
    await queue.enqueueRun('work', { appId: 'a', state: { item: 'x' } })
    const run = queue.attach('a')
    const next = run.events().next()
    const { outcome } = run
    await queue.close()
    await expect(outcome).rejects.toThrow('it was closed')
    expect(await next).toEqual({ done: true, value: undefined })
    await expect(queue.enqueueRun('work', { state: { item: 'x' } })).rejects.toThrow('is closed')
  })

  it('refuses wrong options', async () => {
    const { queue, engine, persister } = rig({ work: workOf(async (item) => item) })
    await using _queue = queue
    await expect(queue.enqueueRun('work', { state: { item: 'x' }, delayMs: -1 })).rejects.toThrow('delayMs is -1')
    await expect(queue.enqueueRun('work', { state: { item: 'x' }, priority: 0 })).rejects.toThrow('priority is 0')
    await expect(queue.enqueueRun('wrk', { state: { item: 'x' } })).rejects.toThrow('There is no graph "wrk". Did you')
    const driver = engine.connect()
    expect(() => createRunWorker({ driver, persister, graphs: {}, concurrency: 0 })).toThrow('concurrency is 0')
  })
})

describe('workers of runs', () => {
  it('hand a run on when they drain, and its events go on from the next one', async () => {
    const gate = defer()
    const steps: string[] = []
    const graphs = {
      work: chainOf(
        async (item) => {
          steps.push('first')
          return `${item}1`
        },
        async (item, { signal }) => {
          await Promise.race([gate.promise, untilAborted(signal)])
          steps.push('second')
          return `${item}2`
        },
      ),
    }
    const { queue, worker, engine } = rig(graphs as never)
    await using _queue = queue
    const one = worker({ sweepMs: 60_000 })
    await queue.enqueueRun('work', { appId: 'a', state: { item: 'x' } })
    const run = queue.attach('a')
    const { events, end } = reading(run)
    await flushUntil(() => namesOf(events).includes('step.end'))
    expect(await one.drain()).toEqual([])
    expect([...engine.jobs.values()]).toEqual(['queued'])
    await one.close()
    gate.resolve()
    await using _two = worker({ sweepMs: 60_000 })
    expect(await run.outcome).toMatchObject({ status: 'finished', state: { out: 'x12' }, sequenceId: 1 })
    await end
    expect(steps).toEqual(['first', 'second'])
    const released = events.filter((event) => event.type === 'released')
    expect(released.map(({ status }) => status)).toEqual(['interrupted', 'finished'])
    expect(namesOf(events)).not.toContain('dropped')
  })

  it('take the run of a worker that was killed, at its last commit, once its lease is over', async () => {
    const persister = memoryPersister()
    const steps: string[] = []
    const hang = defer<string>()
    const graphOf = (second: Act) =>
      chainOf(async (item) => {
        steps.push('first')
        return `${item}1`
      }, second)
    const { engine, queue, worker } = rig({ work: graphOf(() => hang.promise) } as never, persister)
    await using _queue = queue
    const { persister: dying, crash } = mortal(persister)
    const driver = engine.connect()
    const killed = worker({ driver, persister: dying, leaseMs: 60, drainMs: 20 })
    await queue.enqueueRun('work', { appId: 'a', state: { item: 'x' } })
    const run = queue.attach('a')
    const { events, end } = reading(run)
    await flushUntil(() => namesOf(events).includes('step.end'))
    crash()
    driver.kill()
    await using _two = worker({ graphs: { work: graphOf(async (item) => `${item}2`) } })
    expect(await run.outcome).toMatchObject({ status: 'finished', state: { out: 'x12' } })
    await end
    expect(steps).toEqual(['first'])
    expect(namesOf(events)).toContain('dropped')
    hang.resolve('late')
    await killed.close()
  })

  it('find by a sweep what has no job: a lost job, and an answer that another program has stored', async () => {
    const { engine, queue, worker, persister } = rig({ work: workOf((_, { receive }) => receive()) })
    await using _queue = queue
    await queue.enqueueRun('work', { appId: 'a', state: { item: 'x' } })
    for (const id of [...engine.jobs.keys()]) await engine.connect().remove(id)
    await using _worker = worker()
    const run = queue.attach('a')
    await expect.poll(async () => (await run.pending()).length).toBe(1)
    await expect.poll(async () => (await persister.count()).waiting).toBe(1)
    await sendStored({ persister, appId: 'a', message: answer('yes') })
    expect(await run.outcome).toMatchObject({ state: { out: 'yes' } })
  })

  it('leave a run to a worker that has its graph', async () => {
    const { queue, worker } = rig({ work: workOf(async (item) => item) })
    await using _queue = queue
    await using _without = worker({ graphs: { other: workOf(async (item) => item) } })
    await queue.enqueueRun('work', { appId: 'a', state: { item: 'x' } })
    await flush()
    await using _with = worker()
    expect((await queue.attach('a').outcome).status).toBe('finished')
  })
})

/** A driver whose jobs end only when a gate opens: a worker that is slow to say that it is done. */
function slowToEnd(driver: EngineDriver, gate: Promise<void>): EngineDriver {
  const consume: EngineDriver['consume'] = (run, options) =>
    driver.consume(async (job) => {
      const end = await run(job)
      await gate
      return end
    }, options)
  return { ...driver, consume }
}

describe('jobs of runs', () => {
  it('invite to one claim: a message finds a worker while the job of the claim before is still active', async () => {
    const gate = defer()
    const { engine, queue, worker, persister } = rig({ work: workOf((_, { receive }) => receive()) })
    await using _queue = queue
    await using _worker = worker({ driver: slowToEnd(engine.connect(), gate.promise), sweepMs: 60_000 })
    await queue.enqueueRun('work', { appId: 'a', state: { item: 'x' } })
    await expect.poll(async () => (await persister.count()).waiting).toBe(1)
    const run = queue.attach('a')
    await run.send(answer('yes'))
    expect(await run.outcome).toMatchObject({ status: 'finished', state: { out: 'yes' } })
    expect([...engine.jobs.values()]).toEqual(['active', 'active'])
    gate.resolve()
  })

  it('for a later time do not stand in the way of a message, and are removed when it has come', async () => {
    const work = kit.action({
      reads: ['item'],
      writes: ['out'],
      run: async ({ context }) => ({ out: (await context.receiveOne(answer, { timeoutMs: 3_600_000 })).body }),
    })
    const { engine, queue, worker } = rig({ work: hosted(kit.graph({ actions: { work } }), { entrypoint: 'work' }) })
    await using _queue = queue
    await using _worker = worker({ sweepMs: 60_000 })
    await queue.enqueueRun('work', { appId: 'a', state: { item: 'x' } })
    await expect
      .poll(() => [...engine.jobs].map(([id, status]) => [JSON.parse(id).length, status]))
      .toEqual([[5, 'queued']])
    await queue.attach('a').send(answer('yes'))
    expect(await queue.attach('a').outcome).toMatchObject({ state: { out: 'yes' } })
    await flushUntil(() => engine.jobs.size === 0)
    expect(engine.jobs.size).toBe(0)
  })

  it('that nothing is due for end, and run nothing: of a run that is held, has ended, or was deleted', async () => {
    const gate = defer()
    const ran: string[] = []
    const { engine, queue, worker, persister } = rig({
      work: workOf(async (item) => {
        ran.push(item)
        await gate.promise
        return item
      }),
    })
    await using _queue = queue
    await using _one = worker()
    await using _two = worker()
    await queue.enqueueRun('work', { appId: 'a', state: { item: 'x' } })
    await flushUntil(() => ran.length === 1)
    const job = (n: number, rootId: string) => ({
      id: `stray ${n} ${rootId}`,
      data: JSON.stringify({ kind: 'run', partitionKey: null, rootId, name: 'work' }),
    })
    const driver = engine.connect()
    await driver.enqueue([job(1, 'a'), job(2, 'a'), job(3, 'a'), job(1, 'none')])
    await flushUntil(() => engine.jobs.size === 1)
    expect(engine.jobs.size).toBe(1)
    gate.resolve()
    expect((await queue.attach('a').outcome).status).toBe('finished')
    await driver.enqueue([job(4, 'a')])
    await flushUntil(() => engine.jobs.size === 0)
    expect([engine.jobs.size, ran]).toEqual([0, ['x']])
    expect(await persister.list()).toMatchObject({ items: [{ runId: 'a' }] })
  })

  it('are left to the sweep when the engine is away, and are enqueued again with their run', async () => {
    const { engine, persister, worker } = rig({ work: workOf(async (item) => item) })
    const driver = engine.connect()
    let away = true
    const flaky: EngineDriver = {
      ...driver,
      enqueue: (jobs) => (away ? Promise.reject(new Error('No connection.')) : driver.enqueue(jobs)),
      consume: (...all) => (away ? Promise.reject(new Error('No connection.')) : driver.consume(...all)),
    }
    const graphs = { work: workOf(async (item) => item) }
    await using queue = createRunQueue({ driver: flaky, persister, graphs, logger: quiet, pollMs: 20 })
    const options = { appId: 'a', state: { item: 'x' } }
    expect(await queue.enqueueRun('work', options)).toMatchObject({ created: true })
    expect(engine.jobs.size).toBe(0)
    await using waiting = worker({ driver: flaky })
    await expect.poll(() => waiting.health().status).toBe('unavailable')
    away = false
    expect(await queue.enqueueRun('work', options)).toMatchObject({ created: false })
    expect(engine.jobs.size).toBe(1)
    expect((await queue.attach('a').outcome).status).toBe('finished')
    await expect.poll(() => waiting.health().status).toBe('ok')
  })
})

describe('looking at a run', () => {
  it('asks nothing before somebody reads, and nothing after', async () => {
    const { persister } = rig({ work: workOf(async (item) => item) })
    let asked = 0
    const counting = createPersister(
      overDriver(persister.driver, {
        find: (root) => {
          asked += 1
          return persister.driver.find(root)
        },
      }),
    )
    const engine = memoryEngine()
    const graphs = { work: workOf((_, { receive }) => receive()) }
    await using queue = createRunQueue({
      driver: engine.connect(),
      persister: counting,
      graphs,
      pollMs: 1,
      logger: quiet,
    })
    await queue.enqueueRun('work', { appId: 'a', state: { item: 'x' } })
    const before = asked
    const run = queue.attach('a')
    await flush()
    expect(asked).toBe(before)
    const events = run.events()
    const next = events.next()
    await expect.poll(() => asked).toBeGreaterThan(before + 3)
    await run.close()
    expect((await next).done).toBe(true)
    await flush()
    const after = asked
    await flush()
    expect(asked).toBe(after)
  })

  it('gives events with a large state, and ends with the signal of its reader', async () => {
    const large = 'x'.repeat(200_000)
    const { queue, worker } = rig({
      work: workOf(async () => large),
      hang: workOf((_, { signal }) => untilAborted(signal)),
    })
    await using _queue = queue
    await using _worker = worker()
    const { end, events } = reading(queue.attach('a'))
    await expect(end).rejects.toThrow('There is no run "a"')
    await queue.enqueueRun('work', { appId: 'a', state: { item: 'x' } })
    const again = reading(queue.attach('a'))
    await again.end
    expect(events).toEqual([])
    const step = again.events.find((one) => one.type === 'event' && one.event.type === 'step.end')
    expect(step).toMatchObject({ event: { state: { out: large } } })

    await queue.enqueueRun('hang', { appId: 'b', state: { item: 'x' } })
    const controller = new AbortController()
    const reader = queue.attach('b').events({ signal: controller.signal })
    expect((await reader.next()).value).toMatchObject({ type: 'taken' })
    const reason = new Error('enough')
    const left = (async () => {
      for await (const _event of reader);
    })()
    controller.abort(reason)
    await expect(left).rejects.toBe(reason)
  })
})
