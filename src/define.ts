import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Action, ActionOptions, AnyBranch, Branch, ChunkOf, Exact, InputsOf } from './action/action.js'
import type { InputSpec, InputsIn, InputsOut } from './action/inputs.js'
import { type Declaration, makeAction } from './action/make-action.js'
import { FAILURE_OPTIONS, type LoosePolicy, parsePolicy } from './action/retry.js'
import { type ActionsOn, createGraph, type Graph, type GraphOptions, type WritesFit } from './application/runnable.js'
import type { DeclaredGraph } from './graph/compile.js'
import type { StateRules } from './graph/plan.js'
import { checkOptions, demandFunction } from './internal/options.js'
import type { Flat, Name, None, UnionToIntersection } from './internal/type-tools.js'
import type { FoldOptions } from './parallel/fold.js'
import type {
  ActionTypes,
  ChunkOfEntries,
  MapActionsOptions,
  MapInputs,
  NeedsOfAll,
  SharedState,
} from './parallel/map-actions.js'
import { compileMapActions } from './parallel/map-actions.js'
import { compileMapProduct, type MapActionsAndStatesOptions, type ProductTypes } from './parallel/map-product.js'
import type { MapStatesOptions, StateInputs, StatesFit, StateTypes, UpdateFor } from './parallel/map-states.js'
import { compileMapStates } from './parallel/map-states.js'
import { compileParallel, type ParallelOptions, type TaskType, type TaskTypes } from './parallel/parallel.js'
import type { SettlePolicy } from './parallel/settle.js'
import type { Entry, EntryOf, Source, SourceArgs, SourceFit } from './parallel/source.js'
import { compileSubgraph, type SubgraphOptions } from './parallel/subgraph.js'
import type { EndState, Task } from './parallel/task.js'
import { freezeAll, type State } from './state/freeze.js'
import type { ReadName, ReadsOf, WritesOf } from './state/keys.js'
import { demandSchema, tell, validate } from './state/schema.js'

/** Everything that is made over one type of state. `D`: the keys that have defaults. */
export interface StateKit<in out S extends object, in out D = never> {
  /**
   * Declares an action: a unit of work over some keys of the state.
   *
   * @throws {TypeError} for options that it does not know, and for a key name that is empty or stands twice
   * @throws {RangeError} for a number of attempts or a time that cannot be
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
    U extends WritesOf<S, W>,
    I extends InputSpec = None,
    C = never,
    Tag extends string = never,
  >(
    options: ActionOptions<S, R, W, I, U, C, Tag> & Exact<'run', NoInfer<U>, W>,
  ): Action<ReadsOf<S, R>, WritesOf<S, W>, InputsIn<I>, C, Tag>

  /**
   * Declares a map action that runs several actions, each in a branch of its own, over the same state.
   *
   * `branches` and `watch` know the branches by the keys of the record. Whatever the branches write stays in them;
   * `reduce` says what the map writes. When the step is cancelled, every branch is, and it ends when all have ended.
   * @throws {TypeError | RangeError} for options that cannot be
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
    U extends WritesOf<S, W>,
    const Src extends Source<Entry<AnyBranch, unknown>, SourceArgs<ReadsOf<S, R>, InputsOut<I>>>,
    I extends InputSpec = None,
    const P extends SettlePolicy = 'all',
    Tag extends string = never,
  >(
    options: MapActionsOptions<S, R, W, I, P, Tag, Src> &
      FoldOptions<S, R, W, I, U, P, ActionTypes<Src, ReadsOf<S, R>>> & {
        readonly actions: SourceFit<NoInfer<Src>>
      } & SharedState<NeedsOfAll<EntryOf<Src>>, ReadsOf<S, R>, SourceArgs<ReadsOf<S, R>, InputsOut<I>>>,
  ): Action<ReadsOf<S, R>, WritesOf<S, W>, MapInputs<I, EntryOf<Src>>, ChunkOfEntries<Src>, Tag>

  /**
   * Declares a map action that runs one action over several states, each an update laid over what the map reads.
   * @throws {TypeError | RangeError} for options that cannot be
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
    U extends WritesOf<S, W>,
    B extends AnyBranch,
    Src extends Source<
      Entry<UpdateFor<B, ReadsOf<S, R>>, InputsOf<B>, EndState<B, ReadsOf<S, R>>>,
      SourceArgs<ReadsOf<S, R>, InputsOut<I>>
    >,
    I extends InputSpec = None,
    const P extends SettlePolicy = 'all',
    Tag extends string = never,
  >(
    options: MapStatesOptions<S, R, W, I, P, Tag, B, Src> &
      FoldOptions<S, R, W, I, U, P, StateTypes<Src, B, ReadsOf<S, R>>> & {
        readonly states: StatesFit<NoInfer<Src>, UpdateFor<B, ReadsOf<S, R>>>
      },
  ): Action<ReadsOf<S, R>, WritesOf<S, W>, StateInputs<I, B, Src>, ChunkOf<B>, Tag>

  /**
   * Declares a map action that runs every action over every state, action by action. Keys are joined: `gpt4.formal`.
   * @throws {TypeError | RangeError} for options that cannot be
   * @see Burr `MapActionsAndStates` in burr/core/parallelism.py
   */
  mapActionsAndStates<
    R extends ReadName<S>,
    W extends Name<S>,
    U extends WritesOf<S, W>,
    const Acts extends Source<Entry<AnyBranch, unknown>, SourceArgs<ReadsOf<S, R>, InputsOut<I>>>,
    Src extends Source<
      Entry<UpdateFor<Branch<NeedsOfAll<EntryOf<Acts>>>, ReadsOf<S, R>>, unknown>,
      SourceArgs<ReadsOf<S, R>, InputsOut<I>>
    >,
    I extends InputSpec = None,
    const P extends SettlePolicy = 'all',
    Tag extends string = never,
  >(
    options: MapActionsAndStatesOptions<S, R, W, I, P, Tag, Acts, Src> &
      FoldOptions<S, R, W, I, U, P, ProductTypes<Acts, Src, ReadsOf<S, R>>>,
  ): Action<ReadsOf<S, R>, WritesOf<S, W>, MapInputs<I, EntryOf<Acts>>, ChunkOfEntries<Acts>, Tag>

