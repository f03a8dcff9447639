import { type Attributes, type Context, type Link, type Span, type Tracer, trace } from '@opentelemetry/api'
import type { CancelCause } from '../../lifecycle/events.js'

// Owns: the open spans of one application, and those below it.
// N1  A span that ends, ends what is open below it first: nothing stays open in an exporter's memory.

/** An open span, and the context below it. */
export interface OpenSpan {
  readonly span: Span
  readonly context: Context
}

/** One attempt at a step. */
export interface OpenStep extends OpenSpan {
  readonly sequenceId: number
  /** The spans of its action, by id. */
  spans: Map<string, OpenSpan> | undefined
  map: OpenSpan | undefined
  /** Branches and applications below it. */
  below: Set<OpenApp> | undefined
  chunks: number
}

/** An application: a run of a root, of an application that an action made, or a branch. */
export class OpenApp implements OpenSpan {
  readonly appId: string
  /** Its run and its path. */
  readonly path: string
  /** Its printed path. */
  readonly printed: string
  readonly span: Span
  readonly context: Context
  /** The step that it belongs to. */
  readonly above: OpenStep | undefined
  readonly startedAt: number
  step: OpenStep | undefined
  /** Whether its first step has begun. */
  began: boolean
  /** How often it was handed to a worker. */
  deliveries = 0
  cancelled: { readonly by: string; readonly cause: CancelCause } | undefined

  constructor(
    facts: Pick<OpenApp, 'appId' | 'path' | 'printed' | 'span' | 'context' | 'above' | 'startedAt' | 'began'>,
  ) {
    this.appId = facts.appId
    this.path = facts.path
    this.printed = facts.printed
    this.span = facts.span
    this.context = facts.context
    this.above = facts.above
    this.startedAt = facts.startedAt
    this.began = facts.began
    if (facts.above !== undefined) {
      facts.above.below ??= new Set()
      facts.above.below.add(this)
    }
  }

  /** Ends it and what is below it. @param ended called with each application that ends */
  end(ended: (app: OpenApp) => void): void {
    this.endStep(ended)
    this.above?.below?.delete(this)
    this.span.end()
    ended(this)
  }

  /** Ends the open step and what is below it. */
  endStep(ended: (app: OpenApp) => void): void {
    const { step } = this
    if (step === undefined) return
    this.step = undefined
    for (const app of [...(step.below ?? [])].reverse()) app.end(ended)
    step.map?.span.end()
    for (const { span } of [...(step.spans?.values() ?? [])].reverse()) span.end()
    step.span.end()
  }
}

/** Starts a span below a context. */
export function startSpan(
  tracer: Tracer,
  name: string,
  attributes: Attributes,
  above: Context,
  links?: Link[],
): OpenSpan {
  const span = tracer.startSpan(name, links === undefined ? { attributes } : { attributes, links }, above)
  return { span, context: trace.setSpan(above, span) }
}
