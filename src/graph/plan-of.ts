import type { AnyRunnable } from '../action/action.js'
import type { Executor } from '../action/executor.js'
import { type Inputs, NO_INPUTS } from '../action/inputs.js'
import { partsOf } from '../action/make-action.js'
import { acceptedNames, type CompiledGraph, type Plan, singlePlan } from './plan.js'

/** The plan of a branch, and the inputs bound to it. */
export interface BoundPlan {
  readonly plan: Plan
  readonly bound: Inputs
  /** Where it runs as a branch; null for this process; undefined where the map decides. */
  readonly executor?: Executor | null | undefined
}

/** Names for a branch that is a bare action. */
export interface BranchName {
  /** Its key in a record of actions. */
  readonly key?: string | undefined
  /** The name of its map. */
  readonly map?: string | undefined
}

const plans = new WeakMap<object, BoundPlan>()

/** Registers the plan of a runnable graph. */
export function registerPlan(
  runnable: object,
  plan: Plan,
  bound: Inputs = NO_INPUTS,
  executor?: Executor | null | undefined,
): void {
  plans.set(runnable, { plan, bound, executor })
}

/**
 * The plan of a runnable graph, or of a bare action: a graph of one.
 * @param named names for a bare action: its key in a record takes precedence over its own name, the name of its map is
 * the fallback
 * @throws {TypeError} for a value that is neither
 */
export function planOf(branch: AnyRunnable, named: BranchName = {}): BoundPlan {
  const parts = partsOf(branch)
  if (parts === undefined) return planBehind(branch)
  return { plan: singlePlan(parts, named.key ?? parts.name ?? named.map ?? 'action'), bound: parts.bound }
}

/** The plan behind a runnable graph. Apart from bare actions, which only runs make plans of. */
function planBehind(runnable: object): BoundPlan {
  const known = plans.get(runnable)
  if (known === undefined) throw new TypeError('Expected an action, or graph.runnable({ entrypoint }).')
  return known
}

const runnables = new WeakMap<CompiledGraph, Map<string, AnyRunnable>>()

/** A plan as a runnable: the same one for each plan of a graph with the same entrypoint and halts. */
export function runnableOf(plan: Plan): AnyRunnable {
  const { graph, entrypoint, haltAfter } = plan
  const known = runnables.get(graph) ?? new Map<string, AnyRunnable>()
  runnables.set(graph, known)
  const key = [entrypoint, ...haltAfter].map(({ index }) => index).join()
  const found = known.get(key) ?? (Object.freeze({ kind: 'graph' }) as unknown as AnyRunnable)
  registerPlan(found, plan)
  known.set(key, found)
  return found
}

/** The inputs that a run can give to a branch. */
export function inputsOf(branch: AnyRunnable): { readonly names: ReadonlySet<string>; readonly open: boolean } {
  const parts = partsOf(branch)
  if (parts !== undefined) return { names: acceptedNames(parts), open: parts.body.accepts?.open === true }
  const { plan, bound } = planBehind(branch)
  const names = [...plan.graph.accepts.names].filter((name) => !Object.hasOwn(bound, name))
  return { names: new Set(names), open: plan.graph.accepts.open }
}
