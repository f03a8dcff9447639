import type { ActionLog, ActionSpan, Attributes, LogLevel, ProgressReport } from '../../action/report.js'
import type { PlanNode } from '../../graph/plan.js'
import { monotonicNow, msSince } from '../../internal/clock.js'
import { describeValue, isPlainObject, isThenable } from '../../internal/guards.js'
import type { Progress } from '../../read/tree.js'
import type { Cancellation } from '../cancel/cancellation.js'
import { emit, isObserved } from '../emit.js'
import type { EventSource } from '../event-source.js'

// Owns: the reports of one attempt: its spans, attributes, log lines and progress.
// Does not own: the delivery of their events (emit.ts).
// P1  A span ends with its function, at the latest with its attempt: before `step.end`, inner spans first.
// P2  Of progress the latest report counts: at most one event in 100 ms, the last one before `step.end`. So a slow
//     reader never makes them pile up.
// P3  Reports after the end of the attempt emit nothing; the function of a span is called anyway.

/** Least time between two `progress` events of an attempt, milliseconds. */
const PACE_MS = 100
const NOTHING: Attributes = Object.freeze({})

/** An attempt, as far as its reports need it. */
export interface ReportedAttempt {
  readonly node: PlanNode
  /** The number of the step. */
  readonly sequenceId: number
  /** The number of the attempt; the first is 1. */
  readonly attempt: number
  /** False once it has ended: its context then does nothing. */
  readonly open: boolean
  /** The first cancel that reached it. Its signal has fired, if it was ever used. */
  readonly cancellation: Cancellation | undefined
  /** Calls code of the action. @param span the id of the span that it belongs to */
  within<T>(code: () => T, span?: string): T
}

/** The reports of one attempt; made when its action first reports something. */
export class StepReport {
  readonly app: EventSource
  readonly step: ReportedAttempt
  /** The facts of the step; undefined without any. */
  attributes: Attributes | undefined
  /** The last report of progress. */
  progress: Progress | undefined
  readonly spans = new Set<Span>()
  spanCount = 0
  #unsent = false
  #timer: unknown
  #next = Number.NEGATIVE_INFINITY

  constructor(app: EventSource, step: ReportedAttempt) {
    this.app = app
    this.step = step
  }

  setProgress(given: ProgressReport, message?: string): void {
    const counts = progressOf(given, message)
    const { app, step } = this
    if (!step.open) return
    const { system } = app
    this.progress = { ...counts, at: system.clock.now() }
    this.#unsent = true
    const waitMs = this.#next - monotonicNow(system.clock)
    if (waitMs <= 0) return this.#sendProgress()
    if (!isObserved(app, 'progress')) return
    this.#timer ??= system.clock.setTimeout(() => this.#sendProgress(), waitMs)
  }

  #sendProgress(): void {
    const { app, step, progress } = this
    this.#stopTimer()
    if (!this.#unsent || progress === undefined) return
    this.#unsent = false
    this.#next = monotonicNow(app.system.clock) + PACE_MS
    const { at: _, ...counts } = progress
    emit(app, { type: 'progress', source: step.node.name, ...counts })
  }

