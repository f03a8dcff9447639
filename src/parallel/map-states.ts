import type { AnyRunnable, InputsOf, NeedsOf } from '../action/action.js'
import type { InputSpec, InputsIn } from '../action/inputs.js'
import type { Flat, KeysOf, Name, UnionToIntersection } from '../internal/type-tools.js'
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
import type { UpdateOver } from './map-actions.js'
import type { SettlePolicy } from './settle.js'
import type { EntryOf, IsRecord, ItemsOf, OwnInputs, ThingOf } from './source.js'
import type { BranchTypeOf } from './task.js'

/** The type of an entry's key that is unknown to the branch and the map. */
export interface UnknownKeyOfBranch<Key> {
  readonly unknownKey: Key & never
}

/**
 * The type of one entry: keys that the branch needs and the map does not read are required; all others may be replaced.
 */
export type UpdateFor<B, Start> = UpdateOver<NeedsOf<B>, Start>
export type StatesFit<Src, Update> =
  Exclude<KeysOf<ThingOf<EntryOf<Src>>>, keyof Update> extends infer Extra
    ? [Extra] extends [never]
      ? unknown
      : UnknownKeyOfBranch<Extra>
    : never
export type StateTypes<Src, B, Start> = {
  readonly [K in IsRecord<Src> extends true ? Name<ItemsOf<Src>> : string]: BranchTypeOf<B, Start>
}
type StateInputsLeft<B, E> = E extends unknown ? Omit<InputsOf<B>, OwnInputs<E>> : never
/** The inputs that a map of one branch over these entries requires of a run. */
export type StateInputs<I extends InputSpec, B, Src> = Flat<
  InputsIn<I> & UnionToIntersection<StateInputsLeft<B, EntryOf<Src>>>
>

/** Options of `kit.mapStates({ … })`. */
export interface MapStatesOptions<
  S,
  R extends string,
  W extends keyof S,
  I extends InputSpec,
  P extends SettlePolicy,
  Tag extends string,
  B,
  Src,
  M = unknown,
> extends FanOutOptions<S, W, P, Tag, StateTypes<Src, B, ReadsOf<S, R>>, M> {
  /** State keys visible to sources and `reduce`, and the initial state of every branch. */
  readonly reads: readonly R[]
  /** Inputs of the map, for sources and `reduce`. Inputs of the branches are required of the run in addition. */
  readonly inputs?: I
  /** The runnable of every branch: an action or a runnable graph. */
  readonly action: B
  /**
   * Updates over the reads of the map, one branch each: a record, an array, a generator, or a function that returns
   * one.
   */
  readonly states: Src
}

type Loose = Parameters<typeof createFanOut>[0] & { readonly action: AnyRunnable; readonly states: unknown }

/** Compiles a map over states. */
export function compileMapStates(options: Loose): FanOut {
  const branch = assertRunnable('A map action', 'action', options.action)
  const source = { kind: 'states', branch, states: options.states } as const
  return createFanOut(options, acceptedBy(branch), source)
}

/** Opens the source of a map over states. */
export function openMapStates(source: BranchSource & { readonly kind: 'states' }, given: FanOutArgs): TaskSource {
  const { subject, ...args } = given
  const { branch } = source
  const states = new BranchStates(subject, args.state)
  return {
    entries: entriesOf(subject, 'states', callSource(source.states, args)),
    keyOf: keyOfEntry,
    toTask: (placed, index) => {
      const parsed = parseEntry(subject, 'states', placed)
      return toTask(parsed, index, branch, states.over('states', branch, parsed.thing))
    },
  }
}
