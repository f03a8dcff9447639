import { isThenable, nameOf, observe } from '../internal/guards.js'
import type { ActionFacts } from '../lifecycle/event-facts.js'
import type { AnyEvent, EventType, RunEnd } from '../lifecycle/events.js'
import type { Tracker } from '../tracking/tracker.js'
import type { EventSource, EventSystem } from './event-source.js'

// Owns: making events and handing them over. This is the only place where facts become events.
// Does not own: the order of their delivery (system.ts), the listeners.

type Distributed<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never
type Facts = 'runId' | 'incarnation' | 'seq' | 'time' | 'appId' | 'path'

/** The fields of an event that its emitter gives. */
export type EventFields = Distributed<AnyEvent, Facts | 'action' | 'sequenceId'>

/** An event under construction. */
type Unfinished = { -readonly [K in keyof ActionFacts]: ActionFacts[K] }

/** Whether a listener, a tracker or a `watch` gets events of a type from this source. */
export function isObserved({ watched, tracker, system }: EventSource, type: EventType): boolean {
  return watched || tracker !== undefined || system.isObserved(type)
}

/**
 * Makes an event, and hands it to the tracker, to listeners, then to each `watch` above: the effects of a `watch`
 * follow the event for every reader. An event that is not observed is counted only. Where its fields cost something,
 * the caller tests {@link isObserved} first, and otherwise counts it with `system.skip()`.
 *
 * `action` is the root application's own action, whatever depth the event is from.
 */
export function emit(source: EventSource, fields: EventFields, sequenceId = source.checkpoint.sequenceId + 1): void {
  const { system } = source
  if (!isObserved(source, fields.type)) return system.skip()
  const event = fields as AnyEvent
  const facts = event as Unfinished // filled in place: the emitter's literal becomes the event
  if ('source' in fields) {
    facts.action = source.path[0]?.map ?? fields.source
    facts.sequenceId = sequenceId
  }
  number(system, facts)
  facts.appId = source.appId
  facts.path = source.path
  handOver(source, event, source.tracker, true)
}

/**
 * Hands over an event of a branch that runs elsewhere, numbered on its arrival.
 * @param source the branch, also for an event from deeper
 * @param tracker records the event
 */
export function relay(source: EventSource, event: AnyEvent, tracker: Tracker | undefined): void {
  number(source.system, event as Unfinished)
  handOver(source, event, tracker, event.path.length === source.path.length)
}

function number(system: EventSystem, facts: Unfinished): void {
  facts.runId = system.runId
  facts.incarnation = system.store?.incarnation ?? 0
  facts.seq = system.nextSeq()
  facts.time = system.clock.now()
}

/** @param own whether the event is from the source itself, not from deeper */
function handOver(source: EventSource, event: AnyEvent, tracker: Tracker | undefined, own: boolean): void {
  source.system.dispatch(event, source, tracker)
  if (source.watched) notifyWatchers(source, event, own)
}

/** Hands the event to every map above, with the key of the branch that it comes through. */
function notifyWatchers(source: EventSource, event: AnyEvent, from: boolean): void {
  let own = from
  for (let { parent } = source; parent !== undefined; parent = parent.app.parent) {
    parent.map?.notify(event, parent.key, own)
    own = false
  }
}

/** Hands an event to its tracker. One that fails does not fail the run. */
export function record(source: EventSource, tracker: Tracker, event: AnyEvent): void {
  try {
    const answer: unknown = tracker.track(event)
    if (answer !== undefined && isThenable(answer))
      answer.then(undefined, (error) => reportTracker(source, tracker, event, error))
  } catch (error) {
    reportTracker(source, tracker, event, error)
  }
}

/** Hands the end of a run to trackers of maps, which get only the events below. */
export function endBelow(source: EventSource, trackers: Iterable<Tracker> | undefined, event: RunEnd): void {
  for (const tracker of trackers ?? [])
    observe(
      (end: RunEnd) => tracker.end?.(end),
      event,
      (error) => reportTracker(source, tracker, event, error),
    )
}

/** The fault of a tracker is no event once the root has ended, or while such an event is recorded. */
function reportTracker({ root }: EventSource, tracker: Tracker, event: AnyEvent, error: unknown): void {
  const emits = root.run?.running === true && event.type !== 'fault'
  reportFault(root, `tracker ${nameOf(tracker)}`.trimEnd(), error, emits)
}

/**
 * Reports an error that was thrown beside the run; the run continues.
 * @param emits false when the run that it belongs to is over: only the logger gets it
 */
export function reportFault(source: EventSource, where: string, error: unknown, emits = true): void {
  source.system.logger.error(`${where} threw.`, error)
  if (emits) emit(source, { type: 'fault', where, error })
}
