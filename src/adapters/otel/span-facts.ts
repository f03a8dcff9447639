import type { Attributes, Link, SpanContext } from '@opentelemetry/api'
import { type Path, printPath } from '../../action/context.js'
import type { ActionFacts, EventFacts } from '../../lifecycle/event-facts.js'
import type { AnyEvent } from '../../lifecycle/events.js'
import { attributeOf, errorType, fail } from './attributes.js'
import type { OpenApp, OpenSpan } from './open-spans.js'

// Owns: names, attributes and events of spans.

/** The name of the span of a branch, or of an application that an action made: `ask[gpt4]`. */
export function nameOf(path: Path): string {
  const { map = '', key = '' } = path.at(-1) ?? {}
  return `${map}[${key}]`
}

/** Attributes of every span. */
export function idOf({ runId, appId, path }: Pick<EventFacts, 'runId' | 'appId' | 'path'>): Attributes {
  if (path.length === 0) return { 'teasel.run.id': runId, 'teasel.app.id': appId }
  return { 'teasel.run.id': runId, 'teasel.app.id': appId, 'teasel.path': printPath(path) }
}

/** Notes how something ended: a cancel is no error. */
export function finish(
  { span }: OpenSpan,
  { cancelled }: OpenApp,
  status: string,
  error: unknown,
  whole: boolean,
): void {
  span.setAttribute('teasel.status', status)
  if (status === 'failed') return fail(span, error, whole)
  if (status !== 'cancelled') return
  span.setAttribute('teasel.cancelled', true)
  if (cancelled === undefined) return
  span.setAttribute('teasel.cancel.cause', cancelled.cause)
  span.setAttribute('teasel.cancel.by', cancelled.by)
}

/** The event of a span that stands for an event of a run, and its span. */
export function spanEvent(app: OpenApp, event: AnyEvent): readonly [OpenSpan, Attributes] | undefined {
  const { step } = app
  switch (event.type) {
    case 'log': {
      const data = attributeOf(event.data)
      const facts = { 'teasel.log.level': event.level, 'teasel.log.text': event.text }
      const target = (event.span === undefined ? undefined : step?.spans?.get(event.span)) ?? step ?? app
      return [target, data === undefined ? facts : { ...facts, 'teasel.log.data': data }]
    }
    case 'retry': {
      const { level, attempt, delayMs, error } = event
      const facts = { 'teasel.retry.level': level, 'teasel.attempt': attempt, 'teasel.retry.delay_ms': delayMs }
      return [step ?? app, { ...facts, ...whereOf(event), 'error.type': errorType(error) }]
    }
    case 'wait':
      return [
        step ?? app,
        { 'teasel.wait.id': event.id, 'teasel.wait.from': event.from, 'teasel.wait.kinds': [...event.kinds] },
      ]
    case 'wake':
      return [
        step ?? app,
        { 'teasel.wait.id': event.id, 'teasel.wait.from': event.from, 'teasel.wait.ms': event.durationMs },
      ]
    case 'cancel':
      return [app, { 'teasel.cancel.cause': event.cause, 'teasel.cancel.by': event.by }]
    case 'reduce':
      return [step?.map ?? app, { 'teasel.results': event.results }]
    case 'branch.leaked':
      return [app, { ...whereOf(event), 'teasel.leak.since_ms': event.sinceMs }]
    case 'fault':
      return [app, { 'teasel.fault.where': event.where, 'error.type': errorType(event.error) }]
  }
  return undefined
}

const whereOf = ({ source, sequenceId }: ActionFacts): Attributes => ({
  'teasel.action': source,
  'teasel.sequence_id': sequenceId,
})

/** Links to earlier spans, each with the reason. Undefined without any. */
export function linksTo(spans: { readonly [why: string]: SpanContext | undefined }): Link[] | undefined {
  const links = Object.entries(spans).flatMap(([why, context]) =>
    context === undefined ? [] : [{ context, attributes: { 'teasel.link': why } }],
  )
  return links.length === 0 ? undefined : links
}
