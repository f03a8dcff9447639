import {
  type Attributes,
  context as active,
  type Context,
  type Link,
  type Meter,
  metrics,
  type SpanContext,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { type ActionContext, printPath } from '../../action/context.js'
import { checkOptions } from '../../internal/options.js'
import type { AnyEvent } from '../../lifecycle/events.js'
import type { BranchSettled, BranchStart } from '../../lifecycle/map-events.js'
import type { CarriedBranch, CarriedStep, TrackedRun, Tracker } from '../../tracking/tracker.js'
import { attributesOf } from './attributes.js'
import { activeTexts, StartContexts, textsOf } from './carried-contexts.js'
import { OpenApp, startSpan } from './open-spans.js'
import { createMetrics, type Metrics } from './otel-metrics.js'
import { finish, idOf, linksTo, nameOf, spanEvent } from './span-facts.js'

// Owns: the events of runs as spans of OpenTelemetry.
// Does not own: their metrics (otel-metrics.ts), traces in workers (join-traces.ts).
// O1  A cancel is no error: the status of the span stays unset.
// O2  A branch that a store restored makes no span.
// O3  A step that begins again without an end was lost with its worker: its span ends, and the next one links to it.

/** Options of {@link otelTracker}. */
export interface OtelOptions {
  /** Makes the spans. Default: the global tracer `teasel`. */
  readonly tracer?: Tracer
  /** Makes the metrics. Default: the global meter `teasel`; without a meter provider it measures nothing. */
  readonly meter?: Meter
  /** Name of the spans of runs. Default: `run`. */
  readonly name?: string
  /**
   * Name of an agent. Spans of runs then have the attributes `gen_ai.operation.name` (`invoke_workflow`) and
   * `gen_ai.agent.name`. These conventions are still in development. Default: none.
   */
  readonly agent?: string
}

/** Number of ended runs that later ones can link to. */
const REMEMBERED = 1000

type Of<T extends AnyEvent['type']> = Extract<AnyEvent, { readonly type: T }>

/**
 * A tracker that hands runs to OpenTelemetry: a span for each run, map, branch and attempt at a step, and for each
 * `context.span`; events for logs, retries, waits, cancels and leaks; metrics of all of them. Give it as `tracker` of an
 * application, or of a map.
 *
 * The span of a run is below the one that is active where the run starts; of a run that a host or a queue started, below the
 * one that was active there, in whatever process it runs. Code of an action runs below the span of its
 * step: a client that is instrumented puts its spans there. For that, OpenTelemetry needs a context manager. In workers
 * see {@link joinTraces}. A cancelled span has no error: its status is unset, and `teasel.cancelled` is true. State,
 * inputs and messages are never exported.
 *
 * @throws {TypeError} for unknown options
 *
 * @example
 * ```ts
 * import { otelTracker } from 'teasel/otel'
 *
 * const kit = defineState<{ n: number }>()
 * const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
 * const tracker = otelTracker({ name: 'counter' })
 * const app = createApplication(kit.graph({ actions: { add } }), { entrypoint: 'add', state: { n: 0 }, tracker })
 * await app.run()
 * ```
 */
export function otelTracker(options: OtelOptions = {}): Tracker {
  checkOptions('otelTracker', options, 'tracer meter name agent')
  return new OtelTracker(options)
}

class OtelTracker implements Tracker {
  readonly name = 'otel'
  readonly #tracer: Tracer
  readonly #metrics: Metrics
  readonly #runName: string
  readonly #agent: Attributes
  readonly #apps = new Map<string, OpenApp>()
  /** By run and path: events name no parent. */
  readonly #places = new Map<string, OpenApp>()
  /** The last run of each application, for links. */
  readonly #ended = new Map<string, SpanContext>()
  readonly #starts = new StartContexts()
  readonly #forget = (app: OpenApp): void => {
    if (this.#apps.get(app.appId) === app) this.#apps.delete(app.appId)
    if (this.#places.get(app.path) === app) this.#places.delete(app.path)
  }

  constructor({ tracer, meter, name = 'run', agent }: OtelOptions) {
    this.#tracer = tracer ?? trace.getTracer('teasel')
    this.#metrics = createMetrics(meter ?? metrics.getMeter('teasel'))
    this.#runName = agent === undefined ? name : `invoke_workflow ${agent}`
    this.#agent = agent === undefined ? {} : { 'gen_ai.operation.name': 'invoke_workflow', 'gen_ai.agent.name': agent }
  }

  begin(run: TrackedRun): void {
    this.#starts.add(run)
  }

  carryRun(): Readonly<Record<string, string>> | undefined {
    return activeTexts()
  }

  track(event: AnyEvent): void {
    switch (event.type) {
      case 'run.start':
        return this.#runStart(event)
      case 'run.end':
        return this.#runEnd(event)
      case 'branch.start':
        return this.#branchStart(event)
      case 'branch.settled':
        return this.#branchEnd(event)
    }
    const app = this.#apps.get(event.appId)
    if (app === undefined) return
    if (event.type !== 'log' && event.type !== 'chunk') this.#metrics.other(event)
    switch (event.type) {
      case 'step.start':
        return this.#stepStart(app, event)
      case 'step.end':
        return this.#stepEnd(app, event)
      case 'map.start':
        return this.#mapStart(app, event)
      case 'map.end':
        return this.#mapEnd(app, event)
      case 'span.start':
        return this.#spanStart(app, event)
      case 'span.end':
        return this.#spanEnd(app, event)
      case 'chunk':
        if (app.step !== undefined) app.step.chunks += 1
        return
      case 'cancel':
        app.cancelled ??= event
    }
    if (event.type === 'transition') return
    const [target, facts] = spanEvent(app, event) ?? []
    target?.span.addEvent(event.type, facts)
  }

  within<T>({ appId }: ActionContext, code: () => T, span?: string): T {
    const { step } = this.#apps.get(appId) ?? {}
    const below = span === undefined ? step : step?.spans?.get(span)
    return below === undefined ? code() : active.with(below.context, code)
  }

  carry(branch: CarriedBranch): Readonly<Record<string, string>> | undefined {
    const app = this.#apps.get(branch.appId) ?? this.#open(branch, nameOf(branch.path), {}, false)
    app.deliveries += 1
    if (app.deliveries > 1) {
      app.span.setAttribute('teasel.delivery', app.deliveries)
      app.span.addEvent('delivery', { 'teasel.delivery': app.deliveries })
    }
    return textsOf(app.context)
  }

  carryStep({ runId, path, sequenceId }: CarriedStep): Readonly<Record<string, string>> | undefined {
    const step = this.#places.get(`${runId} ${printPath(path)}`)?.step
    return step?.sequenceId === sequenceId ? textsOf(step.context) : undefined
  }

  /** Opens the span of an application below the step that it belongs to, or below the active span. */
  #open(
    { runId, appId, path, time = Date.now() }: CarriedBranch & { readonly time?: number },
    name: string,
    facts: Attributes,
    began: boolean,
    links?: Link[],
  ): OpenApp {
    const printed = printPath(path)
    const place = `${runId} ${printed}`
    const start = path.length > 0 ? undefined : this.#starts.take(runId)
    const above = path.length === 0 ? undefined : this.#places.get(`${runId} ${printPath(path.slice(0, -1))}`)
    const step = above?.step
    const below: Context = step?.map?.context ?? step?.context ?? above?.context ?? start ?? active.active()
    const opened = startSpan(this.#tracer, name, { ...idOf({ runId, appId, path }), ...facts }, below, links)
    const app = new OpenApp({ appId, path: place, printed, ...opened, above: step, startedAt: time, began })
    this.#apps.set(appId, app)
    this.#places.set(place, app)
    return app
  }

  #runStart(event: Of<'run.start'>): void {
    this.#apps.get(event.appId)?.end(this.#forget) // it never ended
    const { appId, incarnation } = event
    const facts = { 'teasel.incarnation': incarnation, ...this.#agent }
    const { forkedFrom } = event
    const links = linksTo({
      resumed: this.#ended.get(appId),
      forked: forkedFrom && this.#ended.get(forkedFrom.appId),
    })
    this.#open(event, this.#runName, facts, true, links)
  }

  #runEnd({ appId, status, error, time }: Of<'run.end'>): void {
    const app = this.#apps.get(appId)
    if (app === undefined) return
    this.#metrics.run(status, time - app.startedAt)
    finish(app, app, status, error, false)
    app.end(this.#forget)
    this.#ended.delete(appId)
    this.#ended.set(appId, app.span.spanContext())
    if (this.#ended.size > REMEMBERED) for (const first of this.#ended.keys()) return void this.#ended.delete(first)
  }

  #branchStart(event: BranchStart): void {
    const { source, key } = event
    this.#metrics.branchStart(event)
    const handed = this.#apps.get(event.appId)
    const facts = { 'teasel.map': source, 'teasel.key': key }
    if (handed === undefined) return void this.#open(event, nameOf(event.path), facts, true)
    handed.began = true
    handed.span.setAttributes(facts)
  }

  #branchEnd(event: BranchSettled): void {
    const { result, status } = event
    const app = this.#apps.get(event.appId)
    if (app === undefined) return // O2
    this.#metrics.branchEnd(event, app.began)
    finish(app, app, status, result.status === 'failed' ? result.error : undefined, false)
    app.end(this.#forget)
  }

  #stepStart(app: OpenApp, event: Of<'step.start'>): void {
    const { source, sequenceId, attempt } = event
    const lost = app.step
    if (lost !== undefined) {
      lost.span.setAttribute('teasel.lost', true) // O3
      app.endStep(this.#forget)
    }
    const { runId, appId, incarnation } = event
    const facts: Attributes = {
      'teasel.run.id': runId,
      'teasel.app.id': appId,
      'teasel.action': source,
      'teasel.sequence_id': sequenceId,
      'teasel.attempt': attempt,
      'teasel.incarnation': incarnation,
    }
    if (app.printed !== '') facts['teasel.path'] = app.printed
    const links = lost && [{ context: lost.span.spanContext(), attributes: { 'teasel.link': 'redelivered' } }]
    const { span, context } = startSpan(this.#tracer, source, facts, app.context, links)
    app.step = { span, context, sequenceId, spans: undefined, map: undefined, below: undefined, chunks: 0 }
  }

  #stepEnd(app: OpenApp, event: Of<'step.end'>): void {
    const { step } = app
    if (step === undefined) return
    if (event.attributes !== undefined) step.span.setAttributes(attributesOf(event.attributes))
    if (step.chunks > 0) step.span.setAttribute('teasel.chunks', step.chunks)
    if (event.status === 'done' && event.recovered) step.span.setAttribute('teasel.recovered', true)
    finish(step, app, event.status, event.status === 'done' ? undefined : event.error, true)
    app.endStep(this.#forget)
  }

  #mapStart({ step }: OpenApp, event: Of<'map.start'>): void {
    if (step === undefined) return
    const { source, policy, total } = event
    const facts = { ...idOf(event), 'teasel.map': source, 'teasel.policy': policy }
    const all = total === undefined ? facts : { ...facts, 'teasel.total': total }
    step.map = startSpan(this.#tracer, `map ${source}`, all, step.context)
  }

  #mapEnd({ step }: OpenApp, { done, failed, cancelled }: Of<'map.end'>): void {
    if (step?.map === undefined) return
    for (const app of [...(step.below ?? [])].reverse()) app.end(this.#forget)
    step.map.span.setAttributes({
      'teasel.done': done,
      'teasel.failed': failed,
      'teasel.cancelled_branches': cancelled,
    })
    step.map.span.end()
    step.map = undefined
  }

  #spanStart({ step }: OpenApp, { span, parent, name, attributes }: Of<'span.start'>): void {
    if (step === undefined) return
    const { context } = (parent === undefined ? step : step.spans?.get(parent)) ?? step
    step.spans ??= new Map()
    step.spans.set(span, startSpan(this.#tracer, name, attributesOf(attributes), context))
  }

  #spanEnd(app: OpenApp, { span, status, error, attributes }: Of<'span.end'>): void {
    const open = app.step?.spans?.get(span)
    if (open === undefined) return
    open.span.setAttributes(attributesOf(attributes))
    finish(open, app, status, error, true)
    open.span.end()
    app.step?.spans?.delete(span)
  }
}
