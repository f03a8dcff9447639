import type { InputsOf } from '../action/action.js'

/** What a branch is told beside its state. */
export interface BranchOptions<Inputs = unknown> {
  /** The name of the branch: in `branches`, in results, in paths. Default: the key of a record, else the position. */
  readonly key?: string
  /** Inputs of this branch alone; they win over what the map hands on. */
  readonly inputs?: Partial<Inputs>
  /** Fails the branch with a {@link TimeoutError} this many milliseconds after it started. */
  readonly timeoutMs?: number
}

export type Entry<T, Inputs> = T | readonly [T, BranchOptions<Inputs>]
export type Items<T> = readonly T[] | { readonly [key: string]: T } | Iterable<T> | AsyncIterable<T>
export type Source<T, Args> = Items<T> | ((args: Args) => Items<T>)

/** What the function form of a source is given. */
export interface SourceArgs<State, Inputs> {
  readonly state: Readonly<State>
  readonly inputs: Inputs
  readonly signal: AbortSignal
}

export type ItemsOf<Src> = Src extends (...args: never) => infer R ? R : Src
export type Keyed<Src> = ItemsOf<Src> extends Iterable<unknown> | AsyncIterable<unknown> ? false : true
export type EntryOf<Src> =
  ItemsOf<Src> extends infer X ? (X extends Iterable<infer E> | AsyncIterable<infer E> ? E : X[keyof X]) : never
export type ThingOf<E> = E extends readonly [infer T, ...unknown[]] ? T : E
export type OwnInputs<E> = E extends readonly [unknown, { readonly inputs: infer I }] ? keyof I : never

/** Inputs of an entry against the action it stands beside. */
type EntryFit<E> = E extends readonly [infer B, unknown] ? readonly [B, BranchOptions<InputsOf<B>>] : unknown
type ItemsFit<X> = X extends readonly unknown[]
  ? { readonly [K in keyof X]: EntryFit<X[K]> }
  : X extends Iterable<infer E>
    ? Iterable<EntryFit<E>>
    : X extends AsyncIterable<infer E>
      ? AsyncIterable<EntryFit<E>>
      : { readonly [K in keyof X]: EntryFit<X[K]> }
export type SourceFit<Src> = Src extends (...args: never) => infer R ? (...args: never) => ItemsFit<R> : ItemsFit<Src>
