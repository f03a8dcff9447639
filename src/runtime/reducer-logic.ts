import type { AnyActorRef, AnyEventObject } from 'xstate'
import type { AnyResult } from '../parallel/results.js'
import type { Folding } from './folding.js'
import type { LooseLogic } from './logic.js'

// Owns: the actor that is handed the results of one map as they settle, and is done with what they were folded into.
// Does not own: how they are folded (folding.ts), when there are enough (map-runner.ts).

interface ReducerSnapshot {
  readonly status: 'active' | 'done' | 'error' | 'stopped'
  readonly output: unknown
  readonly error: unknown
  /** How many results it was given. */
  readonly context: number
  readonly folding: Folding
}

/** The actor that gathers settled branches and folds them into the parent's state. */
export const reducerLogic: LooseLogic<ReducerSnapshot> = {
  getInitialSnapshot: (_scope, input) => ({
    status: 'active',
    output: undefined,
    error: undefined,
    context: 0,
    folding: input as Folding,
  }),
  start: ({ folding }) => folding.begin(),
  transition(snapshot, event, scope) {
    switch (event.type) {
      case 'teasel.settled':
        snapshot.folding.take(event['result'] as AnyResult)
        return { ...snapshot, context: snapshot.context + 1 }
      case 'teasel.reduce':
        scope.defer(() => void finish(snapshot.folding, scope.self))
        return snapshot
      case 'teasel.reduced':
        return { ...snapshot, status: 'done', output: event['update'] }
      case 'teasel.failed':
        return { ...snapshot, status: 'error', error: event['error'] }
      case 'xstate.stop':
        return { ...snapshot, status: 'stopped' }
      default:
        return snapshot
    }
  },
  getPersistedSnapshot: ({ status, context }) => ({ status, output: undefined, error: undefined, context }),
}

async function finish(folding: Folding, self: AnyActorRef): Promise<void> {
  let event: AnyEventObject
  try {
    event = { type: 'teasel.reduced', update: await folding.end() }
  } catch (error) {
    event = { type: 'teasel.failed', error }
  }
  self.send(event)
}
