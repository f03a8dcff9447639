import type { AnyRunnable, BareGraph, InputsOf, NeedsOf, WrittenBy } from '../action/action.js'
import type { ExecutorChoice } from '../action/executor.js'
import type { Retry } from '../action/retry.js'

/**
 * Returns the state of a branch whose last attempt failed: an update over its committed state, synchronously, validated
 * as any update. Rethrow the given error to decline; throwing any other error fails with both.
 */
export type BranchFallback<Key, State> = (args: {
  /** The error of the action, or the {@link TimeoutError} of the branch. */
  readonly error: unknown
  /** The key of the branch. */
  readonly key: Key
  /** The committed state of the branch. */
  readonly state: Readonly<Partial<State>>
}) => Readonly<Partial<State>>

/** Options of an entry besides its state or action: `entry(thing, options)`, or the pair `[thing, options]`. */
export interface BranchOptions<Inputs = unknown, State = Readonly<Record<string, unknown>>> {
  /** Name of the branch: in `branches`, in results, in paths. Default: the key of a record, else the position. */
  readonly key?: string
  /** Inputs of this branch only; they take precedence over those passed on by the map. */
  readonly inputs?: Partial<Inputs>
  /** Where the branch runs; it takes precedence over that of its runnable graph. Default: that of the map. */
  readonly executor?: ExecutorChoice
  /** How often the branch retries a failed step from its last committed state. Default: that of the map. */
  readonly retry?: Retry
  /**
   * Fails the branch with a {@link TimeoutError} this many milliseconds after its first step began, over all attempts.
   * Default: that of the map.
   */
  readonly timeoutMs?: number
  /**
   * Time that the branch may take to end after it was cancelled, in milliseconds, before it is abandoned as leaked.
   * Default and maximum: that of the map.
   */
  readonly graceMs?: number
  /** Turns a failure of the branch into a success. Default: that of the map. */
  readonly fallback?: BranchFallback<string, State>
}

export type Entry<T, Inputs, State = Readonly<Record<string, unknown>>> = T | readonly [T, BranchOptions<Inputs, State>]
/** Rejects inputs that the action of an entry does not take. */
type InputsFit<T, O> = T extends AnyRunnable
  ? O extends { readonly inputs: infer I }
    ? { readonly inputs: { readonly [K in Exclude<keyof I, keyof InputsOf<T>>]: never } }
    : unknown
  : unknown

/**
 * An entry of a source with its own options; equivalent to the pair `[thing, options]`.
 * @example
 * ```ts
 * const kit = defineState<{ cities: string[]; city: string; size: number; sizes: number[] }>()
 * const measure = kit.action({ reads: ['city'], writes: ['size'], run: ({ state }) => ({ size: state.city.length }) })
 * const all = kit.mapStates({
 *   reads: ['cities'],
 *   writes: ['sizes'],
 *   action: measure,
 *   states: ({ state }) => state.cities.map((city) => entry({ city }, { key: city, timeoutMs: 1000 })),
 *   reduce: ({ results }) => ({ sizes: results.map(({ state }) => state.size) }),
 * })
 * ```
 *
 */
export function entry<T, const O extends BranchOptions>(thing: T, options: O & InputsFit<T, O>): readonly [T, O] {
  return [thing, options]
}

export type Items<T> = readonly T[] | { readonly [key: string]: T } | Iterable<T> | AsyncIterable<T>
export type Source<T, Args> = Items<T> | ((args: Args) => Items<T>)

/** Arguments of a source function. */
export interface SourceArgs<State, Inputs> {
  /** The reads of the map. */
  readonly state: Readonly<State>
  /** The map's own inputs, parsed, defaults filled in. */
  readonly inputs: Inputs
  /**
   * Aborts when the result of this code is no longer needed. For a source: when the map settled, failed or was
   * cancelled. For a fold: when it failed or was cancelled.
   */
  readonly signal: AbortSignal
}

export type ItemsOf<Src> = Src extends (...args: never) => infer R ? R : Src
export type IsRecord<Src> = ItemsOf<Src> extends Iterable<unknown> | AsyncIterable<unknown> ? false : true
export type EntryOf<Src> =
  ItemsOf<Src> extends infer X ? (X extends Iterable<infer E> | AsyncIterable<infer E> ? E : X[keyof X]) : never
export type ThingOf<E> = E extends readonly [infer T, ...unknown[]] ? T : E
export type OwnInputs<E> = E extends readonly [unknown, { readonly inputs: infer I }] ? keyof I : never

type StateWithin<B> = B extends { readonly '~state': infer S } ? S : NeedsOf<B> & WrittenBy<B>
/** Checks the inputs and fallback of an entry against its action. */
type EntryFit<E> = E extends readonly [infer B, unknown]
  ? readonly [B & ThingFit<B>, BranchOptions<InputsOf<B>, StateWithin<B>>]
  : ThingFit<E>
/** The type of a value that cannot run as a branch. `Instead`: the code to write. */
export interface NotABranch<Instead extends string> {
  readonly instead: Instead & never
}
/** Accepts anything that can run as a branch. */
export type BranchFit<B> = [B] extends [AnyRunnable]
  ? unknown
  : NotABranch<B extends BareGraph ? 'graph.runnable({ entrypoint })' : 'an action, or graph.runnable({ entrypoint })'>
/** Among the things of a source only a graph is rejected: a function may be the source itself. */
type ThingFit<B> = [B] extends [never] ? unknown : [B] extends [BareGraph] ? BranchFit<B> : unknown
type ItemsFit<X> = X extends readonly unknown[]
  ? { readonly [K in keyof X]: EntryFit<X[K]> }
  : X extends Iterable<infer E>
    ? Iterable<EntryFit<E>>
    : X extends AsyncIterable<infer E>
      ? AsyncIterable<EntryFit<E>>
      : { readonly [K in keyof X]: EntryFit<X[K]> }
export type SourceFit<Src> = Src extends (...args: never) => infer R ? (...args: never) => ItemsFit<R> : ItemsFit<Src>
