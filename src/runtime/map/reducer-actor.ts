import type { AnyActorRef, AnyEventObject } from 'xstate'
import type { FanOut } from '../../parallel/fan-out.js'
import type { AnyResult } from '../../parallel/results.js'
import { Carrier } from '../actor/carrier.js'
import { isActive, makeActor } from '../actor/create-actor.js'
import type { LooseLogic } from '../actor/logic.js'
import { isStop } from '../actor/xstate-events.js'
import { reduceAgain } from '../step/retry.js'
import { createFolding, type FoldCallbacks, type Folding } from './folding.js'
import type { MapVisit } from './map-visit.js'

// Owns: the actor that gets the results of one map as they settle; its output is the update.
// Does not own: the fold (folding.ts), when a map has enough (map-state.ts).

/** The id of its actor below the actor of the map. */
export const REDUCER = 'reduce'

interface ReducerSetup {
  readonly folding: Folding
  /** Begins to fold. @returns a function to call after each failure: {@link reduceAgain} */
  readonly attempts: () => ReturnType<typeof reduceAgain>
}

type Status = 'active' | 'done' | 'error' | 'stopped'

/** The snapshot of a reducer actor: plain data for readers, with the fold behind it. */
class ReducerSnapshot {
  readonly status: Status
  readonly output: unknown
  readonly error: unknown
  /** The number of results so far. */
  readonly context: number
  readonly #setup: ReducerSetup

  constructor(setup: ReducerSetup, context: number, status: Status = 'active', output?: unknown, error?: unknown) {
    this.status = status
    this.output = output
    this.error = error
    this.context = context
    this.#setup = setup
  }

  static setupOf(snapshot: ReducerSnapshot): ReducerSetup {
    return snapshot.#setup
  }
}

/** The actor that gathers settled branches and folds them into the parent's state. */
const reducerLogic: LooseLogic<ReducerSnapshot> = {
  getInitialSnapshot(_scope, input) {
    const setup = Carrier.read<ReducerSetup>(input as object)
    if (setup === undefined) throw new TypeError('A reducer actor is made by the engine.')
    return new ReducerSnapshot(setup, 0)
  },
  start: (snapshot) => ReducerSnapshot.setupOf(snapshot).folding.begin(),
  transition(snapshot, event, scope) {
    const setup = ReducerSnapshot.setupOf(snapshot)
    const { context } = snapshot
    switch (event.type) {
      case 'teasel.settled': {
        const result = Carrier.read<AnyResult>(event)
        if (result === undefined) return snapshot
        setup.folding.take(result)
        return new ReducerSnapshot(setup, context + 1)
      }
      case 'teasel.reduce':
        scope.defer(() => void finish(setup, scope.self))
        return snapshot
      case 'teasel.reduced':
        return new ReducerSnapshot(setup, context, 'done', event['update'])
      case 'teasel.failed':
        return new ReducerSnapshot(setup, context, 'error', undefined, event['error'])
      default:
        return isStop(event) ? new ReducerSnapshot(setup, context, 'stopped') : snapshot
    }
  },
  getPersistedSnapshot: ({ status, context }) => ({ status, output: undefined, error: undefined, context }),
}

/** Starts the reducer of a map below its actor. */
export function startReducer(
  { run, step }: MapVisit,
  { fold, defaults }: FanOut,
  parent: AnyActorRef,
  callbacks: FoldCallbacks,
): { readonly reducer: AnyActorRef; readonly folding: Folding } {
  const { node, inputs } = step
  const folding = createFolding({
    ...{ fold, state: () => step.fresh(), inputs, signal: () => step.signal },
    within: (code) => step.within(code),
    ...callbacks,
  })
  const setup: ReducerSetup = { folding, attempts: () => reduceAgain(run, node, defaults.retry) }
  const reducer = makeActor(reducerLogic, { id: REDUCER, parent, input: new Carrier('teasel.reducer', setup) })
  reducer.start()
  return { reducer, folding }
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
  if (isActive(self)) self.send(event) // otherwise it was abandoned
}
