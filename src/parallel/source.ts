import type { AnyRunnable, BareGraph, InputsOf, NeedsOf, WrittenBy } from '../action/action.js'
import type { Retry } from '../action/retry.js'

/**
 * Gives the state of a branch that failed, after its last attempt: an update over what it had committed. At once, and
 * checked as any update. One that throws what it was given declines; throwing anything else fails with both errors.
 */
export type BranchFallback<Key, State> = (args: {
  /** What the action threw, or the {@link TimeoutError} of the branch. */
  readonly error: unknown
  /** The key of the branch. */
  readonly key: Key
  /** What the branch had committed. */
  readonly state: Readonly<Partial<State>>
}) => Readonly<Partial<State>>

/** What an entry may say beside its state or action: `entry(thing, options)`, or the pair `[thing, options]`. */
export interface BranchOptions<Inputs = unknown, State = Readonly<Record<string, unknown>>> {
  /** The name of the branch: in `branches`, in results, in paths. Default: the key of a record, else the position. */
  readonly key?: string
  /** Inputs of this branch alone; they win over what the map hands on. */
  readonly inputs?: Partial<Inputs>
  /** How often the branch goes on at a step that failed, with its last committed state. Default: what the map says. */
  readonly retry?: Retry
  /**
   * Fails the branch with a {@link TimeoutError} this many milliseconds after its first step began, over all attempts.
   * Default: what the map says.
   */
  readonly timeoutMs?: number
  /**
   * How long the branch may take to end after it was cancelled, in milliseconds, before it is given up as leaked.
   * Default, and no longer than: what the map says.
   */
  readonly graceMs?: number
  /** Makes a success of the branch when it failed. Default: what the map says. */
  readonly fallback?: BranchFallback<string, State>
}

export type Entry<T, Inputs, State = Readonly<Record<string, unknown>>> = T | readonly [T, BranchOptions<Inputs, State>]
/** Refuses inputs that the action of an entry does not take. */
type InputsFit<T, O> = T extends AnyRunnable
  ? O extends { readonly inputs: infer I }
    ? { readonly inputs: { readonly [K in Exclude<keyof I, keyof InputsOf<T>>]: never } }
    : unknown
  : unknown

/**
 * An entry of a source with options of its own: the same as the pair of both.
 *
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
 */
export function entry<T, const O extends BranchOptions>(thing: T, options: O & InputsFit<T, O>): readonly [T, O] {
  return [thing, options]
}

export type Items<T> = readonly T[] | { readonly [key: string]: T } | Iterable<T> | AsyncIterable<T>
export type Source<T, Args> = Items<T> | ((args: Args) => Items<T>)

/** What the function form of a source is given. */
export interface SourceArgs<State, Inputs> {
  /** What the map reads. */
  readonly state: Readonly<State>
  /** The map's own inputs, parsed, defaults filled in. */
  readonly inputs: Inputs
  /**
   * Fires when this code is not wanted any more: a source, when the map has enough, failed or was cancelled; code that
   * folds, when it failed or was cancelled.
   */
  readonly signal: AbortSignal
}

export type ItemsOf<Src> = Src extends (...args: never) => infer R ? R : Src
export type Keyed<Src> = ItemsOf<Src> extends Iterable<unknown> | AsyncIterable<unknown> ? false : true
export type EntryOf<Src> =
  ItemsOf<Src> extends infer X ? (X extends Iterable<infer E> | AsyncIterable<infer E> ? E : X[keyof X]) : never
export type ThingOf<E> = E extends readonly [infer T, ...unknown[]] ? T : E
export type OwnInputs<E> = E extends readonly [unknown, { readonly inputs: infer I }] ? keyof I : never

type StateWithin<B> = B extends { readonly '~state': infer S } ? S : NeedsOf<B> & WrittenBy<B>
/** Inputs and fallback of an entry against the action it stands beside. */
type EntryFit<E> = E extends readonly [infer B, unknown]
  ? readonly [B & ThingFit<B>, BranchOptions<InputsOf<B>, StateWithin<B>>]
  : ThingFit<E>
/** The type of something that cannot run as a branch. `Instead`: what to write. */
export interface NotABranch<Instead extends string> {
  readonly instead: Instead & never
}
/** Lets through what can run as a branch. */
export type BranchFit<B> = [B] extends [AnyRunnable]
  ? unknown
  : NotABranch<B extends BareGraph ? 'graph.runnable({ entrypoint })' : 'an action, or graph.runnable({ entrypoint })'>
/** Of the things in a source only a graph is told apart: a function may be the source itself. */
type ThingFit<B> = [B] extends [never] ? unknown : [B] extends [BareGraph] ? BranchFit<B> : unknown
type ItemsFit<X> = X extends readonly unknown[]
  ? { readonly [K in keyof X]: EntryFit<X[K]> }
  : X extends Iterable<infer E>
    ? Iterable<EntryFit<E>>
    : X extends AsyncIterable<infer E>
      ? AsyncIterable<EntryFit<E>>
      : { readonly [K in keyof X]: EntryFit<X[K]> }
export type SourceFit<Src> = Src extends (...args: never) => infer R ? (...args: never) => ItemsFit<R> : ItemsFit<Src>
