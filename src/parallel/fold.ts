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

/** Arguments of `reduce`, called when the map has settled. */
export interface ReduceArgs<State, Inputs, T, P> extends SourceArgs<State, Inputs> {
  /** The results by key. */
  readonly branches: { readonly [K in Name<T>]: ResultOf<T, P, K> }
  /** The results in declaration order. */
  readonly results: readonly ResultIn<T, P>[]
}
/** Arguments of `reduceEach`, called once for each settled branch. */
export interface ReduceEachArgs<Acc, State, Inputs, Result> extends SourceArgs<State, Inputs> {
  /** The return value for the previous branch; `initial` at the first. */
  readonly acc: Acc
  readonly result: Result
}
/** Arguments of `reduceLive`, called when the map starts. */
export interface ReduceLiveArgs<State, Inputs, Result> extends SourceArgs<State, Inputs> {
  readonly branches: {
    /** The results in order of settling, each once. Completes when every branch has settled. */
    asCompleted(): AsyncIterable<Result>
  }
}

/**
 * Folds all settled branches into the parent's state at the end. Must be written after the sources, for type inference.
 */
export interface ReduceAll<State, Inputs, U, P, T> {
  /** Returns the update of the parent. Called once, when the map has settled. */
  readonly reduce: (args: ReduceArgs<State, Inputs, T, P>) => U | Promise<U>
  readonly reduceEach?: undefined
  readonly reduceLive?: undefined
}
/**
 * Folds each branch when it settles; the final accumulator is the update. Folded branches are not kept in memory. When the
 * step is retried after a failure, branches that were stored keep their results; without a persister all run again.
 */
export interface ReduceEach<State, Inputs, U, Acc, P, T> {
  readonly reduce?: undefined
  readonly reduceLive?: undefined
  /** Order of the calls of `reduceEach`: as branches settle (default), or as they were declared. */
  readonly order?: 'settled' | 'declared'
  /** Returns the next `acc`; the last one is the update. Calls are sequential; branches continue meanwhile. */
  readonly reduceEach: (args: ReduceEachArgs<Acc, State, Inputs, ResultIn<T, P>>) => U | Promise<U>
  /** The first `acc`: a value, which is frozen, or a function that creates it for each visit. */
  readonly initial: Acc | ((args: SourceArgs<State, Inputs>) => Acc)
}
/**
 * Runs beside the branches, from the start of the map. Must be written after the sources, for type inference. When the step
 * is retried after a failure, it gets the stored results again; without a persister all branches run again.
 */
export interface ReduceLive<State, Inputs, U, P, T> {
  /** Returns the update of the parent. Returning early cancels the remaining branches. */
  readonly reduceLive: (args: ReduceLiveArgs<State, Inputs, ResultIn<T, P>>) => U | Promise<U>
  readonly reduce?: undefined
  readonly reduceEach?: undefined
}

/**
 * What `reduceEach` is given and returns. No schema checks it before the last one, so a key has its output type where
 * that is an update too, as with a default, and otherwise its input type, as with a transform.
 */
type AccOf<S, W extends keyof S, In extends GivenTo<S>> = WritesOf<
  { [K in keyof S]: S[K] extends In[K] ? S[K] : In[K] },
  W
>
/** Rejects an update that lacks a part of `acc` which the next call is given. */
type Whole<U, Acc> = [U] extends [Acc] ? unknown : { readonly reduceEach: (args: never) => Acc | Promise<Acc> }

type AnyFold<State, Inputs, U, Acc, W extends PropertyKey, P, T> =
  | (ReduceAll<State, Inputs, U, P, T> & Exact<'reduce', NoInfer<U>, W>)
  | (ReduceEach<State, Inputs, U, Acc, P, T> & Exact<'reduceEach', NoInfer<U>, W> & Whole<NoInfer<U>, Acc>)
  | (ReduceLive<State, Inputs, U, P, T> & Exact<'reduceLive', NoInfer<U>, W>)
/** The fold of a map into its writes: exactly one of `reduce`, `reduceEach` and `reduceLive`. */
export type FoldOptions<
  S,
  R extends string,
  W extends keyof S,
  I extends InputSpec,
  U,
  P extends SettlePolicy,
  T,
  In extends GivenTo<S> = S,
> = AnyFold<ReadsOf<S, R>, InputsOut<NoInfer<I>>, U, AccOf<S, W, In>, W, P, T>

/** A user function without its types. */
type Loose = (args: object) => unknown
/** A compiled fold. */
export type Fold =
  | { readonly kind: 'all'; readonly reduce: Loose }
  | {
      readonly kind: 'each'
      readonly reduceEach: Loose
      /** A frozen value, or a function: {@link initialOf}. */
      readonly initial: unknown
      readonly declared: boolean
    }
  | { readonly kind: 'live'; readonly reduceLive: Loose }

/** The options of {@link compileFold}, without their types. */
export interface LooseFold {
  readonly reduce?: unknown
  readonly reduceEach?: unknown
  readonly reduceLive?: unknown
  readonly initial?: unknown
  readonly order?: unknown
}

const WAYS = ['reduce', 'reduceEach', 'reduceLive'] as const

/**
 * Compiles the fold of a map.
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
  const first = typeof initial === 'function' ? initial : deepFreeze(initial, 'A map action', 'initial')
  return { kind: 'each', reduceEach, initial: first, declared: order === 'declared' }
}

/** The initial value for one visit of the map: each visit gets its own. */
export function initialOf({ initial }: Fold & { readonly kind: 'each' }, args: object): unknown {
  return typeof initial === 'function' ? (initial as Loose)(args) : isolate(initial)
}
