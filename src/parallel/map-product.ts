import type { InputSpec } from '../action/inputs.js'
import { overPolicy } from '../action/retry.js'
import type { Name } from '../internal/type-tools.js'
import type { ReadsOf } from '../state/keys.js'
import { acceptedBy, assertRunnable, BranchStates, callSource, toTask } from './branch-state.js'
import { type Entries, entriesOf, type KeyedEntry, keyOfEntry, type ParsedEntry, parseEntry } from './entries.js'
import {
  type BranchSource,
  createFanOut,
  type FanOut,
  type FanOutArgs,
  type FanOutOptions,
  type TaskSource,
} from './fan-out.js'
import type { SettlePolicy } from './settle.js'
import type { EntryOf, IsRecord, ItemsOf, ThingOf } from './source.js'
import type { BranchTypeOf } from './task.js'

/** Branch types of a product: `action.state` where both sources are records. */
export type ProductTypes<Acts, Src, Start> =
  IsRecord<Acts> extends true
    ? IsRecord<Src> extends true
      ? {
          readonly [A in Name<ItemsOf<Acts>> as `${A}.${Name<ItemsOf<Src>>}`]: BranchTypeOf<
            ThingOf<ItemsOf<Acts>[A]>,
            Start
          >
        }
      : { readonly [key: string]: BranchTypeOf<ThingOf<EntryOf<Acts>>, Start> }
    : { readonly [key: string]: BranchTypeOf<ThingOf<EntryOf<Acts>>, Start> }

/** Options of `kit.mapActionsAndStates({ … })`. */
export interface MapActionsAndStatesOptions<
  S,
  R extends string,
  W extends keyof S,
  I extends InputSpec,
  P extends SettlePolicy,
  Tag extends string,
  Acts,
  Src,
  M = unknown,
> extends FanOutOptions<S, W, P, Tag, ProductTypes<Acts, Src, ReadsOf<S, R>>, M> {
  /** State keys visible to sources and `reduce`, and the initial state of every branch. */
  readonly reads: readonly R[]
  /** Inputs of the map, for sources and `reduce`. Inputs of the branches are required of the run in addition. */
  readonly inputs?: I
  /** The actions; each runs on every state. */
  readonly actions: Acts
  /** The updates; a function is called once, whatever the number of actions. */
  readonly states: Src
}

type Loose = Parameters<typeof createFanOut>[0] & { readonly actions: unknown; readonly states: unknown }

interface Pair {
  readonly action: KeyedEntry
  readonly state: KeyedEntry
  readonly at: readonly [number, number]
}

/** Compiles a map over the product of actions and states: action by action, each over all states. */
export function compileMapProduct(options: Loose): FanOut {
  const { actions, states } = options
  return createFanOut(options, acceptedBy(actions), { kind: 'product', actions, states })
}

/** Opens the source of a map over the product of actions and states. */
export function openMapProduct(source: BranchSource & { readonly kind: 'product' }, given: FanOutArgs): TaskSource {
  const { subject, ...args } = given
  const states = new BranchStates(subject, args.state)
  const actionEntries = entriesOf(subject, 'actions', callSource(source.actions, args))
  const stateEntries = entriesOf(subject, 'states', callSource(source.states, args))
  return {
    entries: product(actionEntries, stateEntries),
    keyOf: ({ entry }) => {
      const { action, state, at } = entry as Pair
      return `${keyOfEntry(action) ?? at[0]}.${keyOfEntry(state) ?? at[1]}`
    },
    toTask: ({ entry }, index) => {
      const pair = entry as Pair
      const action = parseEntry(subject, 'actions', pair.action)
      const state = parseEntry(subject, 'states', pair.state)
      const branch = assertRunnable(subject, 'actions', action.thing)
      const start = states.over('states', branch, state.thing)
      return toTask(join(action, state, pair.at), index, branch, start, pair.action.name)
    },
  }
}

function join(action: ParsedEntry, state: ParsedEntry, [a, s]: readonly [number, number]): ParsedEntry {
  return {
    thing: undefined,
    key: `${action.key ?? a}.${state.key ?? s}`,
    inputs: action.inputs === undefined ? state.inputs : { ...action.inputs, ...state.inputs },
    executor: state.executor === undefined ? action.executor : state.executor,
    ...overPolicy(state, action),
  }
}

const place = (action: KeyedEntry, state: KeyedEntry, a: number, s: number): KeyedEntry => ({
  entry: { action, state, at: [a, s] } satisfies Pair,
  name: undefined,
})

function product(actions: Entries<KeyedEntry>, states: Entries<KeyedEntry>): Entries<KeyedEntry> {
  if (actions.kind === 'known' && states.kind === 'known') {
    const wide = states.length
    return {
      kind: 'known',
      length: actions.length * wide,
      at: (i) => {
        const a = Math.floor(i / wide)
        const s = i % wide
        return place(actions.at(a), states.at(s), a, s)
      },
    }
  }
  if (pulledLate(actions) || pulledLate(states))
    return { kind: 'pulled', waits: true, iterator: pairsAsync(actions, states) }
  return { kind: 'pulled', waits: false, iterator: pairs(actions, states) }
}

const pulledLate = (source: Entries<KeyedEntry>): boolean => source.kind === 'pulled' && source.waits

function* each(source: Entries<KeyedEntry>): Generator<KeyedEntry, void, void> {
  if (source.kind === 'known') for (let i = 0; i < source.length; i++) yield source.at(i)
  else if (!source.waits) yield* { [Symbol.iterator]: () => source.iterator }
}

function* pairs(actions: Entries<KeyedEntry>, states: Entries<KeyedEntry>): Generator<KeyedEntry, void, void> {
  const kept: KeyedEntry[] = []
  let a = 0
  for (const action of each(actions)) {
    let s = 0
    for (const state of a === 0 ? each(states) : kept) {
      if (a === 0) kept.push(state)
      yield place(action, state, a, s++)
    }
    a += 1
  }
}

async function* eachAsync(source: Entries<KeyedEntry>): AsyncGenerator<KeyedEntry, void, void> {
  if (source.kind === 'known' || !source.waits) yield* each(source)
  else yield* { [Symbol.asyncIterator]: () => source.iterator }
}

async function* pairsAsync(
  actions: Entries<KeyedEntry>,
  states: Entries<KeyedEntry>,
): AsyncGenerator<KeyedEntry, void, void> {
  const kept: KeyedEntry[] = []
  let a = 0
  for await (const action of eachAsync(actions)) {
    let s = 0
    if (a > 0) for (const state of kept) yield place(action, state, a, s++)
    else {
      for await (const state of eachAsync(states)) {
        kept.push(state)
        yield place(action, state, a, s++)
      }
    }
    a += 1
  }
}
