import { nameOf, observe } from '../internal/guards.js'
import type { ActionFacts } from '../lifecycle/event-facts.js'
import type { AnyEvent } from '../lifecycle/events.js'
import type { Tracker } from '../tracking/tracker.js'
import type { EventSource } from './event-source.js'

// Owns: the making of an event. D5: this is the one place where facts become events.

type Distributed<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never
type Facts = 'runId' | 'incarnation' | 'seq' | 'time' | 'appId' | 'path'

/** What an event says beside the facts that all share. */
export type EventFields = Distributed<AnyEvent, Facts | 'action' | 'sequenceId'>

/** An event while it is made. */
type Unfinished = { -readonly [K in keyof ActionFacts]: ActionFacts[K] }

/**
 * Makes an event of what happened in an application or branch, hands it to listeners, then to every `watch` above: what a `watch`
 * does follows from the event, so it comes after it for whoever reads.
 *
 * `action` is the root application's own action, whatever depth the event is from.
 */
export function announce(app: EventSource, fields: EventFields, sequenceId = app.checkpoint.sequenceId + 1): void {
  const { system } = app
  const event = fields as unknown as Unfinished // filled in place: the literal of whoever tells is the event
  if ('source' in fields) {
    event.action = app.path[0]?.map ?? fields.source
    event.sequenceId = sequenceId
  }
  event.runId = system.runId
  event.incarnation = system.books?.incarnation ?? 0
  event.seq = system.nextSeq()
  event.time = system.clock.now()
  event.appId = app.appId
  event.path = app.path
  const { tracker } = app
  system.dispatch(event as unknown as AnyEvent, tracker && (() => record(app, tracker, event as unknown as AnyEvent)))
  if (app.watched) tellWatchers(app, event as unknown as AnyEvent)
}

/** Every map above hears it, with the key of its own branch that it comes from. */
function tellWatchers(app: EventSource, event: AnyEvent): void {
  let own = true
  for (let parent = app.parent; parent !== undefined; parent = parent.app.parent) {
    parent.map?.tell(event, parent.key, own)
    own = false
  }
}

/** A tracker that fails is no fault of the run. Its own `fault` is not told, and nothing is once the root has ended. */
function record(app: EventSource, tracker: Tracker, event: AnyEvent): void {
  let root = app
  while (root.parent !== undefined) root = root.parent.app
  const { run } = root
  const fault = (error: unknown): void => {
    const heard = run?.running === true && event.type !== 'fault'
    reportFault(root, `tracker ${nameOf(tracker)}`.trimEnd(), error, heard)
  }
  observe((one: AnyEvent) => tracker.track(one), event, fault)
}

/**
 * Tells of something that threw beside the run, which goes on.
 * @param heard false where the run is over that it belongs to: the logger alone is told
 */
export function reportFault(app: EventSource, where: string, error: unknown, heard = true): void {
  app.system.logger.error(`${where} threw.`, error)
  if (heard && app.hears('fault')) announce(app, { type: 'fault', where, error })
}
