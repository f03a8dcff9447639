import { randomUUID } from 'node:crypto'
import { context, type Span, trace } from '@opentelemetry/api'
import { combineTrackers, defineMessage, defineState, type Tracker, type as typeOf } from 'teasel'
import { createRunQueue as createBullmqQueue, createWorker } from 'teasel/executor/bullmq'
import { createRunQueue, createRunWorker } from 'teasel/executor/jobs'
import { createHost, hosted } from 'teasel/host'
import { otelTracker } from 'teasel/otel'
import { memoryPersister, sendStored } from 'teasel/persistence'
import { postgresPersister } from 'teasel/persistence/postgres'
import { redisPersister } from 'teasel/persistence/redis'
import { memoryEngine } from 'teasel/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { flushUntil } from '../support/deferred.js'
import { findPostgres } from '../support/postgres.js'
import { quiet } from '../support/quiet-logger.js'
import { findRedis } from '../support/redis.js'
import { instrumented, sdk, setUpContext, treeOf } from './rig.js'

// Whole runs in the trace of their caller, wherever they run.

const kit = defineState<{ n: number }>()
const go = defineMessage('go', typeOf<true>())
const addWith = (own?: ReturnType<typeof sdk>) =>
  kit.action({
    reads: ['n'],
    writes: ['n'],
    run: ({ state: { n } }) => ({ n: own === undefined ? n + 1 : instrumented(own.tracer, 'client', () => n + 1) }),
  })
const ask = kit.action({
  reads: ['n'],
  writes: ['n'],
  async run({ state: { n }, context: at }) {
    await at.receiveOne(go)
    return { n: n + 1 }
  },
})
/** @param own makes the spans of clients in actions; without it there are none */
const graphsWith = (tracker: Tracker, own?: ReturnType<typeof sdk>) => {
  const add = addWith(own)
  const asks = kit.graph({ actions: { add, ask }, transitions: { add: 'ask' } })
  return {
    short: hosted(kit.graph({ actions: { add } }), { entrypoint: 'add', tracker, logger: quiet }),
    asks: hosted(asks, { entrypoint: 'add', tracker, logger: quiet }),
  }
}
const quietly = { logger: quiet, signals: [], sweepMs: 20, pollMs: 20 } as const

const trackerOf = ({ tracer, meter }: ReturnType<typeof sdk>): Tracker => otelTracker({ tracer, meter })

/** Calls within a span, and ends it. */
async function within<T>(span: Span, call: () => Promise<T>): Promise<T> {
  const done = await context.with(trace.setSpan(context.active(), span), call)
  span.end()
  return done
}

const [redis, postgres] = [await findRedis(), await findPostgres()]
const [prefix, schema] = [`teasel-otel-runs-${randomUUID()}`, `otel_runs_${process.pid}`]
afterAll(async () => {
  await redis?.drop(prefix)
  await postgres?.drop(schema)
})

describe.skipIf(redis === undefined)('a run that is a job of BullMQ', () => {
  beforeAll(setUpContext)
  const stores = {
    Redis: redis && (() => redisPersister({ connection: redis.url, prefix: `${prefix}-store` })),
    PostgreSQL: postgres && (() => postgresPersister({ url: postgres.url, schema })),
  }
  afterAll(() => redis?.drop(`${prefix}-store`))

  it.each(Object.entries(stores).flatMap(([name, open]) => (open === undefined ? [] : [[name, open] as const])))(
    'is below the span of its caller, and its clients below its steps: by %s, after a resume too',
    async (name, open) => {
      const [caller, first, second] = [sdk(), sdk(), sdk()]
      const at = { connection: redis?.url ?? '', prefix, queue: name, logger: quiet }
      const [ofQueue, ofOne, ofTwo] = [open(), open(), open()]
      const queue = createBullmqQueue({ ...at, persister: ofQueue, graphs: graphsWith(trackerOf(caller)) })
      const worker = (persister: typeof ofQueue, own: ReturnType<typeof sdk>) =>
        createWorker({ ...at, persister, graphs: graphsWith(trackerOf(own), own), signals: [], sweepMs: 50 })
      try {
        const request = caller.tracer.startSpan('request')
        await within(request, () => queue.enqueueRun('asks', { appId: name, state: { n: 0 } }))
        const one = worker(ofOne, first)
        await expect.poll(() => first.spans().some(({ name: of }) => of === 'run'), { interval: 5 }).toBe(true)
        await one.close()
        const two = worker(ofTwo, second)
        await queue.attach(name).send(go(true))
        expect((await queue.attach(name).outcome).status).toBe('finished')
        await two.close()

        const { traceId, spanId } = request.spanContext()
        for (const { spans } of [first, second])
          for (const run of spans().filter((span) => span.name === 'run')) {
            expect(run.spanContext().traceId).toBe(traceId)
            expect(run.parentSpanContext?.spanId).toBe(spanId)
          }
        expect(treeOf(first.spans())).toEqual([{ run: [{ add: ['client'] }, 'ask'] }])
        expect(treeOf(second.spans())).toEqual([{ run: ['ask'] }])
      } finally {
        await queue.close()
        for (const persister of [ofQueue, ofOne, ofTwo]) await persister.close()
      }
    },
  )
})

