import { context, type Span, trace } from '@opentelemetry/api'
import { combineTrackers, defineMessage, defineState, type Tracker, type as typeOf } from 'teasel'
import { createRunQueue, createRunWorker } from 'teasel/executor/jobs'
import { createHost, hosted } from 'teasel/host'
import { otelTracker } from 'teasel/otel'
import { memoryPersister, sendStored } from 'teasel/persistence'
import { memoryEngine } from 'teasel/testing'
import { beforeAll, describe, expect, it } from 'vitest'
import { flushUntil } from '../support/deferred.js'
import { quiet } from '../support/quiet-logger.js'
import { sdk, setUpContext } from './rig.js'

// Whole runs in the trace of their caller, wherever they run.

const kit = defineState<{ n: number }>()
const go = defineMessage('go', typeOf<true>())
const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state: { n } }) => ({ n: n + 1 }) })
const ask = kit.action({
  reads: ['n'],
  writes: ['n'],
  async run({ state: { n }, context: at }) {
    await at.receiveOne(go)
    return { n: n + 1 }
  },
})
const graph = kit.graph({ actions: { add, ask }, transitions: { add: 'ask' } })
const graphsWith = (tracker: Tracker) => ({
  short: hosted(kit.graph({ actions: { add } }), { entrypoint: 'add', tracker, logger: quiet }),
  asks: hosted(graph, { entrypoint: 'add', tracker, logger: quiet }),
})
const quietly = { logger: quiet, signals: [], sweepMs: 20, pollMs: 20 } as const

const trackerOf = ({ tracer, meter }: ReturnType<typeof sdk>): Tracker => otelTracker({ tracer, meter })

/** Calls within a span, and ends it. */
async function within<T>(span: Span, call: () => Promise<T>): Promise<T> {
  const done = await context.with(trace.setSpan(context.active(), span), call)
  span.end()
  return done
}

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
