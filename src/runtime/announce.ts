import type { AnyEvent } from '../lifecycle/events.js'
import type { LiveApp } from './tree.js'

// Owns: the making of an event. D5: this is the one place where facts become events.

type Distributed<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never
type Facts = 'runId' | 'incarnation' | 'seq' | 'time' | 'appId' | 'path'

/** What an event says beside the facts that all share. */
export type EventFields = Distributed<AnyEvent, Facts | 'action' | 'sequenceId'>

/**
 * Makes an event of what happened in an application, hands it to every `watch` above, then to listeners.
 *
 * `action` is the root application's own action, whatever depth the event is from.
 */
export function announce(app: LiveApp, fields: EventFields, sequenceId = app.standing.sequenceId + 1): void {
  const { hub } = app
  const source = 'source' in fields ? fields.source : undefined
  const event = {
    ...fields,
    ...(source === undefined ? undefined : { action: rootAction(app, source), sequenceId }),
    runId: hub.runId,
    incarnation: 0,
    seq: hub.nextSeq(),
    time: hub.clock.now(),
    appId: app.appId,
    path: app.path,
  } as unknown as AnyEvent
  if (app.watched) tellWatchers(app, event)
  hub.dispatch(event)
}

function rootAction(app: LiveApp, source: string): string {
  let name = source
  for (let parent = app.parent; parent !== undefined; parent = parent.app.parent) name = parent.name
  return name
}

/** Every map above hears it, with the key of its own branch that it comes from. */
function tellWatchers(app: LiveApp, event: AnyEvent): void {
  let own = true
  for (let parent = app.parent; parent !== undefined; parent = parent.app.parent) {
    parent.map?.tell(event, parent.key, own)
    own = false
  }
}

/** Tells of something that threw beside the run, which goes on. */
export function reportFault(app: LiveApp, where: string, error: unknown): void {
  app.hub.logger.error(`${where} threw.`, error)
  if (app.heard) announce(app, { type: 'fault', where, error })
}
