import type { Inputs } from '../../action/inputs.js'
import type { FanOut } from '../../parallel/fan-out.js'
import { Carrier } from '../actor/carrier.js'
import { makeActor } from '../actor/create-actor.js'
import type { Run } from '../application.js'
import type { Attempt } from '../step/attempt.js'
import { mapLogic } from './map-actor.js'
import { MapRunner } from './map-runner.js'

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
