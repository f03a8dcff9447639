import type {
  Action,
  ActionOptions,
  AnyRunnable,
  BareGraph,
  ChunkOf,
  Exact,
  InputsOf,
  Mistaken,
  Runnable,
} from '../action/action.js'
import type { InputSpec, InputsIn, InputsOut } from '../action/inputs.js'
import type { Flat, Name, None, UnionToIntersection } from '../internal/type-tools.js'
import type { FoldOptions } from '../parallel/fold.js'
import type {
  ActionTypes,
  ChunkOfEntries,
  MapActionsOptions,
  MapInputs,
  NeedsOfAll,
  SharedState,
} from '../parallel/map-actions.js'
import type { MapActionsAndStatesOptions, ProductTypes } from '../parallel/map-product.js'
import type { MapStatesOptions, StateInputs, StatesFit, StateTypes, UpdateFor } from '../parallel/map-states.js'
import type { ParallelOptions, TaskType, TaskTypes } from '../parallel/parallel.js'
import type { SettlePolicy } from '../parallel/settle.js'
import type { BranchFit, Entry, EntryOf, Source, SourceArgs, SourceFit } from '../parallel/source.js'
import type { SubgraphOptions } from '../parallel/subgraph.js'
import type { EndState, Task } from '../parallel/task.js'
import type { ReadName, ReadsOf, WritesOf } from '../state/keys.js'
import type { GivenTo } from '../state/spec.js'
import type { ActionsFit, ActionsOn, Graph, GraphOptions } from './runnable.js'

/**
 * Declares everything over one type of state. `D`: the keys that have defaults. `In`: the input types of the key
 * schemas, where they differ from the output types.
 */
export interface StateKit<in out S extends object, in out D = never, in out In extends GivenTo<S> = S> {
  /**
   * Declares an action: a unit of work over some keys of the state.
   *
   * @throws {TypeError} for unknown options, and for a key name that is empty or declared twice
   * @throws {RangeError} for an invalid number of attempts or duration
   *
   * @example
   * ```ts
   * const chat = defineState<{ prompt: string; answer: string }>()
   * const ask = chat.action({
   *   reads: ['prompt'],
   *   writes: ['answer'],
   *   run: async ({ state }) => ({ answer: state.prompt.toUpperCase() }),
   * })
   * ```
   * @see Burr `@action` in burr/core/action.py
   */
  action<
    R extends ReadName<S>,
    W extends Name<S>,
    U extends WritesOf<In, W>,
    I extends InputSpec = None,
    C = never,
    Tag extends string = never,
  >(
    options: ActionOptions<S, R, W, I, U, C, Tag, In> & Exact<'run', NoInfer<U>, W>,
  ): Action<ReadsOf<S, R>, WritesOf<S, W>, InputsIn<I>, C, Tag>

  /**
   * Declares a map action that runs several actions over the same state, each in its own branch.
   *
   * The keys of the record type `branches` and `watch`. Writes of a branch stay in the branch; `reduce` returns the
   * writes of the map. When the step is cancelled, every branch is cancelled, and the step ends when all have ended.
   * @throws {TypeError | RangeError} for invalid options
   *
   * @example
   * ```ts
   * const chat = defineState<{ prompt: string; answer: string; answers: string[] }>()
   * const ask = chat.action({
   *   reads: ['prompt'],
   *   writes: ['answer'],
   *   inputs: { model: type<string>() },
   *   run: ({ state, inputs }) => ({ answer: `${inputs.model}: ${state.prompt}` }),
   * })
   * const compare = chat.mapActions({
   *   reads: ['prompt'],
   *   writes: ['answers'],
   *   actions: { small: ask.bind({ model: 'small' }), large: ask.bind({ model: 'large' }) },
   *   reduce: ({ branches }) => ({ answers: [branches.small.state.answer, branches.large.state.answer] }),
   * })
   * ```
   * @see Burr `MapActions` in burr/core/parallelism.py
   */
  mapActions<
    R extends ReadName<S>,
    W extends Name<S>,
    U extends WritesOf<In, W>,
    const Src extends Source<Entry<AnyRunnable | BareGraph, unknown>, SourceArgs<ReadsOf<S, R>, InputsOut<I>>>,
    I extends InputSpec = None,
    const P extends SettlePolicy = 'all',
    Tag extends string = never,
    M = unknown,
  >(
    options: MapActionsOptions<S, R, W, I, P, Tag, Src, M> &
      FoldOptions<S, R, W, I, U, P, ActionTypes<Src, ReadsOf<S, R>>, In> & {
        readonly actions: SourceFit<NoInfer<Src>>
      } & SharedState<NeedsOfAll<EntryOf<Src>>, ReadsOf<S, R>, SourceArgs<ReadsOf<S, R>, InputsOut<I>>>,
  ): Action<ReadsOf<S, R>, WritesOf<S, W>, MapInputs<I, EntryOf<Src>>, ChunkOfEntries<Src>, Tag>

