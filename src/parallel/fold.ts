import type { Exact } from '../action/action.js'
import type { InputSpec, InputsOut } from '../action/inputs.js'
import { describeValue } from '../internal/guards.js'
import type { Name } from '../internal/type-tools.js'
import { deepFreeze, isolate } from '../state/freeze.js'
import type { ReadsOf, WritesOf } from '../state/keys.js'
import type { GivenTo } from '../state/spec.js'
import type { SettlePolicy } from './settle.js'
import type { SourceArgs } from './source.js'
import type { ResultOf } from './watch.js'

/** Any result of a map with the branch types `T`, under the policy `P`. */
export type ResultIn<T, P> = { [K in Name<T>]: ResultOf<T, P, K> }[Name<T>]

/** What `reduce` is given when the branches have settled as the policy asks. */
export interface ReduceArgs<State, Inputs, T, P> extends SourceArgs<State, Inputs> {
  /** The results by key. */
  readonly branches: { readonly [K in Name<T>]: ResultOf<T, P, K> }
  /** The results in declaration order. */
  readonly results: readonly ResultIn<T, P>[]
}
/** What `reduceEach` is given, once for each settled branch. */
export interface ReduceEachArgs<Acc, State, Inputs, Result> extends SourceArgs<State, Inputs> {
  /** What it returned for the branch before; `initial` at the first. */
  readonly acc: Acc
  readonly result: Result
}
/** What `reduceLive` is given, when the map starts. */
export interface ReduceLiveArgs<State, Inputs, Result> extends SourceArgs<State, Inputs> {
  readonly branches: {
    /** The results in order of settling, each given once. Completes when every branch has settled. */
    asCompleted(): AsyncIterable<Result>
  }
}

/** Folds the settled branches into the parent's state, at the end and all at once. Stands after the sources. */
export interface ReduceAll<State, Inputs, U, P, T> {
  /** Returns the update of the parent. Called once, when the branches have settled as the policy asks. */
  readonly reduce: (args: ReduceArgs<State, Inputs, T, P>) => U | Promise<U>
  readonly reduceEach?: undefined
  readonly reduceLive?: undefined
}
/** Folds each branch when it has settled, into what becomes the update. Keeps nothing of a branch that was folded. */
export interface ReduceEach<State, Inputs, U, W, P, T> {
  readonly reduce?: undefined
  readonly reduceLive?: undefined
  /** In which order `reduceEach` is called: as branches settle (default), or as they were declared. */
  readonly order?: 'settled' | 'declared'
  /** Returns the next `acc`; the last one is the update. One call at a time; meanwhile branches go on. */
  readonly reduceEach: (args: ReduceEachArgs<W, State, Inputs, ResultIn<T, P>>) => U | Promise<U>
  /** The first `acc`: a value, which is frozen, or a function that makes it for each visit. */
  readonly initial: W | ((args: SourceArgs<State, Inputs>) => W)
}
/** Runs beside the branches, from the start of the map. Stands after the sources. */
export interface ReduceLive<State, Inputs, U, P, T> {
  /** Returns the update of the parent; by returning early it says that it has enough: the rest is cancelled. */
  readonly reduceLive: (args: ReduceLiveArgs<State, Inputs, ResultIn<T, P>>) => U | Promise<U>
  readonly reduce?: undefined
  readonly reduceEach?: undefined
}

type AnyFold<State, Inputs, U, Written, W extends PropertyKey, P, T> =
  | (ReduceAll<State, Inputs, U, P, T> & Exact<'reduce', NoInfer<U>, W>)
  | (ReduceEach<State, Inputs, U, Written, P, T> & Exact<'reduceEach', NoInfer<U>, W>)
  | (ReduceLive<State, Inputs, U, P, T> & Exact<'reduceLive', NoInfer<U>, W>)
/** How a map folds its branches into what it writes: exactly one of `reduce`, `reduceEach` and `reduceLive`. */
export type FoldOptions<
  S,
  R extends string,
  W extends keyof S,
  I extends InputSpec,
  U,
  P extends SettlePolicy,
  T,
  In extends GivenTo<S> = S,
> = AnyFold<ReadsOf<S, R>, InputsOut<NoInfer<I>>, U, WritesOf<In, W>, W, P, T>

/** A function of the user's, its types forgotten. */
type Loose = (args: object) => unknown
/** How a map folds, compiled. */
export type Fold =
  | { readonly kind: 'all'; readonly reduce: Loose }
  | {
      readonly kind: 'each'
      readonly reduceEach: Loose
      readonly initial: Loose
      readonly declared: boolean
    }
  | { readonly kind: 'live'; readonly reduceLive: Loose }

/** The options of {@link compileFold}, their types forgotten. */
export interface LooseFold {
  readonly reduce?: unknown
  readonly reduceEach?: unknown
  readonly reduceLive?: unknown
  readonly initial?: unknown
  readonly order?: unknown
}

const WAYS = ['reduce', 'reduceEach', 'reduceLive'] as const

/**
 * Compiles the one way in which a map folds its branches.
 * @throws {TypeError} for none or more than one, and for options that belong to another
 */
export function compileFold(options: LooseFold): Fold {
  const given = WAYS.filter((way) => options[way] !== undefined)
  const [way] = given
  if (way === undefined || typeof options[way] !== 'function')
    throw new TypeError('A map action needs reduce: ({ results }) => update. Or reduceEach, or reduceLive.')
  if (given.length > 1) throw new TypeError(`A map action has one of ${WAYS.join(', ')}, not ${given.join(' and ')}.`)
  const call = options[way] as Loose
  if (way === 'reduceEach') return compileEach(options, call)
  for (const own of ['initial', 'order'] as const)
    if (options[own] !== undefined) throw new TypeError(`${own} belongs to reduceEach; the map action has ${way}.`)
  return way === 'reduce' ? { kind: 'all', reduce: call } : { kind: 'live', reduceLive: call }
}

function compileEach({ initial, order = 'settled' }: LooseFold, reduceEach: Loose): Fold {
  if (initial === undefined)
    throw new TypeError('reduceEach needs initial: the first acc, or a function that makes it.')
  if (order !== 'settled' && order !== 'declared')
    throw new TypeError(`order is ${describeValue(order)}. It takes 'settled' or 'declared'.`)
  const first = typeof initial === 'function' ? (initial as Loose) : startOn(initial)
  return { kind: 'each', reduceEach, initial: first, declared: order === 'declared' }
}

/** Each visit of the map starts on a value of its own. */
function startOn(initial: unknown): Loose {
  const held = deepFreeze(initial, 'A map action', 'initial')
  return () => isolate(held)
}
