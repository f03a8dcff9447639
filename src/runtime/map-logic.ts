import type { LooseLogic } from './logic.js'
import type { LiveMap } from './tree.js'

// Owns: the map actor's snapshot. Does not own: what follows from a settled branch (map-runner.ts).

export interface MapSnapshot {
  readonly status: 'active' | 'done' | 'error' | 'stopped'
  readonly output: unknown
  readonly error: unknown
  readonly value: 'running' | 'reducing'
  /** How many branches live, and how the others settled. */
  readonly context: {
    readonly live: number
    readonly done: number
    readonly failed: number
    readonly cancelled: number
  }
  readonly map: LiveMap
}

const DONE = 'xstate.done.actor.'
const FAILED = 'xstate.error.actor.'

/** The actor that owns the branches of one map. */
export const mapLogic: LooseLogic<MapSnapshot> = {
  getInitialSnapshot(_scope, input) {
    const map = input as LiveMap
    return { status: 'active', output: undefined, error: undefined, value: 'running', context: count(map), map }
  },
  transition(snapshot, event) {
    const { map } = snapshot
    try {
      if (event.type.startsWith(DONE)) map.childDone(String(event['actorId']), event['output'])
      else if (event.type.startsWith(FAILED)) map.childFailed(String(event['actorId']), event['error'])
      else if (event.type === 'teasel.map.done') return { ...snapshot, status: 'done', output: event['output'] }
      else if (event.type === 'teasel.map.failed') return { ...snapshot, status: 'error', error: event['error'] }
      else if (event.type === 'xstate.stop') {
        map.stop()
        return { ...snapshot, status: 'stopped', context: count(map) }
      } else return snapshot
    } catch (error) {
      map.stop({ error }) // XState would keep it to itself, and the step would wait for ever
    }
    return { ...snapshot, value: map.reducing ? 'reducing' : 'running', context: count(map) }
  },
  getPersistedSnapshot: ({ status, value, context }) => ({
    status,
    output: undefined,
    error: undefined,
    value,
    context,
  }),
}

function count({ table }: LiveMap): MapSnapshot['context'] {
  return { live: table.live.size, done: table.done, failed: table.failed, cancelled: table.cancelled }
}
