import { context as active, type Context, propagation, ROOT_CONTEXT } from '@opentelemetry/api'
import { addCodeScope } from '../../lifecycle/code-scope.js'

/**
 * Joins the code of actions in a worker to the trace of its owner: spans that it makes are below the span of the step.
 * Call it once in the module of the registry, after OpenTelemetry was set up there. The owner uses `otelTracker`; the
 * trace crosses as W3C `traceparent`, by the propagator of each side. Where no trace crossed it changes nothing.
 *
 * The worker asks its owner for the span of each attempt at a step, and the code begins with the answer: one way there
 * and back an attempt, tenths of a millisecond between threads. Spans inside of a `context.span` are below the step, too:
 * its owner makes that span, and its function runs at once.
 *
 * @returns a function that ends it
 *
 * @example
 * ```ts
 * import { joinTraces } from 'teasel/otel'
 *
 * const leave = joinTraces()
 * leave()
 * ```
 */
export function joinTraces(): () => void {
  const known = new WeakMap<object, Context>()
  const contextOf = (carried: Readonly<Record<string, string>>): Context => {
    const found = known.get(carried) ?? propagation.extract(ROOT_CONTEXT, carried)
    known.set(carried, found)
    return found
  }
  return addCodeScope({
    perStep: true,
    run: (_, code, __, carried) => (carried === undefined ? code() : active.with(contextOf(carried), code)),
  })
}
