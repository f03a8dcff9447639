import type { AnyActorRef, AnyEventObject } from 'xstate'

/** XState's actor scope, as the engine uses it. */
export interface ActorScope {
  readonly self: AnyActorRef
  readonly defer: (fn: () => void) => void
  readonly emit: (event: AnyEventObject) => void
}

/** XState's `ActorLogic`, as far as the engine implements it; the public types are in `snapshot.ts` and `application/`. */
export interface LooseLogic<TSnapshot> {
  readonly config?: unknown
  getInitialSnapshot(scope: ActorScope, input: unknown): TSnapshot
  transition(snapshot: TSnapshot, event: AnyEventObject, scope: ActorScope): TSnapshot
  start?(snapshot: TSnapshot, scope: ActorScope): void
  getPersistedSnapshot(snapshot: TSnapshot): unknown
  restoreSnapshot?(snapshot: unknown, scope: ActorScope): TSnapshot
}
