import type { AnyActorRef, AnyEventObject } from 'xstate'
import type { FanOut, ReducerInput } from '../parallel/fan-out.js'
import type { AnyResult } from '../parallel/results.js'
import type { LooseLogic } from './logic.js'
import { reduceAgain } from './retrying.js'
import type { LiveMap } from './tree.js'

// Owns: the results of one map, gathered as they settle, and the call of `reduce`.
// Does not own: when there are enough.

export interface ReducerSetup {
  readonly fanOut: FanOut
  readonly state: ReducerInput['state']
  readonly inputs: ReducerInput['inputs']
  readonly signal: () => AbortSignal
  /** Asked when `reduce` failed for the nth time: whether it is called again, once it is time. */
  readonly again: (error: unknown, failed: number) => Promise<boolean>
}

/** What the reducer of a map is made of. */
export function reducerSetup({ app, step }: LiveMap, fanOut: FanOut): ReducerSetup {
  const { node, state, inputs } = step
  const again = reduceAgain(app, node.name, fanOut.defaults.retry)
  return { fanOut, state, inputs, signal: () => step.signal, again }
}

interface ReducerSnapshot {
  readonly status: 'active' | 'done' | 'error' | 'stopped'
  readonly output: unknown
  readonly error: unknown
  /** How many results it holds. */
  readonly context: number
  readonly setup: ReducerSetup
  readonly results: AnyResult[]
}

class Reduction implements ReducerInput {
  readonly state: ReducerInput['state']
  readonly inputs: ReducerInput['inputs']
  readonly results: readonly AnyResult[]
  readonly #signal: () => AbortSignal
  #branches: Record<string, AnyResult> | undefined

  constructor({ state, inputs, signal }: ReducerSetup, results: readonly AnyResult[]) {
    this.state = state
    this.inputs = inputs
    this.results = results
    this.#signal = signal
  }

  get signal(): AbortSignal {
    return this.#signal()
  }

  get branches(): Readonly<Record<string, AnyResult>> {
    if (this.#branches === undefined) {
      this.#branches = Object.create(null) as Record<string, AnyResult>
      for (const result of this.results) this.#branches[result.key] = result
      Object.freeze(this.#branches)
    }
    return this.#branches
  }
}

/** The actor that gathers settled branches and folds them into the parent's state. */
export const reducerLogic: LooseLogic<ReducerSnapshot> = {
  getInitialSnapshot: (_scope, input) => ({
    status: 'active',
    output: undefined,
    error: undefined,
    context: 0,
    setup: input as ReducerSetup,
    results: [],
  }),
  transition(snapshot, event, scope) {
    switch (event.type) {
      case 'teasel.settled':
        snapshot.results.push(event['result'] as AnyResult)
        return { ...snapshot, context: snapshot.results.length }
      case 'teasel.reduce':
        scope.defer(() => void fold(snapshot, scope.self))
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

async function fold({ setup, results }: ReducerSnapshot, self: AnyActorRef): Promise<void> {
  const ordered = Object.freeze(results.sort((a, b) => a.index - b.index))
  let event: AnyEventObject | undefined
  for (let failed = 1; event === undefined; failed++) {
    try {
      event = { type: 'teasel.reduced', update: await setup.fanOut.reduce(new Reduction(setup, ordered)) }
    } catch (error) {
      if (!(await setup.again(error, failed))) event = { type: 'teasel.failed', error }
    }
  }
  self.send(event)
}
