import type { AnyRunnable, ChunkOf, InputsOf, NeedsOf } from '../action/action.js'
import type { InputSpec, InputsIn } from '../action/inputs.js'
import type { Flat, Name, Overlay, RequiredKeys, UnionToIntersection } from '../internal/type-tools.js'
import type { ReadsOf } from '../state/keys.js'
import { acceptedBy, assertRunnable, BranchStates, callSource, toTask } from './branch-state.js'
import { entriesOf, keyOfEntry, parseEntry } from './entries.js'
import {
  type BranchSource,
  createFanOut,
  type FanOut,
  type FanOutArgs,
  type FanOutOptions,
  type TaskSource,
} from './fan-out.js'
import type { SettlePolicy } from './settle.js'
import type { EntryOf, IsRecord, ItemsOf, OwnInputs, ThingOf } from './source.js'
import type { BranchTypeOf } from './task.js'

/** Keys that a branch needs and `Start` lacks, or has with another type. */
export type MissingKeys<N, Start> = [N] extends [never]
  ? never
  : { [K in RequiredKeys<N>]: K extends keyof Start ? (Start[K] extends N[K] ? never : K) : K }[RequiredKeys<N>]

/** An update over `Start` for branches that need `N`: required when `Start` does not suffice. */
export type UpdateOver<N, Start> = Flat<
  { [K in MissingKeys<N, Start>]: N[K] } & Partial<Omit<Overlay<Start, N>, MissingKeys<N, Start>>>
>

/** The initial state of every branch: required when the reads of the map do not suffice. */
export type SharedState<Needs, Start, Args> = [MissingKeys<Needs, Start>] extends [never]
  ? { readonly state?: (args: Args) => UpdateOver<Needs, Start> }
  : { readonly state: (args: Args) => UpdateOver<Needs, Start> }

export type NeedsOfAll<E> = Flat<UnionToIntersection<E extends unknown ? NeedsOf<ThingOf<E>> : never>>
export type ActionTypes<Src, Start> =
  IsRecord<Src> extends true
    ? { readonly [K in Name<ItemsOf<Src>>]: BranchTypeOf<ThingOf<ItemsOf<Src>[K]>, Start> }
    : { readonly [key: string]: BranchTypeOf<ThingOf<EntryOf<Src>>, Start> }
type InputsLeft<E> = E extends unknown ? Omit<InputsOf<ThingOf<E>>, OwnInputs<E>> : never
/** The inputs that a map of these entries requires of a run: its own, and those of its branches that no entry gives. */
export type MapInputs<I extends InputSpec, E> = Flat<InputsIn<I> & UnionToIntersection<InputsLeft<E>>>
export type ChunkOfEntries<Src> = ChunkOf<ThingOf<EntryOf<Src>>>

/** Options of `kit.mapActions({ … })`. */
export interface MapActionsOptions<
  S,
  R extends string,
  W extends keyof S,
  I extends InputSpec,
  P extends SettlePolicy,
  Tag extends string,
  Src,
  M = unknown,
> extends FanOutOptions<S, W, P, Tag, ActionTypes<Src, ReadsOf<S, R>>, M> {
  /** State keys visible to sources and `reduce`, and the initial state of every branch. */
  readonly reads: readonly R[]
  /** Inputs of the map, for sources and `reduce`. Inputs of the branches are required of the run in addition. */
  readonly inputs?: I
  /**
   * Actions and runnable graphs, one branch each: a record (its keys name the branches), an array, a generator, or a
   * function that returns one.
   */
  readonly actions: Src
}

type Loose = Parameters<typeof createFanOut>[0] & { readonly actions: unknown; readonly state?: unknown }

/** Compiles a map over actions. */
export function compileMapActions(options: Loose): FanOut {
  const { actions, state } = options
  return createFanOut(options, acceptedBy(actions), { kind: 'actions', actions, state })
}

/** Opens the source of a map over actions. */
export function openMapActions(source: BranchSource & { readonly kind: 'actions' }, given: FanOutArgs): TaskSource {
  const { subject, ...args } = given
  const states = new BranchStates(subject, args.state)
  const shared = callSource(source.state, args)
  const toBranch = (thing: unknown): AnyRunnable => assertRunnable(subject, 'actions', thing)
  return {
    entries: entriesOf(subject, 'actions', callSource(source.actions, args)),
    keyOf: keyOfEntry,
    toTask: (placed, index) => {
      const parsed = parseEntry(subject, 'actions', placed)
      const branch = toBranch(parsed.thing)
      return toTask(parsed, index, branch, states.over('state', branch, shared), placed.name)
    },
  }
}