  #stopTimer(): void {
    if (this.#timer !== undefined) this.app.system.clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** The attempt has ended. */
  close(): void {
    for (const span of [...this.spans].reverse()) span.cut() // P1
    this.#sendProgress() // P2
  }
}

/** A sum of fractions may be so much above 1. */
const ROUNDING = 1e-9

/** @throws {RangeError | TypeError} for what is no progress */
function progressOf(given: ProgressReport, message: unknown): Omit<Progress, 'at'> {
  const shape = 'It takes a fraction from 0 to 1, or { done, total }, and perhaps a message.'
  if (message !== undefined && typeof message !== 'string')
    throw new TypeError(`context.progress was given the message ${describeValue(message)}. ${shape}`)
  const note = message === undefined ? undefined : { message }
  if (typeof given === 'number') {
    if (!(given >= 0 && given <= 1 + ROUNDING)) throw new RangeError(`context.progress was given ${given}. ${shape}`)
    return { fraction: Math.min(given, 1), ...note }
  }
  if (!isPlainObject(given)) throw new TypeError(`context.progress was given ${describeValue(given)}. ${shape}`)
  const { done, total } = given
  for (const count of total === undefined ? [done] : [done, total])
    if (typeof count !== 'number') throw new TypeError(`context.progress was given ${describeValue(count)}. ${shape}`)
    else if (!(count >= 0 && count < Number.POSITIVE_INFINITY))
      throw new RangeError(`context.progress was given ${count}. ${shape}`)
  return { done, ...(total !== undefined && { total }), ...note }
}

/** @throws {TypeError} for what is no record */
function assertAttributes(method: string, given: unknown): asserts given is Attributes {
  if (!isPlainObject(given)) throw new TypeError(`${method} takes a record of attributes, not ${describeValue(given)}.`)
}

/** Merges facts. @throws {TypeError} for what is no record */
export function withAttributes(method: string, before: Attributes | undefined, given: Attributes): Attributes {
  assertAttributes(method, given)
  return Object.freeze({ ...before, ...given })
}

/** The `log` of an attempt or a span. */
export function logOf({ app, step }: Pick<StepReport, 'app' | 'step'>, span?: Span): ActionLog {
  const write = (level: LogLevel) => (text: string, data?: unknown) => {
    const { name } = step.node
    const line = { level, text, data, ...(span !== undefined && { span: span.id }) }
    const { sequenceId, attempt } = step
    app.system.logger.record({ ...line, appId: app.appId, path: app.path, action: name, sequenceId, attempt })
    if (step.open) emit(app, { type: 'log', source: name, ...line })
  }
  const levels = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
  return Object.assign(write('info'), levels)
}

/**
 * Calls a function within a span.
 * @param report undefined once the attempt has ended
 */
export function runSpan<T>(
  report: StepReport,
  parent: Span | undefined,
  name: string,
  fn: (span: ActionSpan) => T,
  attributes: Attributes = NOTHING,
): T {
  if (typeof name !== 'string' || typeof fn !== 'function')
    throw new TypeError("context.span takes a name and a function: span('embed', (span) => …).")
  assertAttributes('context.span', attributes)
  const span = new Span(report, parent, name, Object.freeze({ ...attributes }))
  if (report.step.open) span.start()
  let result: T
  try {
    result = report.step.within(() => fn(span), span.id)
  } catch (error) {
    span.fail(error)
    throw error
  }
  if (!isThenable(result)) {
    span.end('done')
    return result
  }
  const settled = result.then(
    (value) => {
      span.end('done')
      return value
    },
    (error: unknown) => {
      span.fail(error)
      throw error
    },
  )
  return settled as T
}

/** One section of an attempt. */
class Span implements ActionSpan {
  readonly id: string
  readonly #report: StepReport
  readonly #parent: Span | undefined
  readonly #name: string
  #attributes: Attributes
  #startedAt = 0
  #log: ActionLog | undefined

  constructor(report: StepReport, parent: Span | undefined, name: string, attributes: Attributes) {
    const { sequenceId, attempt } = report.step
    this.id = `${sequenceId}.${attempt}.${report.spanCount++}`
    this.#report = report
    this.#parent = parent
    this.#name = name
    this.#attributes = attributes
  }

  get #open(): boolean {
    return this.#report.spans.has(this)
  }

  start(): void {
    const { app, step, spans } = this.#report
    this.#startedAt = monotonicNow(app.system.clock)
    spans.add(this)
    const parent = this.#parent && { parent: this.#parent.id }
    const facts = { span: this.id, ...parent, name: this.#name, attributes: this.#attributes }
    emit(app, { type: 'span.start', source: step.node.name, ...facts })
  }

  end(status: 'done' | 'failed' | 'cancelled' | 'cut', failure?: { readonly error: unknown }): void {
    const { app, step, spans } = this.#report
    if (!spans.delete(this)) return
    const durationMs = msSince(app.system.clock, this.#startedAt)
    const facts = { span: this.id, status, ...failure, attributes: this.#attributes, durationMs }
    emit(app, { type: 'span.end', source: step.node.name, ...facts })
  }

  fail(error: unknown): void {
    this.end(this.#report.step.cancellation === undefined ? 'failed' : 'cancelled', { error })
  }

  /** Its attempt has ended, and its function runs on. */
  cut(): void {
    this.end(this.#report.step.cancellation === undefined ? 'cut' : 'cancelled')
  }

  span<T>(name: string, fn: (span: ActionSpan) => T, attributes?: Attributes): T {
    return runSpan(this.#report, this, name, fn, attributes)
  }

  attributes(given: Attributes): void {
    const all = withAttributes('span.attributes', this.#attributes, given)
    if (this.#open) this.#attributes = all
  }

  get log(): ActionLog {
    this.#log ??= logOf(this.#report, this)
    return this.#log
  }
}
