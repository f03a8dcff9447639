import { context } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { BasicTracerProvider, BatchSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-base'
import { createApplication, defineState } from 'teasel'
import { otelTracker } from 'teasel/otel'
import type { Measured } from './case.js'
import { median, ratios, rounds } from './measure.js'

const STEPS = 5_000
const counter = defineState<{ n: number; stop: number }>()
const add = counter.action({ reads: ['n'], writes: ['n'], run: async ({ state }) => ({ n: state.n + 1 }) })
const graph = counter.graph({
  actions: { add },
  transitions: { add: [{ to: 'add', when: ({ state }) => state.n < state.stop }] },
})

/** Steps with a span each, against spans around the same calls that the SDK makes by hand. */
export async function otelSteps(): Promise<Measured> {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  const exporter: SpanExporter = { export: (_, done) => done({ code: 0 }), shutdown: async () => {} }
  const provider = new BasicTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] })
  const tracer = provider.getTracer('bench')
  const tracked = otelTracker({ tracer })
  const all = await rounds(
    9,
    async () => {
      const app = createApplication(graph, { entrypoint: 'add', state: { n: 0, stop: STEPS }, tracker: tracked })
      await app.run()
    },
    () =>
      tracer.startActiveSpan('run', async (run) => {
        for (let n = 0; n < STEPS; n++) {
          const attributes = {
            'app.run': 'r',
            'app.id': 'a',
            'app.action': 'add',
            'app.step': n,
            'app.attempt': 1,
            'app.incarnation': 0,
          }
          await tracer.startActiveSpan('add', { attributes }, async (span) => {
            await Promise.resolve(n)
            span.setAttribute('app.status', 'done')
            span.end()
          })
        }
        run.end()
      }),
    3,
  )
  await provider.shutdown()
  return { samples: ratios(all), baseline: median(all.map(({ baseline }) => baseline)) }
}
