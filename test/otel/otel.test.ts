import { createServer } from 'node:http'
import { context, propagation, SpanStatusCode } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { createApplication, defineMessage, defineState, resumeOrCreate, type } from 'teasel'
import { otelTracker } from 'teasel/otel'
import { memoryPersister } from 'teasel/persistence'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loopback, type TreeLoopback } from '../support/channel/loopback.js'
import { defer, flush, untilAborted } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { quiet } from '../support/quiet-logger.js'
import { instrumented, sdk, setUpContext, treeOf } from './rig.js'

beforeAll(setUpContext)
afterAll(() => {
  context.disable()
  propagation.disable()
})

const kit = defineState<{ item: string; out: string; outs: string[] }>()
const joined = ({ results }: { readonly results: readonly { readonly status: string }[] }) => ({
  outs: results.map(({ status }) => status),
})
const hello = defineMessage('hello', type<string>())

describe('otelTracker', () => {
  it('makes a span for each run, map, branch, attempt and span of an action; clients nest below the step', async () => {
    const { tracer, meter, spans, find } = sdk()
    const work = kit.action({
      reads: ['item'],
      writes: ['out'],
      async *run({ state: { item }, context }) {
        instrumented(tracer, `client ${item}`, () => {})
        yield 1
        await context.span('think', (span) => {
          instrumented(tracer, `model ${item}`, () => {})
          span.log('thought', { of: item })
          return span.span('deep', async () => 1, { list: [1, 2], odd: { a: 1n } })
        })
        instrumented(tracer, `after ${item}`, () => {})
        context.attributes({ tokens: 7 })
        return { out: item }
      },
    })
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      action: work,
      states: { a: { item: 'a' } },
      reduce: joined,
    })
    const first = kit.action({ reads: [], writes: ['out'], run: () => ({ out: '' }) })
    const graph = kit.graph({ actions: { first, map }, transitions: { first: 'map' } })
    const app = createApplication(graph, {
      entrypoint: 'first',
      state: {},
      appId: 'app',
      tracker: otelTracker({ tracer, meter, name: 'test run' }),
    })

    await tracer.startActiveSpan('request', async (span) => {
      await app.run()
      span.end()
    })

    expect(treeOf(spans())).toEqual([
      {
        request: [
          {
            'test run': [
              'first',
              {
                map: [
                  {
                    'map map': [{ 'map[a]': [{ map: ['client a', { think: ['model a', 'deep'] }, 'after a'] }] }],
                  },
                ],
              },
            ],
          },
        ],
      },
    ])
    const step = spans().filter((one) => one.name === 'map')[0]
    expect(step?.attributes).toEqual({
      'teasel.run.id': find('test run').attributes['teasel.run.id'],
      'teasel.app.id': find('map[a]').attributes['teasel.app.id'],
      'teasel.path': 'map/a',
      'teasel.action': 'map',
      'teasel.sequence_id': 0,
      'teasel.attempt': 1,
      'teasel.incarnation': 0,
      'teasel.status': 'done',
      'teasel.chunks': 1,
      tokens: 7,
    })
    expect(find('map[a]').attributes).toMatchObject({ 'teasel.map': 'map', 'teasel.key': 'a', 'teasel.status': 'done' })
    expect(find('deep').attributes).toMatchObject({ list: [1, 2], odd: '{"a":{"$":"bigint","v":"1"}}' })
    expect(find('think').events).toMatchObject([
      {
        name: 'log',
        attributes: { 'teasel.log.level': 'info', 'teasel.log.text': 'thought', 'teasel.log.data': '{"of":"a"}' },
      },
    ])
    expect(spans().every(({ status }) => status.code === SpanStatusCode.UNSET)).toBe(true)
  })

  it('tells failures, retries and cancels apart: a cancel is no error', async () => {
    const { tracer, meter, spans, find, metrics, close } = sdk()
    let tries = 0
    const act = kit.action({
      reads: ['item'],
      writes: ['out'],
      retry: { attempts: 2, delayMs: 0 },
      run: async ({ state: { item }, signal }) => {
        if (item === 'slow') return untilAborted(signal)
        if (item === 'busy' && tries++ > 0) return { out: item }
        throw new RangeError(item)
      },
    })
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      action: act,
      settle: 'collect',
      states: { bad: { item: 'bad' }, busy: { item: 'busy' }, slow: { item: 'slow' } },
      watch: ({ event, cancel }) => {
        if (event.type === 'branch.settled' && event.result.status === 'done') cancel('slow', 'enough')
      },
      reduce: joined,
    })
    const app = createApplication(kit.graph({ actions: { map } }), {
      entrypoint: 'map',
      state: {},
      logger: quiet,
      tracker: otelTracker({ tracer, meter }),
    })

    await app.run()

    expect(find('map[bad]')).toMatchObject({
      status: { code: SpanStatusCode.ERROR },
      attributes: { 'error.type': 'action', 'teasel.status': 'failed' },
    })
    const attempts = spans().filter(
      ({ name, attributes }) => name === 'map' && attributes['teasel.path'] === 'map/busy',
    )
    expect(attempts).toMatchObject([
      { status: { code: SpanStatusCode.ERROR }, attributes: { 'teasel.attempt': 1 }, events: [{ name: 'exception' }] },
      { status: { code: SpanStatusCode.UNSET }, attributes: { 'teasel.attempt': 2 } },
    ])
    expect(find('map[busy]').events).toMatchObject([{ name: 'retry', attributes: { 'teasel.attempt': 2 } }])
    expect(find('map[slow]')).toMatchObject({
      status: { code: SpanStatusCode.UNSET },
      attributes: {
        'teasel.cancelled': true,
        'teasel.cancel.cause': 'watch',
        'teasel.cancel.by': 'watch',
        'teasel.status': 'cancelled',
      },
      events: [{ name: 'cancel' }],
    })
    expect(await metrics()).toMatchObject({
      'teasel.runs finished': 1,
      'teasel.run.duration finished': 1,
      'teasel.steps map failed': 3,
      'teasel.steps map cancelled': 1,
      'teasel.steps map done': 2,
      'teasel.branches.active map': 0,
      'teasel.branch.duration map done': 1,
      'teasel.retries map action': 2,
      'teasel.cancels watch': 1,
    })
    await close()
  })

  it('has waits as events, and measures them', async () => {
    const { tracer, meter, find, metrics, close } = sdk()
    const ask = kit.action({
      reads: [],
      writes: ['out'],
      run: async ({ context }) => ({ out: (await context.receiveOne(hello)).body }),
    })
    const app = createApplication(kit.graph({ actions: { ask } }), {
      entrypoint: 'ask',
      state: {},
      appId: 'app',
      tracker: otelTracker({ tracer, meter }),
    })
    const waits = emitted(app, 'wait')
    const run = app.run()
    await waits
    app.send(hello('you'))
    await run

    expect(find('ask').events.map(({ name, attributes }) => [name, attributes?.['teasel.wait.id']])).toEqual([
      ['wait', 'app.0.0'],
      ['wake', 'app.0.0'],
    ])
    expect(await metrics()).toMatchObject({ 'teasel.waits outside': 1, 'teasel.wait.duration outside': 1 })
    await close()
  })

  it('links a resumed run to the one before, and a fork to its origin', async () => {
    const { tracer, meter, spans } = sdk()
    const tracker = otelTracker({ tracer, meter, agent: 'helper' })
    const persister = memoryPersister()
    const act = kit.action({ reads: [], writes: ['out'], run: () => ({ out: 'x' }) })
    const graph = kit.graph({ actions: { act, next: act }, transitions: { act: 'next' } })
    const options = { entrypoint: 'act', state: {}, persister, tracker } as const
    const app = createApplication(graph, { ...options, appId: 'one' })
    await app.run({ haltAfter: 'act' })
    await app.run()
    const fork = await resumeOrCreate(graph, { ...options, appId: 'two', forkFrom: { appId: 'one', sequenceId: 0 } })
    await fork.run()

    const runs = spans().filter(({ name }) => name === 'invoke_workflow helper')
    const links = runs.map(({ links: all }) =>
      all.map(({ context: { spanId }, attributes }) => [
        attributes?.['teasel.link'],
        runs.findIndex((one) => one.spanContext().spanId === spanId),
      ]),
    )
    expect(links).toEqual([[], [['resumed', 0]], [['forked', 1]]])
    expect(runs[0]?.attributes).toMatchObject({
      'gen_ai.operation.name': 'invoke_workflow',
      'gen_ai.agent.name': 'helper',
    })
  })

  it('links a step to the one that was lost with its worker, and counts deliveries', async () => {
    const { tracer, meter, spans, find } = sdk()
    const held = defer()
    let runs = 0
    const act = kit.action({
      reads: [],
      writes: ['out'],
      run: async () => {
        runs += 1
        if (runs === 1) await held.promise
        return { out: 'x' }
      },
    })
    const loopbacks: TreeLoopback[] = []
    const map = kit.mapActions({
      reads: [],
      writes: ['outs'],
      actions: { a: act },
      state: () => ({}),
      reduce: joined,
      executor: loopback((one) => loopbacks.push(one)),
    })
    const app = createApplication(kit.graph({ actions: { map } }), {
      entrypoint: 'map',
      state: {},
      logger: quiet,
      persister: memoryPersister(),
      tracker: otelTracker({ tracer, meter }),
    })
    const begun = emitted(app, 'step.start', 'map/a')
    const run = app.run()
    await begun
    loopbacks[0]?.die(true)
    await run
    held.resolve()

    const steps = spans().filter(
      ({ attributes }) => attributes['teasel.path'] === 'map/a' && 'teasel.action' in attributes,
    )
    expect(steps).toHaveLength(2)
    expect(steps[0]?.attributes['teasel.lost']).toBe(true)
    expect(steps[1]?.links).toMatchObject([
      { context: { spanId: steps[0]?.spanContext().spanId }, attributes: { 'teasel.link': 'redelivered' } },
    ])
    expect(find('map[a]').attributes['teasel.delivery']).toBe(2)
  })

  it('makes no span of a branch that was restored', async () => {
    const { tracer, meter, spans } = sdk()
    const persister = memoryPersister()
    const held = defer()
    const act = kit.action({
      reads: ['item'],
      writes: ['out'],
      run: async ({ state: { item }, signal }) => {
        if (item === 'slow' && signal.aborted === false && runs === 1) return untilAborted(signal)
        return { out: item }
      },
    })
    let runs = 1
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      action: act,
      states: { quick: { item: 'quick' }, slow: { item: 'slow' } },
      reduce: joined,
    })
    const graph = kit.graph({ actions: { map } })
    const first = await resumeOrCreate(graph, { entrypoint: 'map', state: {}, appId: 'app', persister, logger: quiet })
    const settled = emitted(first, 'branch.settled', 'map/quick')
    const stop = new AbortController()
    const run = first.run({ signal: stop.signal }).catch(() => {})
    await settled
    stop.abort(new Error('stop'))
    await run
    await first[Symbol.asyncDispose]()
    runs = 2
    const second = await resumeOrCreate(graph, {
      entrypoint: 'map',
      state: {},
      appId: 'app',
      persister,
      tracker: otelTracker({ tracer, meter }),
    })
    await second.run()
    held.resolve()

    expect(spans().flatMap(({ name }) => (name.startsWith('map[') ? [name] : []))).toEqual(['map[slow]'])
  })

  it('ends every span, also of a run that ends while code of it is given up', async () => {
    const { tracer, meter, spans } = sdk()
    const held = defer<string>()
    const act = kit.action({
      reads: [],
      writes: ['out'],
      run: ({ context }) => context.span('stuck', async () => ({ out: await held.promise })),
    })
    const map = kit.mapActions({ reads: [], writes: ['outs'], actions: { a: act }, state: () => ({}), reduce: joined })
    const app = createApplication(kit.graph({ actions: { map } }), {
      entrypoint: 'map',
      state: {},
      graceMs: 0,
      logger: quiet,
      tracker: otelTracker({ tracer, meter }),
    })
    const stuck = emitted(app, 'span.start')
    const run = app.run()
    await stuck
    app.cancel({ reason: 'enough' })
    await run
    held.resolve('late')
    await flush()

    expect(
      spans()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['a', 'map', 'map map', 'map[a]', 'run', 'stuck'])
  })

  it('refuses unknown options', () => {
    expect(() => otelTracker({ trace: 1 } as never)).toThrow(
      'otelTracker has no option "trace". Did you mean "tracer"?',
    )
  })
})