  /**
   * Declares a map action that runs one action over several states, each an update over the reads of the map.
   * @throws {TypeError | RangeError} for invalid options
   *
   * @example
   * ```ts
   * const kit = defineState<{ cities: string[]; city: string; size: number; sizes: number[] }>()
   * const measure = kit.action({ reads: ['city'], writes: ['size'], run: ({ state }) => ({ size: state.city.length }) })
   * const all = kit.mapStates({
   *   reads: ['cities'],
   *   writes: ['sizes'],
   *   action: measure,
   *   states: ({ state }) => state.cities.map((city) => ({ city })),
   *   reduce: ({ results }) => ({ sizes: results.map(({ state }) => state.size) }),
   * })
   * ```
   * @see Burr `MapStates` in burr/core/parallelism.py
   */
  mapStates<
    R extends ReadName<S>,
    W extends Name<S>,
    U extends WritesOf<In, W>,
    B extends AnyRunnable | Mistaken,
    Src extends Source<
      Entry<UpdateFor<B, ReadsOf<S, R>>, InputsOf<B>, EndState<B, ReadsOf<S, R>>>,
      SourceArgs<ReadsOf<S, R>, InputsOut<I>>
    >,
    I extends InputSpec = None,
    const P extends SettlePolicy = 'all',
    Tag extends string = never,
    M = unknown,
  >(
    options: MapStatesOptions<S, R, W, I, P, Tag, B, Src, M> &
      FoldOptions<S, R, W, I, U, P, StateTypes<Src, B, ReadsOf<S, R>>, In> & {
        readonly action: BranchFit<NoInfer<B>>
        readonly states: StatesFit<NoInfer<Src>, UpdateFor<B, ReadsOf<S, R>>>
      },
  ): Action<ReadsOf<S, R>, WritesOf<S, W>, StateInputs<I, B, Src>, ChunkOf<B>, Tag>

  /**
   * Declares a map action that runs every action over every state, action by action. Keys are joined: `gpt4.formal`.
   * @throws {TypeError | RangeError} for invalid options
   * @see Burr `MapActionsAndStates` in burr/core/parallelism.py
   */
  mapActionsAndStates<
    R extends ReadName<S>,
    W extends Name<S>,
    U extends WritesOf<In, W>,
    const Acts extends Source<Entry<AnyRunnable, unknown>, SourceArgs<ReadsOf<S, R>, InputsOut<I>>>,
    Src extends Source<
      Entry<UpdateFor<Runnable<NeedsOfAll<EntryOf<Acts>>>, ReadsOf<S, R>>, unknown>,
      SourceArgs<ReadsOf<S, R>, InputsOut<I>>
    >,
    I extends InputSpec = None,
    const P extends SettlePolicy = 'all',
    Tag extends string = never,
    M = unknown,
  >(
    options: MapActionsAndStatesOptions<S, R, W, I, P, Tag, Acts, Src, M> &
      FoldOptions<S, R, W, I, U, P, ProductTypes<Acts, Src, ReadsOf<S, R>>, In>,
  ): Action<ReadsOf<S, R>, WritesOf<S, W>, MapInputs<I, EntryOf<Acts>>, ChunkOfEntries<Acts>, Tag>

  /**
   * Declares a parallel action whose branches are tasks, each with its own runnable, state and inputs. All other map
   * actions compile to this form. See {@link task} for an example.
   * @throws {TypeError | RangeError} for invalid options
   * @see Burr `TaskBasedParallelAction` in burr/core/parallelism.py
   */
  parallel<
    R extends ReadName<S>,
    W extends Name<S>,
    U extends WritesOf<In, W>,
    const Src extends Source<Task<unknown, never, unknown>, SourceArgs<ReadsOf<S, R>, InputsOut<I>>>,
    I extends InputSpec = None,
    const P extends SettlePolicy = 'all',
    Tag extends string = never,
    M = unknown,
  >(
    options: ParallelOptions<S, R, W, I, P, Tag, Src, M> & FoldOptions<S, R, W, I, U, P, TaskTypes<Src>, In>,
  ): Action<
    ReadsOf<S, R>,
    WritesOf<S, W>,
    Flat<InputsIn<I> & UnionToIntersection<InputsOf<EntryOf<Src>>>>,
    TaskType<EntryOf<Src>>['chunk'],
    Tag
  >

  /**
   * Declares an action that runs a graph over another state: `state` maps in, `reduce` maps out. A failure of the graph
   * is a failure of the action.
   * @throws {TypeError | RangeError} for invalid options
   * @see Burr `RunnableGraph` in burr/core/parallelism.py
   */
  subgraph<
    R extends ReadName<S>,
    W extends Name<S>,
    U extends WritesOf<In, W>,
    Needs,
    GraphState,
    GI,
    C,
    I extends InputSpec = None,
    Tag extends string = never,
  >(
    options: SubgraphOptions<S, R, W, I, U, Tag, Needs, GraphState, GI, C> & Exact<'reduce', NoInfer<U>, W>,
  ): Action<ReadsOf<S, R>, WritesOf<S, W>, Flat<InputsIn<I> & GI>, C, Tag>

  /**
   * Declares a graph of actions and transitions. The keys of `actions` name them.
   * @throws {GraphError} with every unknown name, duplicate and shadowed transition
   * @see Burr `GraphBuilder` in burr/core/graph.py
   */
  graph<const A extends ActionsOn<S>>(
    options: GraphOptions<S, A> & { readonly actions: ActionsFit<S, NoInfer<A>> },
  ): Graph<S, A, D, In>
}
