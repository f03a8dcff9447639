import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Flat } from '../internal/type-tools.js'

/** A record of Standard Schemas, one per key of a state. */
export type StateSpec = { readonly [key: string]: StandardSchemaV1 }

type In<Spec extends StateSpec, K extends keyof Spec> = StandardSchemaV1.InferInput<Spec[K]>
type Out<Spec extends StateSpec, K extends keyof Spec> = StandardSchemaV1.InferOutput<Spec[K]>
type Unset<Spec extends StateSpec> = { [K in keyof Spec]: undefined extends Out<Spec, K> ? K : never }[keyof Spec]
type LeftOut<Spec extends StateSpec> = { [K in keyof Spec]: undefined extends In<Spec, K> ? K : never }[keyof Spec]

/** The state that a record of schemas describes: their output types. A key that may be `undefined` may be unset. */
export type StateOut<Spec extends StateSpec> = Flat<
  { -readonly [K in Exclude<keyof Spec, Unset<Spec>>]: Out<Spec, K> } & {
    -readonly [K in Unset<Spec>]?: Out<Spec, K>
  }
>
/** The input types of such a state: for initial states and updates. */
export type StateIn<Spec extends StateSpec> = Flat<
  { -readonly [K in Exclude<keyof Spec, LeftOut<Spec>>]: In<Spec, K> } & {
    -readonly [K in LeftOut<Spec>]?: In<Spec, K>
  }
>
/** Keys whose schema supplies a value for `undefined`: defaults of the state. */
export type FilledKeys<Spec extends StateSpec> = Exclude<LeftOut<Spec>, Unset<Spec>>
/** The keys of a state with values of any type. */
export type GivenTo<S> = { readonly [K in keyof S]?: unknown }