describe('a run that another process takes', () => {
  beforeAll(setUpContext)

  it('is below the span of its caller, also after a resume: each process with an SDK of its own', async () => {
    const [caller, first, second] = [sdk(), sdk(), sdk()]
    const [engine, persister] = [memoryEngine(), memoryPersister()]
    const queueOf = (tracker: Tracker) => ({
      driver: engine.connect(),
      persister,
      graphs: graphsWith(tracker),
      ...quietly,
    })
    const { sweepMs: _, signals: __, ...forQueue } = queueOf(trackerOf(caller))
    await using queue = createRunQueue(forQueue)
    const request = caller.tracer.startSpan('request')
    await within(request, () => queue.enqueueRun('asks', { appId: 'a', state: { n: 0 } }))
    const { pollMs: ___, ...forWorker } = queueOf(combineTrackers({ track: () => {} }, trackerOf(first)))
    const one = createRunWorker(forWorker)
    await flushUntil(() => first.spans().some(({ name }) => name === 'run'))
    await one.close()

    const { pollMs: ____, ...again } = queueOf(trackerOf(second))
    await using _two = createRunWorker(again)
    await sendStored({ persister, appId: 'a', message: go(true) })
    const end = await queue.attach('a').outcome

    const parent = request.spanContext()
    expect(end.status).toBe('finished')
    for (const { find } of [first, second]) {
      const run = find('run')
      expect(run.spanContext().traceId).toBe(parent.traceId)
      expect(run.parentSpanContext?.spanId).toBe(parent.spanId)
      expect(find('ask').parentSpanContext?.spanId).toBe(run.spanContext().spanId)
    }
  })

  it('is below the span in which a host was asked to start it', async () => {
    const { tracer, spans, find, meter } = sdk()
    const persister = memoryPersister()
    await using host = createHost({
      persister,
      graphs: graphsWith(otelTracker({ tracer, meter })),
      logger: quiet,
      signals: [],
    })
    const request = tracer.startSpan('request')
    await within(request, () => host.start('short', { appId: 'b', state: { n: 0 } }))
    await flushUntil(() => spans().some(({ name }) => name === 'run'))

    expect(find('run').parentSpanContext?.spanId).toBe(request.spanContext().spanId)
  })

  it('has a trace of its own where its caller has none, or its tracker throws', async () => {
    const { tracer, meter, spans } = sdk()
    const [engine, persister] = [memoryEngine(), memoryPersister()]
    const warned: unknown[] = []
    const bad: Tracker = {
      track: () => {},
      carryRun() {
        throw new RangeError('no')
      },
    }
    const logger = { ...quiet, error: (text: string) => void warned.push(text) }
    await using queue = createRunQueue({ driver: engine.connect(), persister, graphs: graphsWith(bad), logger })
    await using _worker = createRunWorker({
      ...{ driver: engine.connect(), persister, graphs: graphsWith(otelTracker({ tracer, meter })) },
      ...{ logger: quiet, signals: [], sweepMs: 20 },
    })
    await queue.enqueueRun('short', { appId: 'c', state: { n: 0 } })
    await queue.attach('c').outcome
    await flushUntil(() => spans().some(({ name }) => name === 'run'))

    const run = spans().find(({ name }) => name === 'run')
    expect(run?.parentSpanContext).toBeUndefined()
    expect(warned).toEqual([expect.stringContaining('The tracker of "short" threw.')])
  })
})
