/** Flattens an intersection to one object type. */
export type Flat<T> = { [K in keyof T]: T[K] } & {}

/** The string keys of `T`; prints as a union of literals in messages. */
export type Name<T> = Extract<keyof T, string>

/** An object type without keys. */
export type None = Record<never, never>

export type OneOrMany<T> = T | readonly T[]

/** The keys of every member of a union. */
export type KeysOf<U> = U extends unknown ? keyof U : never

export type UnionToIntersection<U> = (U extends unknown ? (u: U) => void : never) extends (i: infer I) => void
  ? I
  : never

export type OptionalKeys<T> = { [K in keyof T]-?: None extends Pick<T, K> ? K : never }[keyof T]
export type RequiredKeys<T> = Exclude<keyof T, OptionalKeys<T>>

/** Merges two types; properties of `Top` take precedence over those of `Base`. */
export type Overlay<Base, Top> = [keyof Top] extends [never]
  ? Base
  : [keyof Base] extends [keyof Top]
    ? Top
    : Flat<Omit<Base, keyof Top> & Top>

/** Makes `inputs` optional when none is required. */
export type Given<I> = None extends I ? { readonly inputs?: I } : { readonly inputs: I }

/** Makes the options optional when no input is required. */
export type Args<Inputs, Options> = None extends Inputs ? [options?: Options] : [options: Options]

/** An object whose members may still be set. */
export type Mutable<T> = { -readonly [K in keyof T]: T[K] }