  /**
   * Declares a parallel action whose branches are tasks: each says itself what runs, on which state and inputs.
   * What all other map actions compile to. {@link task} makes them, and shows one.
   * @throws {TypeError | RangeError} for options that cannot be
   * @see Burr `TaskBasedParallelAction` in burr/core/parallelism.py
   */
  parallel<
    R extends ReadName<S>,
    W extends Name<S>,
    U extends WritesOf<S, W>,
    const Src extends Source<Task<unknown, never, unknown>, SourceArgs<ReadsOf<S, R>, InputsOut<I>>>,
    I extends InputSpec = None,
    const P extends SettlePolicy = 'all',
    Tag extends string = never,
  >(
    options: ParallelOptions<S, R, W, I, P, Tag, Src> & FoldOptions<S, R, W, I, U, P, TaskTypes<Src>>,
  ): Action<
    ReadsOf<S, R>,
    WritesOf<S, W>,
    Flat<InputsIn<I> & UnionToIntersection<InputsOf<EntryOf<Src>>>>,
    TaskType<EntryOf<Src>>['chunk'],
    Tag
  >

  /**
   * Declares an action that runs a graph over a state of its own: `state` maps in, `reduce` maps out. A failure of the
   * graph is the action's own.
   * @throws {TypeError | RangeError} for options that cannot be
   * @see Burr `RunnableGraph` in burr/core/parallelism.py
   */
  subgraph<
    R extends ReadName<S>,
    W extends Name<S>,
    U extends WritesOf<S, W>,
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
   * Puts actions and transitions together. The keys of `actions` name them.
   * @throws {GraphError} with every unknown name, duplicate and shadowed transition
   * @see Burr `GraphBuilder` in burr/core/graph.py
   */
  graph<const A extends ActionsOn<S>>(
    options: GraphOptions<S, A> & { readonly actions: WritesFit<S, NoInfer<A>> },
  ): Graph<S, A, D>
}

