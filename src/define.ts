import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type Declaration, makeAction } from './action/make-action.js'
import { FAILURE_OPTIONS, type LoosePolicy, parsePolicy } from './action/retry.js'
import { createGraph } from './application/runnable.js'
import type { StateKit } from './application/state-kit.js'
import type { DeclaredGraph } from './graph/compile.js'
import { assertFunction, checkOptions } from './internal/options.js'
import type { None } from './internal/type-tools.js'
import { compileMapActions } from './parallel/map-actions.js'
import { compileMapProduct } from './parallel/map-product.js'
import { compileMapStates } from './parallel/map-states.js'
import { compileParallel } from './parallel/parallel.js'
import { compileSubgraph } from './parallel/subgraph.js'
import { freezeAll, type State } from './state/freeze.js'
import {
  applySchema,
  compileSchema,
  issuesOf,
  refuseUnknownKeys,
  type StateRules,
  type StateSchema,
} from './state/schema.js'
import type { FilledKeys, GivenTo, StateIn, StateOut, StateSpec } from './state/spec.js'

/** What `defineState(schema, …)` takes beside the schema. */
export interface StateOptions<D> {
  /**
   * Values that keys have before anything was given or written; they need not be given. Default: none. Where each key
   * has a schema, those that give a value for `undefined` are defaults as well.
   */
  readonly defaults?: D
  /** `false`: state is not deep-frozen. Saves the walk through fresh data; nobody promises then that it stays. Default true. */
  readonly freeze?: boolean
}

/**
 * Starts a state that has a Standard Schema (zod, valibot, arktype …) per key, and the kit to make actions and graphs
 * over it.
 *
 * A key is asked about whenever it is given or written: in an initial state, in what an action, a `reduce` or a
 * `fallback` returns, in the entry of a map, in a patch. It then holds what its schema makes of it, so that a schema may
 * trim, coerce and transform. A key whose schema gives a value for `undefined` has a default. The state has the types
 * that the schemas give; initial states, updates and patches are typed by what they take. Entries of maps, and states of
 * tasks and sub-graphs, have the types of the state.
 *
 * `shape` of a zod object and `entries` of a valibot object are such records.
 *
 * What is stored has passed already: it is checked again where it is resumed, and left as it is. Schemas must answer at
 * once.
 * @throws {TypeError} for what is no Standard Schema, for a name that cannot be a key, and for defaults that do not fit
 * @throws {ContractError} for a default that cannot be state
 *
 * @example
 * ```ts
 * const chat = defineState({ prompt: type<string>(), history: type<string[]>({ default: [] }) })
 * ```
 * @see https://standardschema.dev
 */
export function defineState<const Spec extends StateSpec, const D extends Partial<StateIn<Spec>> = None>(
  schemas: Spec,
  options?: StateOptions<D>,
): StateKit<StateOut<Spec>, keyof D | FilledKeys<Spec>, Extract<StateIn<Spec>, GivenTo<StateOut<Spec>>>>
/**
 * Starts a state of a type that nothing checks.
 *
 * @example
 * ```ts
 * const counter = defineState<{ n: number }>()
 * ```
 */
export function defineState<S extends object>(): StateKit<S>
/**
 * Starts a state that one schema of the whole object describes: for checks across keys.
 *
 * It is asked about the whole state whenever a key is given or written, which costs the more the larger the state is. As
 * keys may be unset, only issues of the keys in question count, and issues without a path once all keys fit. What it
 * makes of a value (trimmed, coerced) is taken only where it accepts the whole state, and its defaults are not seen: say
 * those in `defaults`, or give each key a schema of its own.
 *
 * @throws {TypeError} for what is no Standard Schema, and for defaults that do not fit it
 * @throws {ContractError} for a default that cannot be state
 *
 * @example
 * ```ts
 * const counter = defineState(type<{ n: number }>(), { defaults: { n: 0 } })
 * ```
 */
export function defineState<
  Schema extends StandardSchemaV1<unknown, object>,
  const D extends Partial<StandardSchemaV1.InferOutput<Schema>> = None,
>(schema: Schema, options?: StateOptions<D>): StateKit<StandardSchemaV1.InferOutput<Schema>, keyof D>
export function defineState(given?: unknown, options: StateOptions<State> = {}): unknown {
  const schema = compileSchema(given)
  checkOptions('defineState', options, 'defaults freeze')
  const bare: StateRules = { schema, defaults: undefined, freeze: options.freeze ?? true }
  const rules = {
    ...bare,
    defaults: options.defaults === undefined ? undefined : enterDefaults(bare, options.defaults),
  }
  const kit = {
    action: (declared: Declaration & LoosePolicy & { readonly run: (args: never) => unknown }) => {
      checkOptions('action', declared, `${SHARED} run ${FAILURE_OPTIONS}`)
      assertFunction('An action', 'run: ({ state }) => update', declared.run)
      return makeAction(declared, { kind: 'run', run: declared.run, policy: parsePolicy(declared) } as never, schema)
    },
    mapActions: fanOutMaker('mapActions', `${FAN_OUT} actions state`, compileMapActions, schema),
    mapStates: fanOutMaker('mapStates', `${FAN_OUT} action states`, compileMapStates, schema),
    mapActionsAndStates: fanOutMaker('mapActionsAndStates', `${FAN_OUT} actions states`, compileMapProduct, schema),
    parallel: fanOutMaker('parallel', `${FAN_OUT} tasks`, compileParallel, schema),
    subgraph: fanOutMaker('subgraph', `${SHARED} graph state reduce ${FAILURE_OPTIONS}`, compileSubgraph, schema),
    graph: (declared: DeclaredGraph) => {
      checkOptions('graph', declared, 'actions transitions onError')
      return createGraph(declared, rules)
    },
  }
  return Object.freeze(kit)
}

const SHARED = 'reads writes inputs tags name'
const FAN_OUT = `${SHARED} settle concurrency persister tracker watch reduce reduceEach reduceLive initial order ${FAILURE_OPTIONS}`

function fanOutMaker<O>(
  name: string,
  known: string,
  compile: (options: O) => Parameters<typeof makeAction>[1],
  schema: StateSchema | undefined,
): (options: O & Declaration) => object {
  return (options) => {
    checkOptions(name, options, known)
    return makeAction(options, compile(options), schema)
  }
}

function enterDefaults(rules: StateRules, defaults: State): State {
  const keys = Object.keys(defaults)
  const held = freezeAll(defaults, 'The defaults')
  const issues = issuesOf(rules, defaults, keys)
  if (issues.length > 0) throw new TypeError(`The defaults do not fit the schema: ${issues.join('; ')}.`)
  refuseUnknownKeys(rules, 'The record of defaults', keys)
  return applySchema(rules, 'The defaults', Object.freeze({ ...held }), keys)
}
