import { type AnyActorLogic, type AnyActorRef, createActor } from 'xstate'
import type { LooseLogic } from './logic.js'
import { forXState, scopeOf } from './xstate-version.js'

// Owns: what is needed of XState to make and stop an actor. Nothing else of the engine calls it.

export type { AnyActorRef }

/** How an actor is made. */
export interface ActorSetup {
  readonly id: string
  readonly input: unknown
  readonly parent?: AnyActorRef | undefined
  readonly inspect?: unknown
}

/** Makes an actor, below another one if `parent` says so. It is not started. */
export function makeActor<TSnapshot>(logic: LooseLogic<TSnapshot>, setup: ActorSetup): AnyActorRef {
  // `parent` is an option of XState that its types keep to itself.
  return createActor(forXState(logic) as unknown as AnyActorLogic, setup as object) as unknown as AnyActorRef
}

/** Stops an actor, whether it is a root or hangs below another one. */
export function stopActor(actor: AnyActorRef, parent: AnyActorRef | undefined): void {
  if (parent === undefined) actor.stop()
  else scopeOf(parent)?.stopChild(actor)
}

/** Whether an actor has neither ended nor been stopped. */
export function isActive(actor: AnyActorRef): boolean {
  return (actor.getSnapshot() as { readonly status: string }).status === 'active'
}