/** What `defineState(schema, …)` takes beside the schema. */
export interface StateOptions<D> {
  /** Values that keys have before anything was given or written; they need not be given. Default: none. */
  readonly defaults?: D
  /** `false`: state is not deep-frozen. Saves the walk through fresh data; nobody promises then that it stays. Default true. */
  readonly freeze?: boolean
}

/**
 * Starts a state: the type of the data that a graph runs over, and the kit to make actions and graphs over it.
 *
 * Without arguments the type is all there is. With a Standard Schema (zod, valibot, arktype …) every update is checked
 * against it before it is committed; the schema must answer at once.
 *
 * @example
 * ```ts
 * const counter = defineState<{ n: number }>()
 * ```
 * @see https://standardschema.dev
 */
export function defineState<S extends object>(): StateKit<S>
/**
 * Starts a state that a schema describes. Keys may be unset until they are written; only written keys are checked.
 *
 * @throws {TypeError} for what is no Standard Schema, and for defaults that do not fit it
 * @throws {ContractError} for a default that cannot be state
 *
 * @example
 * ```ts
 * const counter = defineState(type<{ n: number }>(), { defaults: { n: 0 } })
 * ```
 */
export function defineState<
  Schema extends StandardSchemaV1<unknown, object>,
  const D extends Partial<StandardSchemaV1.InferOutput<Schema>> = Record<never, never>,
>(schema: Schema, options?: StateOptions<D>): StateKit<StandardSchemaV1.InferOutput<Schema>, keyof D>
export function defineState(schema?: StandardSchemaV1, options: StateOptions<State> = {}): unknown {
  if (schema !== undefined) demandSchema('defineState', schema)
  checkOptions('defineState', options, 'defaults freeze')
  const rules: StateRules = {
    schema,
    defaults: options.defaults === undefined ? undefined : enterDefaults(schema, options.defaults),
    freeze: options.freeze ?? true,
  }
  const kit = {
    action: (declared: Declaration & LoosePolicy & { readonly run: (args: never) => unknown }) => {
      checkOptions('action', declared, `${SHARED} run ${FAILURE_OPTIONS}`)
      demandFunction('An action', 'run: ({ state }) => update', declared.run)
      return makeAction(declared, { kind: 'run', run: declared.run, policy: parsePolicy(declared) } as never)
    },
    mapActions: fanOutMaker('mapActions', `${FAN_OUT} actions state`, compileMapActions),
    mapStates: fanOutMaker('mapStates', `${FAN_OUT} action states`, compileMapStates),
    mapActionsAndStates: fanOutMaker('mapActionsAndStates', `${FAN_OUT} actions states`, compileMapProduct),
    parallel: fanOutMaker('parallel', `${FAN_OUT} tasks`, compileParallel),
    subgraph: fanOutMaker('subgraph', `${SHARED} graph state reduce ${FAILURE_OPTIONS}`, compileSubgraph),
    graph: (declared: DeclaredGraph) => {
      checkOptions('graph', declared, 'actions transitions onError')
      return createGraph(declared, rules)
    },
  }
  return Object.freeze(kit)
}

const SHARED = 'reads writes inputs tags'
const FAN_OUT = `${SHARED} settle concurrency graceMs persister tracker watch reduce reduceEach reduceLive initial order ${FAILURE_OPTIONS}`

function fanOutMaker<O>(
  name: string,
  known: string,
  compile: (options: O) => Parameters<typeof makeAction>[1],
): (options: O & Declaration) => object {
  return (options) => {
    checkOptions(name, options, known)
    return makeAction(options, compile(options))
  }
}

function enterDefaults(schema: StandardSchemaV1 | undefined, defaults: State): State {
  freezeAll(defaults, 'The defaults')
  const issues = schema === undefined ? [] : (validate(schema, defaults).issues ?? [])
  const own = issues.filter((issue) =>
    Object.keys(defaults).some((key) => tell(issue).startsWith(`${key}:`) || tell(issue).startsWith(`${key}.`)),
  )
  if (own.length > 0) throw new TypeError(`The defaults do not fit the schema: ${own.map(tell).join('; ')}.`)
  return Object.freeze({ ...defaults })
}
