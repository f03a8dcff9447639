import type { LooseLogic } from './logic.js'
import type { MapRunner } from './map-runner.js'

// Owns: the map actor's snapshot. Its transition is total; what it causes is done by the map runner.

export interface MapSnapshot {
  readonly status: 'active' | 'done' | 'error' | 'stopped'
  readonly output: unknown
  readonly error: unknown
  readonly value: 'running' | 'reducing'
  readonly context: { readonly live: number; readonly done: number; readonly failed: number; readonly cancelled: number }
  readonly map: MapRunner
}

const DONE = 'xstate.done.actor.'
const FAILED = 'xstate.error.actor.'

/** The actor that owns the branches of one map. */
export const mapLogic: LooseLogic<MapSnapshot> = {
  getInitialSnapshot(_scope, input) {
    const map = input as MapRunner
    return { status: 'active', output: undefined, error: undefined, value: 'running', context: map.count(), map }
  },
  transition(snapshot, event) {
    const { map } = snapshot
    if (event.type.startsWith(DONE)) map.childDone(String(event['actorId']), event['output'])
    else if (event.type.startsWith(FAILED)) map.childFailed(String(event['actorId']), event['error'])
    else if (event.type === 'teasel.map.done') return { ...snapshot, status: 'done', output: event['output'], context: map.count() }
    else if (event.type === 'teasel.map.failed') return { ...snapshot, status: 'error', error: event['error'], context: map.count() }
    else if (event.type === 'xstate.stop') {
      map.stop()
      return { ...snapshot, status: 'stopped', context: map.count() }
    } else return snapshot
    return { ...snapshot, value: map.reducing ? 'reducing' : 'running', context: map.count() }
  },
  getPersistedSnapshot: ({ status, value, context }) => ({ status, output: undefined, error: undefined, value, context }),
}
