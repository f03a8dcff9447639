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

/** Options of `defineState(schema, …)`. */
export interface StateOptions<D> {
  /**
   * Initial values of keys; callers may then omit them. Default: none. With one schema per key, a schema that supplies
   * a value for `undefined` sets a default as well.
   */
  readonly defaults?: D
  /** `false` skips deep-freezing the state; mutations then go undetected. Default true. */
  readonly freeze?: boolean
}

/**
 * Declares a state with one Standard Schema (zod, valibot, arktype …) per key, and returns the kit to make actions and
 * graphs over it.
 *
 * A key is validated whenever it is set: in an initial state, an update from an action, `reduce` or `fallback`, a map
 * entry, or a patch. The state stores the output of the schema, so a schema may trim, coerce and transform. A key whose
 * schema supplies a value for `undefined` has a default. The state has the output types of the schemas; initial states,
 * updates and patches take their input types. Map entries, and states of tasks and sub-graphs, have the types of the
 * state.
 *
 * `shape` of a zod object and `entries` of a valibot object are such records.
 *
 * Stored values are validated again on resume but keep their stored form. Schemas must be synchronous.
 * @throws {TypeError} for a value that is not a Standard Schema, a name that cannot be a key, or unfit defaults
 * @throws {ContractError} for a default that cannot be stored in a state
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
 * Declares a state from a type alone, without validation.
 *
 * @example
 * ```ts
 * const counter = defineState<{ n: number }>()
 * ```
 *
 */
export function defineState<S extends object>(): StateKit<S>
/**
 * Declares a state validated by one schema for the whole object: for checks across keys.
 *
 * The whole state is validated whenever a key is set, so the cost grows with the state. Keys may be unset: only issues
 * of the keys that were set count, and issues without a path count once all keys fit. The output of the schema
 * (trimmed, coerced) is used only when it accepts the whole state. Its defaults are ignored: declare them in
 * `defaults`, or give each key its own schema.
 *
 * @throws {TypeError} for a value that is not a Standard Schema, or defaults that do not fit it
 * @throws {ContractError} for a default that cannot be stored in a state
 *
 * @example
 * ```ts
 * const counter = defineState(type<{ n: number }>(), { defaults: { n: 0 } })
 * ```
 *
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
const FAN_OUT = `${SHARED} settle concurrency persister tracker executor watch reduce reduceEach reduceLive initial order ${FAILURE_OPTIONS}`

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
