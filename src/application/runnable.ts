import type { AnyRunnable, ChunkOf, InputsOf, Mistaken, NeedsOf, Runnable, TagOf, WrittenBy } from '../action/action.js'
import { assertExecutorChoice, chosen, type Executor, type ExecutorChoice } from '../action/executor.js'
import type { Inputs } from '../action/inputs.js'
import type { GraphIssue } from '../errors.js'
import { compileGraph, type DeclaredGraph } from '../graph/compile.js'
import type { ErrorCondition, When } from '../graph/condition.js'
import type { CompiledGraph, Plan } from '../graph/plan.js'
import { inputsOf, registerPlan } from '../graph/plan-of.js'
import { checkPlan, type Halt, type Halts } from '../graph/runnable.js'
import type { Transitions } from '../graph/transition.js'
import { suggest } from '../internal/nearest.js'
import { checkOptions } from '../internal/options.js'
import type { Flat, KeysOf, Name, None, OneOrMany, RequiredKeys, UnionToIntersection } from '../internal/type-tools.js'
import type { GraphRunnable } from '../parallel/subgraph.js'
import type { StateRules } from '../state/schema.js'
import type { GivenTo } from '../state/spec.js'

/** The type of an action that writes a key which the graph's state lacks. */
export interface WritesKeyNotInState<Key> {
  readonly unknownKey: Key & never
}
interface ActionOn<S> extends Runnable<Required<S>, never, unknown> {
  readonly kind: 'action'
  readonly '~writes': Partial<S>
}
/** The type of an invalid value in `actions`. `Instead`: the code to write. */
export interface NotAnAction<Instead extends string> {
  readonly instead: Instead & never
}
type WritesFit<S, X> = [Exclude<keyof WrittenBy<X>, keyof S>] extends [never]
  ? ActionOn<S>
  : WritesKeyNotInState<Exclude<keyof WrittenBy<X>, keyof S>>
/** Accepts any {@link AnyAction}: its reads and writes are checked when the graph is made and run. */
type ActionFit<S, X> = X extends { readonly kind: 'action' }
  ? [NeedsOf<X>] extends [never]
    ? unknown
    : WritesFit<S, X>
  : NotAnAction<
      X extends { readonly kind: 'graph' }
        ? 'subgraph({ graph, reads, writes, state, reduce })'
        : 'action({ reads, writes, run }), or a map action'
    >
/**
 * The actions of a graph over `S`, by name. Includes values easily mistaken for an action, so that their compile error
 * names the code to write.
 */
export type ActionsOn<S> = { readonly [name: string]: ActionOn<S> | AnyRunnable | Mistaken }
export type ActionsFit<S, A> = { readonly [K in keyof A]: ActionFit<S, A[K]> }

/** Options of `kit.graph({ … })`. */
export interface GraphOptions<S, A, To extends string = Name<A>> {
  /** The actions; the keys name them. */
  readonly actions: A
  /** Transitions after an action: the first that holds is taken. When none holds, the run has finished. */
  readonly transitions?: { readonly [From in To]?: Transitions<To, When<S>> }
  /** Transitions after a failed action; conditions get its error and the state before it. */
  readonly onError?: { readonly [From in To]?: Transitions<To, ErrorCondition<S>> }
}

/** The needs of an action, as far as its type declares them. */
type Needs<X> = [NeedsOf<X>] extends [never] ? None : NeedsOf<X>
type InputsGiven<X> = [InputsOf<X>] extends [never] ? { readonly [name: string]: unknown } : InputsOf<X>
type KeysNeeded<A> = { [K in keyof A]: RequiredKeys<Needs<A[K]>> }[keyof A]
/** State keys that must be set before `Entry` runs: its reads, and the reads that no action writes. */
export type InitialKeys<A, Entry extends keyof A, D = never> = Exclude<
  RequiredKeys<Needs<A[Entry]>> | Exclude<KeysNeeded<A>, KeysOf<WrittenBy<A[keyof A]>>>,
  D
>
type KeysRead<A> = { [K in keyof A]: KeysOf<Needs<A[K]>> }[keyof A]
type WithMore<S, Needed extends keyof S, More extends keyof S> = [More] extends [never]
  ? Pick<S, Needed>
  : Flat<Pick<S, Needed> & Partial<Pick<S, More>>>
/**
 * The initial state of a graph: keys that must be given, and the other keys that its actions read, which may be given.
 */
export type GraphNeeds<S, A, Needed extends keyof S> = WithMore<
  S,
  Needed,
  Exclude<Extract<KeysRead<A>, keyof S>, Needed>
>
export type GraphInputs<A> = Flat<UnionToIntersection<{ [K in keyof A]: InputsGiven<A[K]> }[keyof A]>>
/**
 * The inputs of a run: required for all actions. With `haltBefore` all are optional, since the reached actions are not
 * known; a missing one is a `MissingInputError` when its action starts.
 */