describe('a collector', () => {
  it('gets the spans by OTLP over HTTP', async () => {
    interface Body {
      readonly resourceSpans: readonly {
        readonly scopeSpans: readonly {
          readonly spans: readonly { readonly name: string; readonly parentSpanId?: string }[]
        }[]
      }[]
    }
    const got: Body[] = []
    const server = createServer((request, response) => {
      const parts: Buffer[] = []
      request.on('data', (part: Buffer) => parts.push(part))
      request.on('end', () => {
        if (request.url === '/v1/traces') got.push(JSON.parse(Buffer.concat(parts).toString('utf8')) as Body)
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : 0
    const exporter = new OTLPTraceExporter({ url: `http://127.0.0.1:${port}/v1/traces` })
    const provider = new BasicTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] })
    const act = kit.action({ reads: [], writes: ['out'], run: () => ({ out: 'x' }) })
    const app = createApplication(kit.graph({ actions: { act } }), {
      entrypoint: 'act',
      state: {},
      tracker: otelTracker({ tracer: provider.getTracer('test') }),
    })

    await app.run()
    await provider.forceFlush()
    await provider.shutdown()
    await new Promise((resolve) => server.close(resolve))

    const spans = got.flatMap(({ resourceSpans }) =>
      resourceSpans.flatMap((one) => one.scopeSpans.flatMap((all) => all.spans)),
    )
    expect(spans.map(({ name, parentSpanId }) => [name, parentSpanId === undefined || parentSpanId === ''])).toEqual([
      ['act', false],
      ['run', true],
    ])
  })
})
