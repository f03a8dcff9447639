import type { AnyEvent } from '../lifecycle/events.js'
import type { Runner } from './runner.js'

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
export function announce(runner: Runner, fields: EventFields, sequenceId = runner.standing.sequenceId + 1): void {
  const { hub } = runner
  const source = 'source' in fields ? fields.source : undefined
  const event = {
    ...fields,
    ...(source === undefined ? undefined : { action: rootAction(runner, source), sequenceId }),
    runId: hub.runId,
    incarnation: 0,
    seq: hub.nextSeq(),
    time: hub.clock.now(),
    appId: runner.appId,
    path: runner.path,
  } as unknown as AnyEvent
  if (runner.watched) tellWatchers(runner, event)
  hub.dispatch(event)
}

function rootAction(runner: Runner, source: string): string {
  let name = source
  for (let parent = runner.parent; parent !== undefined; parent = parent.runner.parent) name = parent.name
  return name
}

/** Every map above hears it, with the key of its own branch that it comes from. */
function tellWatchers(runner: Runner, event: AnyEvent): void {
  let own = true
  for (let parent = runner.parent; parent !== undefined; parent = parent.runner.parent) {
    parent.map?.tell(event, parent.key, own)
    own = false
  }
}
