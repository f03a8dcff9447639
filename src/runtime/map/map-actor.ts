import type { Inputs } from '../../action/inputs.js'
import type { FanOut } from '../../parallel/fan-out.js'
import { Carrier } from '../actor/carrier.js'
import { makeActor } from '../actor/create-actor.js'
import type { LooseLogic } from '../actor/logic.js'
import { endOfChild, isStop } from '../actor/xstate-events.js'
import type { Run } from '../application.js'
import type { Attempt } from '../step/attempt.js'
import type { BranchTable } from './branch-table.js'
import { MapRunner } from './map-runner.js'
import { hasDrained } from './map-state.js'

// Owns: the actor of a map: its snapshot, and the events of its children.
// Does not own: the effects of a settled branch (map-runner.ts).

/** A map, as its actor uses it. */
interface ActorMap {
  readonly table: BranchTable
  childDone(key: string, output: unknown): void
  childFailed(key: string, error: unknown): void
  stop(fault?: { readonly error: unknown }): void
}

type Status = 'active' | 'done' | 'error' | 'stopped'

/** The number of branches, live and settled. */
interface Counts {
  readonly live: number
  readonly done: number
  readonly failed: number
  readonly cancelled: number
}

/** The snapshot of a map actor: plain data for readers, with the live map behind it. */
class MapSnapshot {
  readonly status: Status
  readonly output: unknown
  readonly error: unknown
  readonly value: 'running' | 'reducing'
  readonly context: Counts
  readonly #map: ActorMap

  constructor(
    map: ActorMap,
    status: Status = 'active',
    output?: unknown,
    error?: unknown,
    value: MapSnapshot['value'] = 'running',
  ) {
    const { live, state } = map.table
    const { done, failed, cancelled } = state
    this.status = status
    this.output = output
    this.error = error
    this.value = value
    this.context = { live: live.size, done, failed, cancelled }
    this.#map = map
  }

  static mapOf(snapshot: MapSnapshot): ActorMap {
    return snapshot.#map
  }
}

/** The actor that owns the branches of one map. */
const mapLogic: LooseLogic<MapSnapshot> = {
  getInitialSnapshot(_scope, input) {
    const map = Carrier.read<ActorMap>(input as object)
    if (map === undefined) throw new TypeError('A map actor is made by the engine.')
    return new MapSnapshot(map)
  },
  transition(snapshot, event) {
    const map = MapSnapshot.mapOf(snapshot)
    try {
      const end = endOfChild(event)
      if (end === 'done') map.childDone(String(event['actorId']), event['output'])
      else if (end === 'failed') map.childFailed(String(event['actorId']), event['error'])
      else if (event.type === 'teasel.map.done')
        return new MapSnapshot(map, 'done', event['output'], undefined, snapshot.value)
      else if (event.type === 'teasel.map.failed')
        return new MapSnapshot(map, 'error', undefined, event['error'], snapshot.value)
      else if (isStop(event)) {
        map.stop()
        return new MapSnapshot(map, 'stopped', undefined, undefined, snapshot.value)
      } else return snapshot
    } catch (error) {
      map.stop({ error }) // XState would swallow it, and the step would wait forever
    }
    return new MapSnapshot(map, 'active', undefined, undefined, hasDrained(map.table.state) ? 'reducing' : 'running')
  },
  getPersistedSnapshot: ({ status, value, context }) => ({
    status,
    output: undefined,
    error: undefined,
    value,
    context,
  }),
}

/**
 * Runs a fan-out as a map actor below the application's actor.
 * @returns a promise of the update of `reduce`; it rejects once every branch has ended
 */
export async function runMap(run: Run, step: Attempt, fanOut: FanOut, raw: Inputs): Promise<unknown> {
  const map = new MapRunner(run, step, fanOut, raw)
  const id = map.visit === 1 ? step.node.name : `${step.node.name}#${map.visit}`
  const actor = makeActor(mapLogic, { id, parent: run.app.self, input: new Carrier('teasel.map', map) })
  step.map = map
  actor.start()
  return map.begin(actor)
}
