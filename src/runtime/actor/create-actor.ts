import { type ActorOptions, type AnyActorLogic, type AnyActorRef, createActor } from 'xstate'
import type { LooseLogic } from './logic.js'
import { forXState, scopeOf } from './xstate-version.js'

// Owns: making and stopping actors with XState. Nothing else of the engine calls it.

export type { AnyActorRef }

/** The options of a new actor. */
export interface ActorSetup {
  readonly id: string
  readonly input?: unknown
  readonly parent?: AnyActorRef | undefined
  readonly inspect?: unknown
}

/** Makes an actor, below `parent` if there is one. It is not started. */
export function makeActor<TSnapshot>(logic: LooseLogic<TSnapshot>, setup: ActorSetup): AnyActorRef {
  // `parent` is an option of XState that its types hide.
  const actor = createActor(forXState(logic) as unknown as AnyActorLogic, setup as object)
  if (setup.parent !== undefined && setup.input === undefined) actor.options = inOneForm(actor.options, setup)
  return actor as unknown as AnyActorRef
}

type Options = ActorOptions<AnyActorLogic>

/**
 * The same options, as objects of one form. XState spreads what it is given over its own options, and V8 keeps a
 * hidden class for each result of that: four times the memory of the options, in every branch that lives.
 */
function inOneForm({ clock, logger, devTools }: Options, { id, parent }: ActorSetup): Options {
  return { clock, logger, devTools, id, parent } as object
}

/** Stops an actor, a root or a child. */
export function stopActor(actor: AnyActorRef, parent: AnyActorRef | undefined): void {
  if (parent === undefined) actor.stop()
  else scopeOf(parent)?.stopChild(actor)
}

/** Whether an actor has neither ended nor been stopped. */
export function isActive(actor: AnyActorRef): boolean {
  return (actor.getSnapshot() as { readonly status: string }).status === 'active'
}
