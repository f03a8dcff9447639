import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { Payload } from '../../read/payload.js'
import type { StepRecord } from '../../read/tree.js'
import { printedPath } from '../../read/wire-path.js'
import type { WireEvent } from '../../wire/events.js'
import { clientOf } from './client.js'
import { JsonView } from './json-view.js'
import { useLoaded } from './loaded.js'
import { Empty, Problem, Status } from './parts.js'
import type { RunModel } from './run-model.js'
import { inWords } from './value-words.js'
import { duration, isOpen, many, timeOfDay, visible } from './words.js'

// Owns: what a step told while it ran: its logs, its spans, its stream.

export interface StepEventsProps {
  readonly run: RunModel
  readonly path: string
  readonly step: StepRecord | undefined
}

/** What is absent of a run, by the names of its source. */
const isLacking = ({ run, path }: StepEventsProps, ...parts: readonly string[]): boolean =>
  run.app(path).tree.value?.lacks.some((one) => parts.includes(one)) === true

/** Why nothing is there, where a source keeps no such thing. */
const NotKept = ({ what }: { readonly what: string }): JSX.Element => (
  <Empty>
    {what} are kept by a tracker, not by a store. Give the application a tracker, and open the folder of its logs.
  </Empty>
)

/** Those of code beside the steps are of no step. */
const FAULT = 'fault'

/** Events of one step, and faults of its application; those that happen now too. @param isKept whether they can be read again */
function useEvents(
  { run, path, step }: StepEventsProps,
  types: readonly string[],
  isKept: boolean,
): readonly WireEvent[] | undefined {
  const [events, setEvents] = useState<readonly WireEvent[]>()
  const [at, epoch] = [step?.sequenceId, step?.epoch]
  useEffect(() => {
    const { project, ...ref } = run.id
    const own = (event: WireEvent): boolean =>
      types.includes(event.type) &&
      (event['sequenceId'] === at || event.type === FAULT) &&
      printedPath(event.path) === path
    const stop = new AbortController()
    const seen = new Map<string, WireEvent>()
    const add = (event: WireEvent): void => void seen.set(`${event.incarnation}.${event.seq}`, event)
    const read = async (): Promise<void> => {
      for await (const event of clientOf(project).events({ ...ref, types, follow: false, signal: stop.signal }))
        if (own(event)) add(event)
      setEvents([...seen.values()])
    }
    if (isKept && types.length > 0) read().catch(() => setEvents([...seen.values()]))
    else setEvents([])
    const hear = (fresh: readonly WireEvent[]): void => {
      const mine = fresh.filter(own)
      for (const event of mine) add(event)
      if (mine.length > 0) setEvents([...seen.values()])
    }
    run.hearers.add(hear)
    return () => {
      stop.abort()
      run.hearers.delete(hear)
    }
  }, [run, path, at, epoch, types.join(), isKept])
  return events
}

/** Its logs, or its spans. */
export function Told({ isLogs, ...props }: StepEventsProps & { readonly isLogs: boolean }): JSX.Element {
  const isKept = !isLacking(props, isLogs ? 'logs' : 'spans')
  const events = useEvents(
    props,
    isLogs ? ['log', 'retry', 'wait', 'wake', 'message', FAULT] : ['span.start', 'span.end', 'step.end'],
    isKept,
  )
  if (events === undefined) return <p class="quiet">Loading…</p>
  if (!isKept && events.length === 0) return <NotKept what={isLogs ? 'Logs' : 'Spans'} />
  if (isLogs) return <StepLogs events={events} />
  const facts = events.findLast(({ type }) => type === 'step.end')?.['attributes'] as Payload | undefined
  const hasSpans = events.some(({ type }) => type === 'span.start')
  return (
    <>
      {facts !== undefined && (
        <section class="attributes" aria-label="Attributes of the step">
          <p class="quiet tiny">Attributes of the step</p>
          <JsonView value={facts} />
        </section>
      )}
      {hasSpans ? <Spans events={events} /> : facts === undefined && <Empty>It has no spans.</Empty>}
    </>
  )
}

type EventsProps = { readonly events: readonly WireEvent[] }

function StepLogs({ events }: EventsProps): JSX.Element {
  const own = events.filter(({ type }) => type !== FAULT)
  const faults = events.filter(({ type }) => type === FAULT)
  return (
    <>
      {own.length === 0 ? <Empty>It logged nothing.</Empty> : <Logs events={own} />}
      {faults.length > 0 && (
        <section aria-label="Faults beside the steps" class="faults">
          <h3>{many(faults.length, 'fault')} beside the steps</h3>
          <p class="quiet">Code around the actions threw: a tracker, a listener, an interceptor. The run went on.</p>
          <Logs events={faults} />
        </section>
      )}
    </>
  )
}

