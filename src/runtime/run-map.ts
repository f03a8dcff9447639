import { createActor, type AnyActorRef } from 'xstate'
import type { Inputs } from '../action/inputs.js'
import type { FanOut } from '../parallel/fan-out.js'
import type { State } from '../state/freeze.js'
import { mapLogic } from './map-logic.js'
import { MapRunner } from './map-runner.js'
import type { Runner } from './runner.js'
import type { Step } from './step.js'

/**
 * Runs a fan-out as a map actor below the application's actor.
 * @returns a promise of what `reduce` returned; it rejects once every branch has ended
 */
export async function runMap(runner: Runner, step: Step, fanOut: FanOut, raw: Inputs): Promise<unknown> {
  const map = new MapRunner(runner, step, fanOut, raw)
  const id = map.visit === 1 ? step.node.name : `${step.node.name}#${map.visit}`
  const actor = createActor(mapLogic, { id, parent: runner.self, input: map } as never) as unknown as AnyActorRef
  map.attach(actor)
  step.map = map
  actor.start()
  try {
    return (await map.run()) as State
  } finally {
    map.stop()
  }
}
