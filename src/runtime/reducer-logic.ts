import type { AnyActorRef, AnyEventObject } from 'xstate'
import type { FanOut } from '../parallel/fan-out.js'
import type { AnyResult } from '../parallel/results.js'
import { isActive } from './create-actor.js'
import { createFolding, type Folding, type FoldTold } from './folding.js'
import type { LooseLogic } from './logic.js'
import { reduceAgain } from './retrying.js'
import type { LiveMap } from './tree.js'

// Owns: the actor that is handed the results of one map as they settle, and is done with what they were folded into.
// Does not own: how they are folded (folding.ts), when there are enough (map-runner.ts).

export interface ReducerSetup {
  readonly folding: Folding
  /** Begins to fold. @returns asked when it failed for the nth time: {@link reduceAgain} */
  readonly attempts: () => ReturnType<typeof reduceAgain>
}

/** What the reducer of a map is made of. */
export function reducerSetup({ app, step }: LiveMap, { fold, defaults }: FanOut, told: FoldTold): ReducerSetup {
  const { node, inputs } = step
  const folding = createFolding({ fold, state: () => step.fresh(), inputs, signal: () => step.signal, ...told })
  return { folding, attempts: () => reduceAgain(app, node, defaults.retry) }
}

interface ReducerSnapshot {
  readonly status: 'active' | 'done' | 'error' | 'stopped'
  readonly output: unknown
  readonly error: unknown
  /** How many results it was given. */
  readonly context: number
  readonly setup: ReducerSetup
}

/** The actor that gathers settled branches and folds them into the parent's state. */
export const reducerLogic: LooseLogic<ReducerSnapshot> = {
  getInitialSnapshot: (_scope, input) => ({
    status: 'active',
    output: undefined,
    error: undefined,
    context: 0,
    setup: input as ReducerSetup,
  }),
  start: ({ setup }) => setup.folding.begin(),
  transition(snapshot, event, scope) {
    switch (event.type) {
      case 'teasel.settled':
        snapshot.setup.folding.take(event['result'] as AnyResult)
        return { ...snapshot, context: snapshot.context + 1 }
      case 'teasel.reduce':
        scope.defer(() => void finish(snapshot.setup, scope.self))
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

async function finish({ folding, attempts }: ReducerSetup, self: AnyActorRef): Promise<void> {
  const again = attempts()
  let event: AnyEventObject | undefined
  for (let failed = 1; event === undefined; failed++) {
    try {
      event = { type: 'teasel.reduced', update: await folding.end() }
    } catch (thrown) {
      if (!folding.repeats) event = { type: 'teasel.failed', error: thrown }
      else
        await again(thrown, failed).catch((error: unknown) => {
          event = { type: 'teasel.failed', error }
        })
    }
  }
  if (isActive(self)) self.send(event) // else it was given up
}