const Logs = ({ events }: EventsProps): JSX.Element => (
  <ul class="logs">
    {events.map((event) => (
      <li key={`${event.incarnation}.${event.seq}`} data-level={String(event['level'] ?? event.type)}>
        <time>{timeOfDay(event.time)}</time>{' '}
        <b>{event.type === 'log' ? String(event['level'] ?? 'info') : event.type}</b>{' '}
        <span class="text">{logText(event)}</span>
        {event['data'] !== undefined && <JsonView value={event['data'] as Payload} />}
      </li>
    ))}
  </ul>
)

function logText(event: WireEvent): string {
  switch (event.type) {
    case 'log':
      return visible(String(event['text']))
    case 'retry':
      return `attempt ${event['attempt']} after ${duration(Number(event['delayMs']))}: ${inWords(event['error'])}`
    case 'wait':
      return `for ${String(event['kinds'] ?? '') || 'a time'}${event['ask'] === undefined ? '' : `: ${inWords(event['ask'])}`}`
    case 'wake':
      return `after ${duration(Number(event['durationMs']))}`
    case FAULT:
      return visible(`${String(event['where'] ?? 'code')} threw ${inWords(event['error'], 400)}`)
    default:
      return inWords(event['message'] ?? '')
  }
}

function Spans({ events }: EventsProps): JSX.Element {
  const ends = new Map(events.filter(({ type }) => type === 'span.end').map((event) => [event['span'], event]))
  const starts = events.filter(({ type }) => type === 'span.start')
  const first = starts.reduce((least, { time }) => Math.min(least, time), Number.POSITIVE_INFINITY)
  const last = starts.reduce(
    (most, one) => Math.max(most, one.time + Number(ends.get(one['span'])?.['durationMs'] ?? 0)),
    first + 1,
  )
  const level = new Map<unknown, number>()
  return (
    <ul class="spans">
      {starts.map((start) => {
        const depth = (level.get(start['parent']) ?? -1) + 1
        level.set(start['span'], depth)
        const end = ends.get(start['span'])
        const ms = Number(end?.['durationMs'] ?? 0)
        const status = String(end?.['status'] ?? 'running')
        const facts = (end?.['attributes'] ?? start['attributes']) as Payload
        return (
          <li key={String(start['span'])} style={{ paddingLeft: `${depth * 14}px` }}>
            <b>{String(start['name'])}</b> <Status status={status === 'cut' ? 'interrupted' : status} />{' '}
            <span class="quiet">{end === undefined ? '' : duration(ms)}</span>
            <span class="track">
              <span
                data-status={status}
                style={{
                  left: `${(100 * (start.time - first)) / (last - first)}%`,
                  width: `${Math.max(1, (100 * ms) / (last - first))}%`,
                }}
              />
            </span>
            {facts !== null && Object.keys(facts).length > 0 && <JsonView value={facts} />}
          </li>
        )
      })}
    </ul>
  )
}

const LAST_SIGNS = 200_000

export function Stream(props: StepEventsProps): JSX.Element {
  const { run, path, step } = props
  const { project, ...ref } = run.id
  const [isAll, setAll] = useState(false)
  const at = step?.sequenceId
  const isRunning = step !== undefined && isOpen(step.status)
  const isKept = !isLacking(props, 'chunks')
  const isHeard = isRunning || !isKept
  const key =
    at === undefined || isHeard ? undefined : `chunks ${JSON.stringify([run.id, path, at, step?.epoch, step?.status])}`
  const stored = useLoaded(key, () => clientOf(project).chunks({ ...ref, path, step: at ?? 0 }))
  const events = useEvents(props, isHeard ? ['chunk'] : [], isKept)
  if (step === undefined) return <Empty>It has no step yet.</Empty>
  const items = isHeard ? (events ?? []).map((event) => event['chunk']) : (stored.data?.items ?? [])
  if (stored.error !== undefined) return <Problem error={stored.error} />
  if (items.length === 0 && !isKept) return <NotKept what="Streams" />
  if (items.length === 0) return stored.isLoading ? <p class="quiet">Loading…</p> : <Empty>It yielded nothing.</Empty>
  const { chunks, startedAt, endedAt } = step
  const isText = items.every((item) => typeof item === 'string')
  const text = isText ? items.join('') : items.map((item) => inWords(item, 2000)).join('\n')
  const seconds = ((chunks?.lastAt ?? endedAt ?? Date.now()) - (startedAt ?? Date.now())) / 1000
  return (
    <>
      <p class="quiet">
        {many(chunks?.count ?? items.length, 'chunk')}
        {!isKept && ' since this page was opened'}
        {seconds > 0.05 && ` · ${Math.round((chunks?.count ?? items.length) / seconds)} a second`}
        {chunks?.firstAt !== undefined &&
          startedAt !== undefined &&
          ` · first after ${duration(chunks.firstAt - startedAt)}`}
      </p>
      {text.length > LAST_SIGNS && !isAll && (
        <button type="button" class="small" onClick={() => setAll(true)}>
          Load all
        </button>
      )}
      <div class="stream text" data-live={isRunning}>
        {visible(isAll ? text : text.slice(-LAST_SIGNS))}
      </div>
    </>
  )
}
