import { context, propagation, type Span } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'

/** The context manager and the propagator of a program that uses OpenTelemetry. */
export function setUpContext(): void {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
}

/** A real SDK whose spans and metrics stay in memory. */
export function sdk() {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  const metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter: metricExporter, exportIntervalMillis: 3_600_000 })
  const meters = new MeterProvider({ readers: [reader] })
  const spans = (): readonly ReadableSpan[] => exporter.getFinishedSpans()
  return {
    tracer: provider.getTracer('test'),
    meter: meters.getMeter('test'),
    spans,
    find(name: string): ReadableSpan {
      const found = spans().find((one) => one.name === name)
      if (found === undefined)
        throw new TypeError(
          `No span "${name}" among ${spans()
            .map((one) => one.name)
            .join()}.`,
        )
      return found
    },
    /** Sums of counters, and counts of histograms, by name and attributes. */
    async metrics(): Promise<Record<string, number>> {
      await meters.forceFlush()
      const all =
        metricExporter
          .getMetrics()
          .at(-1)
          ?.scopeMetrics.flatMap(({ metrics }) => metrics) ?? []
      return Object.fromEntries(
        all.flatMap(({ descriptor, dataPoints }) =>
          dataPoints.map(({ attributes, value }) => [
            [descriptor.name, ...Object.values(attributes)].join(' '),
            typeof value === 'number' ? value : (value as { readonly count: number }).count,
          ]),
        ),
      )
    },
    async close(): Promise<void> {
      await provider.shutdown()
      await meters.shutdown()
    },
  }
}

/** The tree of spans, each with the names below it, in the order of their starts. */
export function treeOf(spans: readonly ReadableSpan[]): unknown {
  const byStart = [...spans].sort((a, b) => a.startTime[0] - b.startTime[0] || a.startTime[1] - b.startTime[1])
  const ids = new Set(spans.map((one) => one.spanContext().spanId))
  const below = (parent: string | undefined): unknown[] =>
    byStart
      .filter(({ parentSpanContext: at }) =>
        parent === undefined ? !ids.has(at?.spanId ?? '') : at?.spanId === parent,
      )
      .map((one) => {
        const inner = below(one.spanContext().spanId)
        return inner.length === 0 ? one.name : { [one.name]: inner }
      })
  return below(undefined)
}

/** Makes a span around code, as an instrumented client does. */
export const instrumented = <T>(tracer: ReturnType<typeof sdk>['tracer'], name: string, code: () => T): T =>
  tracer.startActiveSpan(name, (span: Span) => {
    const result = code()
    span.end()
    return result
  })
