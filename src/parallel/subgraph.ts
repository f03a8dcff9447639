import type { Runnable } from '../action/action.js'
import type { InputSpec, InputsOut } from '../action/inputs.js'
import { NO_POLICY, type Retry } from '../action/retry.js'
import { inputsOf } from '../graph/plan-of.js'
import { describeValue, isPlainObject } from '../internal/guards.js'
import { assertFunction } from '../internal/options.js'
import type { State } from '../state/freeze.js'
import { freezeAll } from '../state/freeze.js'
import type { ReadsOf } from '../state/keys.js'
import { assertRunnable, callSource, toTask } from './branch-state.js'
import { sourceFault } from './entries.js'
import { type BranchSource, createFanOut, type FanOut, type FanOutArgs, type TaskSource } from './fan-out.js'
import type { DoneBranch } from './results.js'
import type { BranchFallback, SourceArgs } from './source.js'

/** The part of a runnable graph that a sub-graph needs: its required state, final state, inputs and chunks. */
export interface GraphRunnable<in Needs, in out State, Inputs, in out Chunk> extends Runnable<Needs, Inputs, Chunk> {
  readonly kind: 'graph'
  /** Types only, absent at run time. */ readonly '~state': State
}

/** Options of `kit.subgraph({ … })`. */
export interface SubgraphOptions<
  S,
  R extends string,
  W extends keyof S,
  I extends InputSpec,
  U,
  Tag extends string,
  Needs,
  State,
  GI,
  C,
> {
  /** State keys visible to `state` and `reduce`. */
  readonly reads: readonly R[]
  /** State keys that `reduce` returns: all of them, and no other. */
  readonly writes: readonly W[]
  /** Inputs of the sub-graph, for `state`. Inputs of the graph are required of the run in addition. */
  readonly inputs?: I
  /** Names shared by several actions, for halting. Default: none. */
  readonly tags?: readonly Tag[]
  /**
   * Name of the sub-graph when it runs as a branch by itself. Its key in a graph or in a record of branches takes
   * precedence. Default: the name of the map above.
   */
  readonly name?: string
  /** A runnable graph over its own state. */
  readonly graph: GraphRunnable<Needs, State, GI, C>
  /** Returns the whole initial state of the graph. */
  readonly state: (args: SourceArgs<ReadsOf<S, R>, InputsOut<NoInfer<I>>>) => NoInfer<Needs>
  /** How often the graph retries a failed step, and how often a failed `reduce` is called again. Default: never. */
  readonly retry?: Retry
  /**
   * Fails the graph with a {@link TimeoutError} this many milliseconds after its first step began, over all attempts.
   * Default: no limit.
   */
  readonly timeoutMs?: number
  /**
   * Time that the graph may take to end after it was cancelled, in milliseconds, before it is abandoned as leaked.
   * Default: the application's `graceMs`.
   */
  readonly graceMs?: number
  /** Turns a failure of the graph into a success: returns an update over its last state, which `reduce` then gets. */
  readonly fallback?: BranchFallback<'', NoInfer<State>>
  /** Maps the final state of the graph to the writes of this action. */
  readonly reduce: (args: {
    readonly state: Readonly<ReadsOf<S, R>>
    readonly branch: DoneBranch<NoInfer<State>>
  }) => U | Promise<U>
}

type Loose = Parameters<typeof createFanOut>[0] & {
  readonly graph: unknown
  readonly state: unknown
}

/** Compiles a sub-graph: a fan-out of one branch with an empty key. */
export function compileSubgraph(options: Loose): FanOut {
  const branch = assertRunnable('A sub-graph', 'graph', options.graph)
  assertFunction('A sub-graph', 'state: ({ state }) => the state that the graph starts on', options.state)
  assertFunction('A sub-graph', 'reduce: ({ branch }) => update', options.reduce)
  const fold = options.reduce as (args: object) => unknown
  const reduce = ({ state, results }: { readonly state: State; readonly results: readonly unknown[] }): unknown =>
    fold({ state, branch: results[0] })
  const source = { kind: 'graph', branch, state: options.state } as const
  return createFanOut({ ...options, reduce }, inputsOf(branch), source)
}

/** Opens the source of a sub-graph: its one branch. */
export function openSubgraph(source: BranchSource & { readonly kind: 'graph' }, given: FanOutArgs): TaskSource {
  const { subject, ...args } = given
  const state = callSource(source.state, args)
  if (!isPlainObject(state))
    throw sourceFault(subject, `state gave ${describeValue(state)}. It must return the whole state to start on.`)
  const held = Object.freeze({ ...freezeAll(state, subject) })
  const parsed = { thing: undefined, key: '', inputs: undefined, executor: undefined, ...NO_POLICY }
  return {
    entries: { kind: 'known', length: 1, at: () => ({ entry: undefined, name: '' }) },
    keyOf: () => '',
    toTask: () => toTask(parsed, 0, source.branch, held),
  }
}
