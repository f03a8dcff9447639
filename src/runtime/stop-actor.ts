import type { AnyActorRef } from 'xstate'

/** XState lets an actor with a parent be stopped by that parent alone, through its scope. */
interface Scoped {
  readonly _actorScope?: { readonly stopChild: (child: AnyActorRef) => void }
}

/** Stops an actor, whether it is a root or hangs below another one. */
export function stopActor(actor: AnyActorRef, parent: AnyActorRef | undefined): void {
  if (parent === undefined) actor.stop()
  else (parent as AnyActorRef & Scoped)._actorScope?.stopChild(actor)
}
