import { type AnyActorRef, createActor } from 'xstate'
import { appLogicOf } from './application-logic.js'
import type { Runner } from './runner.js'

export type { AnyActorRef }

/** Creates and starts the actor of an application, below the actor of its parent if it has one. */
export function createApplicationActor(runner: Runner, inspect: unknown): AnyActorRef {
  const parent = runner.parent?.runner.self
  const options = { id: runner.parent?.key ?? 'app', input: { owned: runner }, parent, ...(inspect === undefined ? {} : { inspect }) }
  const actor = createActor(appLogicOf(runner.plan), options as never) as unknown as AnyActorRef
  actor.start()
  return actor
}
