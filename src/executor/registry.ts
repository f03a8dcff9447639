import type { AnyRunnable } from '../action/action.js'
import type { Executor } from '../action/executor.js'
import { type Inputs, NO_INPUTS } from '../action/inputs.js'
import { partsOf } from '../action/make-action.js'
import type { Plan } from '../graph/plan.js'
import { planOf } from '../graph/plan-of.js'
import { describeValue, isPlainObject } from '../internal/guards.js'
import { list, suggest } from '../internal/nearest.js'
import { checkOptions } from '../internal/options.js'
import type { CodeRef } from './driver.js'
import { codeFingerprint } from './outline.js'

// Owns: the names under which runnables are found in another place.
// R1  Code never crosses: a worker imports the module of the registry, and looks the runnable up by its name.

/** Options of {@link defineRegistry}. */
export interface RegistryOptions {
  /** Its name in messages, and for workers that are given their registries. */
  readonly name: string
  /**
   * `import.meta.url` of the module that defines it and exports it. Workers on this machine import that module, so it
   * must do nothing else when it is imported: no server, no `app.run()`. May be left out where every worker is given
   * its registries.
   */
  readonly module?: string
  /** Runnables that may run elsewhere, by name: actions, map actions, graphs with an entrypoint. */
  readonly graphs: Readonly<Record<string, AnyRunnable>>
  /**
   * Executors that maps inside a worker may use. A map there whose `executor` is not listed runs its branches in that
   * worker. Default: none.
   */
  readonly executors?: readonly Executor[]
}

/** Runnables by name, for executors that run them in another thread, process or machine. */
export interface Registry {
  readonly name: string
  readonly module: string | undefined
  /** The names of its runnables. */
  readonly names: readonly string[]
  /** @hidden */
  readonly '~registry': RegistryParts
}

/** The inside of a registry. */
interface RegistryParts {
  readonly graphs: ReadonlyMap<string, AnyRunnable>
  readonly executors: ReadonlySet<Executor>
}

/** A runnable of a registry. */
interface Registered {
  readonly registry: Registry
  readonly name: string
  readonly bound: Inputs
}

/** By runnable; and by the plan of a graph, or the origin of an action, which copies with bound inputs share. */
const registered = new WeakMap<object, Registered>()

/**
 * Names the runnables of a module, so that an executor can run them in another thread, process or machine: a worker
 * imports the module and looks them up. Nothing is sent as source text.
 *
 * Define it at the top level of a module without side effects, and export it.
 * @throws {TypeError} for a value that is no runnable, and for an invalid name or module
 *
 * @example
 * ```ts
 * const kit = defineState<{ text: string; words: number }>()
 * const count = kit.action({
 *   reads: ['text'],
 *   writes: ['words'],
 *   run: ({ state }) => ({ words: state.text.split(' ').length }),
 * })
 * const registry = defineRegistry({ name: 'texts', module: import.meta.url, graphs: { count } })
 * ```
 */
export function defineRegistry(options: RegistryOptions): Registry {
  checkOptions('defineRegistry', options, 'name module graphs executors')
  const { name, module, graphs, executors = [] } = options
  if (typeof name !== 'string' || name === '')
    throw new TypeError(`The name of the registry is ${describeValue(name)}. It takes a text: 'texts'.`)
  if (module !== undefined && !(typeof module === 'string' && URL.canParse(module)))
    throw new TypeError(
      `The module of the registry "${name}" is ${describeValue(module)}. It takes import.meta.url of the module that exports it.`,
    )
  if (!isPlainObject(graphs))
    throw new TypeError(
      `The graphs of the registry "${name}" are ${describeValue(graphs)}. They take { name: runnable }.`,
    )
  const entries = Object.entries(graphs)
  const wrong = entries.filter(([, one]) => !isRunnable(one))
  if (wrong.length > 0)
    throw new TypeError(
      `The registry "${name}" takes actions and runnable graphs. ${list(wrong.map(([key]) => key))} ${wrong.length === 1 ? 'is' : 'are'} neither. A graph runs by graph.runnable({ entrypoint }).`,
    )
  const registry: Registry = Object.freeze({
    name,
    module,
    names: Object.freeze(entries.map(([key]) => key)),
    '~registry': { graphs: new Map(entries), executors: new Set(executors) },
  })
  for (const [key, runnable] of entries) enter(registry, key, runnable)
  return registry
}

function isRunnable(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (partsOf(value as AnyRunnable) !== undefined) return true
  try {
    return planOf(value as AnyRunnable) !== undefined
  } catch {
    return false
  }
}

function enter(registry: Registry, name: string, runnable: AnyRunnable): void {
  const { plan, bound } = planOf(runnable)
  const entry = { registry, name, bound }
  registered.set(runnable, entry)
  const shared = partsOf(runnable)?.origin ?? plan
  if (!registered.has(shared)) registered.set(shared, entry)
}

/** A runnable as it crosses: its name, and the inputs that are bound here and not there. */
export interface NamedCode {
  readonly code: CodeRef
  readonly bound: Inputs
}

/**
 * Looks up the name of a runnable.
 * @param plan its plan, as its map runs it
 * @param bound all inputs that are bound to it
 * @returns undefined for a runnable that no registry has
 */
export function namedCode(runnable: AnyRunnable, plan: Plan, bound: Inputs): NamedCode | undefined {
  const origin = partsOf(runnable)?.origin
  const entry = registered.get(runnable) ?? registered.get(origin ?? plan)
  if (entry === undefined) return undefined
  const own = Object.entries(bound).filter(([key, value]) => !Object.is(value, entry.bound[key]))
  const code = codeOf(entry, plan, origin !== undefined)
  return { code, bound: own.length === 0 ? NO_INPUTS : Object.fromEntries(own) }
}

/** The names of plans: one object for all branches of a plan. */
const codes = new WeakMap<Plan, { readonly entry: Registered; readonly code: CodeRef }>()

function codeOf(entry: Registered, plan: Plan, single: boolean): CodeRef {
  const known = codes.get(plan)
  if (known?.entry === entry) return known.code
  const { registry, name } = entry
  const code: CodeRef = Object.freeze({
    registry: registry.name,
    name,
    module: registry.module,
    action: single ? plan.entrypoint.name : undefined,
    fingerprint: codeFingerprint(plan),
  })
  codes.set(plan, { entry, code })
  return code
}

/** The plan of a runnable in its registry, and the inputs that are bound there. */
export interface FoundCode {
  readonly plan: Plan
  readonly bound: Inputs
  /** The executors that maps below may use; undefined where they may use any. */
  readonly executors: ReadonlySet<Executor> | undefined
}

/** @throws {TypeError} for a name that the registry lacks */
export function findCode(registry: Registry, { name, action }: CodeRef): FoundCode {
  const { graphs, executors } = registry['~registry']
  const runnable = graphs.get(name)
  if (runnable === undefined)
    throw new TypeError(`The registry "${registry.name}" has no "${name}". ${suggest(name, registry.names, 'names')}`)
  return { ...planOf(runnable, { key: action }), executors }
}

/** True for a registry, also of another copy of the package. */
export const isRegistry = (value: unknown): value is Registry =>
  typeof value === 'object' && value !== null && '~registry' in value