export type RunInputs<A, Before> = [Before] extends [never] ? GraphInputs<A> : Partial<GraphInputs<A>>
export type TagsOf<A> = TagOf<A[keyof A]> extends infer T ? T : never
export type HaltedAt<A, H> = H extends string
  ? H
  : H extends { readonly tag: infer T }
    ? { [K in Name<A>]: T extends TagOf<A[K]> ? K : never }[Name<A>]
    : never

/** A graph with an entrypoint and halts: runs like an action, and as an actor by `actorLogic`. */
export interface RunnableGraph<
  in Needs,
  in out State,
  Inputs = Record<never, never>,
  in out Chunk = never,
  in out At extends string = string,
> extends GraphRunnable<Needs, State, Inputs, Chunk> {
  /** Warnings that do not prevent running: unreachable actions. */
  readonly warnings: readonly GraphIssue[]
  /**
   * Returns a copy with some inputs fixed for every action that takes them.
   * @throws {TypeError} for a name that no action takes
   */
  bind<K extends keyof Inputs>(
    inputs: Pick<Inputs, K> & Partial<Inputs>,
  ): RunnableGraph<Needs, State, Flat<Omit<Inputs, K>>, Chunk, At>
  /** Types only, absent at run time. */ readonly '~at': At
}

/** Actions and the transitions between them, without an entrypoint. */
export interface Graph<in out S extends object, in out A, in out D = never, in out In extends GivenTo<S> = S> {
  /** As declared, by name. */
  readonly actions: A
  /**
   * Gives the graph an entrypoint, and optional halts.
   *
   * The initial state is not known yet: a read that nothing can have written is rejected before the first step.
   * @throws {GraphError} for unknown names, and halts that cannot be reached
   */
  runnable<const Entry extends Name<A>, const H extends Halt<Name<A>, TagsOf<A>> = never>(options: {
    /** The action that runs first. */
    readonly entrypoint: Entry
    /**
     * Ends a run after one of these actions has committed: names, or `{ tag }`. Default: runs until no transition
     * holds.
     */
    readonly haltAfter?: OneOrMany<H>
    /**
     * Where it runs as a branch of a map; that of an entry takes precedence. Default: that of the map. It has no effect
     * on an application of its own.
     */
    readonly executor?: ExecutorChoice
  }): RunnableGraph<
    GraphNeeds<S, A, Extract<InitialKeys<A, Entry, D>, keyof S>>,
    S,
    GraphInputs<A>,
    ChunkOf<A[keyof A]>,
    [H] extends [never] ? Name<A> : HaltedAt<A, H>
  >
  /** Types only, absent at run time. */ readonly '~state': (state: S) => S
  /** Types only, absent at run time. */ readonly '~given': (given: In) => In
}

const compiled = new WeakMap<object, CompiledGraph>()

/** The compiled form of a graph. */
export function compiledGraphOf(graph: object): CompiledGraph {
  const found = compiled.get(graph)
  if (found === undefined)
    throw new TypeError('This is not a graph. Make one with defineState<S>().graph({ actions, transitions }).')
  return found
}

/** The compiled form of a graph; undefined for another value. */
export const knownGraph = (value: object): CompiledGraph | undefined => compiled.get(value)

/** A graph of a compiled form, without the actions as they were declared. */
export function graphOfCore(core: CompiledGraph): object {
  const graph = Object.freeze({})
  compiled.set(graph, core)
  return graph
}

/** Makes a graph from its declaration. */
export function createGraph(declared: DeclaredGraph, rules: StateRules): object {
  const core = compileGraph(declared, rules)
  const graph = Object.freeze({
    actions: declared.actions,
    runnable: (options: {
      readonly entrypoint: string
      readonly haltAfter?: Halts
      readonly executor?: unknown
    }): object => {
      checkOptions('runnable', options, 'entrypoint haltAfter executor')
      const { entrypoint, haltAfter, executor } = options
      assertExecutorChoice(executor)
      const { plan, warnings } = checkPlan(core, entrypoint, haltAfter)
      return createRunnable(plan, {}, warnings, chosen(executor))
    },
  })
  compiled.set(graph, core)
  return graph
}

function createRunnable(
  plan: Plan,
  bound: Inputs,
  warnings: readonly GraphIssue[],
  executor: Executor | null | undefined,
): object {
  const runnable = Object.freeze({
    kind: 'graph',
    warnings,
    bind(inputs: Inputs): object {
      const { names, open } = inputsOf(runnable as unknown as AnyRunnable)
      const unknown = open ? undefined : Object.keys(inputs).find((name) => !names.has(name))
      if (unknown === undefined) return createRunnable(plan, Object.freeze({ ...bound, ...inputs }), warnings, executor)
      throw new TypeError(
        `bind: no action of the graph takes the input "${unknown}", or it is already bound. ${suggest(unknown, names, 'inputs')}`,
      )
    },
  })
  registerPlan(runnable, plan, Object.keys(bound).length === 0 ? undefined : bound, executor)
  return runnable
}
