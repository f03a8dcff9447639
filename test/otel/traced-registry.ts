import { SpanStatusCode, trace } from '@opentelemetry/api'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { defineState } from 'teasel'
import { defineRegistry } from 'teasel/executor'
import { joinTraces } from 'teasel/otel'
import { setUpContext } from './rig.js'

// Branches that make spans of their own, by an SDK of their worker. Its module sets OpenTelemetry up in each worker. The
// spans that have ended stay in the memory of the worker; they come back as the output of the branch.

setUpContext()
joinTraces()
const exporter = new InMemorySpanExporter()
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
const tracer = provider.getTracer('client')

/** A span of a worker that has ended. */
export interface ClientSpan {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string | undefined
}

export interface Traced {
  readonly item: string
  readonly tries: number
  readonly spans: readonly ClientSpan[]
  readonly all: readonly (readonly ClientSpan[])[]
}

/** A client that is instrumented. */
const client = async (name: string): Promise<void> =>
  tracer.startActiveSpan(name, async (span) => {
    await new Promise((resolve) => setImmediate(resolve))
    span.setStatus({ code: SpanStatusCode.OK })
    span.end()
  })

/** The spans of a trace that this worker has made since they were last taken. */
function taken(): readonly ClientSpan[] {
  const traceId = trace.getActiveSpan()?.spanContext().traceId
  const made = exporter.getFinishedSpans().filter((one) => one.spanContext().traceId === traceId)
  return made.map((one) => ({
    name: one.name,
    traceId: one.spanContext().traceId,
    spanId: one.spanContext().spanId,
    parentId: one.parentSpanContext?.spanId,
  }))
}

const kit = defineState<Traced>()
const call = kit.action({
  reads: ['item'],
  writes: ['spans'],
  run: async ({ state: { item } }) => {
    await client(`first ${item}`)
    return { spans: taken() }
  },
})
const again = kit.action({
  reads: ['item'],
  writes: ['spans'],
  retry: { attempts: 2, delayMs: 0 },
  async *run({ state: { item }, context }) {
    await client(`attempt ${context.attempt}`)
    if (context.attempt === 1) throw new RangeError('once more')
    yield 1
    await context.span('think', () => client(`in a span ${item}`))
    return { spans: taken() }
  },
})
/** Two steps: a span in the first one, and in each attempt at the second one. */
const traced = kit.graph({ actions: { call, again }, transitions: { call: 'again' } }).runnable({ entrypoint: 'call' })

const below = kit.mapStates({
  reads: ['item'],
  writes: ['spans'],
  action: call,
  async *states({ state: { item } }) {
    await client(`source ${item}`)
    yield { item: 'deep' }
  },
  reduce: ({ results }) => ({ spans: results.flatMap(({ state }) => state.spans) }),
})
/** A map in the worker. */
const nested = kit.graph({ actions: { below } }).runnable({ entrypoint: 'below' })

export const runnables = { traced, nested }
export const registry = defineRegistry({ name: 'traced', module: import.meta.url, graphs: runnables })
