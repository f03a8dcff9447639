import type { InputsOf, NeedsOf, WrittenBy } from '../action/action.js'
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

/** What an entry may say beside its state or action: `[entry, options]`. */
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
  ? readonly [B, BranchOptions<InputsOf<B>, StateWithin<B>>]
  : unknown
type ItemsFit<X> = X extends readonly unknown[]
  ? { readonly [K in keyof X]: EntryFit<X[K]> }
  : X extends Iterable<infer E>
    ? Iterable<EntryFit<E>>
    : X extends AsyncIterable<infer E>
      ? AsyncIterable<EntryFit<E>>
      : { readonly [K in keyof X]: EntryFit<X[K]> }
export type SourceFit<Src> = Src extends (...args: never) => infer R ? (...args: never) => ItemsFit<R> : ItemsFit<Src>
