import type { Accepts, ActionParts } from '../action/action.js'
import type { StateRules } from '../state/schema.js'
import { createViews, type ViewOf } from '../state/view.js'
import type { Predicate } from './condition.js'

/** A compiled transition. */
export interface Edge {
  readonly to: PlanNode
  readonly name: string
  readonly test: Predicate | undefined
}

/** An action at its place in a graph. */
export interface PlanNode {
  readonly name: string
  readonly index: number
  /** How messages begin that speak of it: `Action "ask"`. */
  readonly subject: string
  readonly parts: ActionParts
  readonly view: ViewOf
  readonly edges: readonly Edge[]
  readonly errorEdges: readonly Edge[]
  /** Whether it declares inputs of its own. */
  readonly takesInputs: boolean
  /** Whether something was bound to its inputs. */
  readonly bindsInputs: boolean
}

/** The nodes of a graph, and what is known of them together. */
export interface CompiledGraph {
  readonly nodes: ReadonlyMap<string, PlanNode>
  readonly list: readonly PlanNode[]
  readonly rules: StateRules
  /** Every key that some action reads or writes. */
  readonly keys: ReadonlySet<string>
  /** Every input that some action takes. */
  readonly accepts: Accepts
}

/** A graph that knows where it starts and where it halts: what an application runs. */
export interface Plan {
  readonly graph: CompiledGraph
  readonly entrypoint: PlanNode
  /** Halts of its own, beside those of a run. */
  readonly haltAfter: ReadonlySet<PlanNode>
}

/**
 * Makes a node without its transitions, which need all nodes.
 * @param keys those of the whole graph: each node adds its own
 */
export function createNode(
  name: string,
  index: number,
  parts: ActionParts,
  keys: Set<string>,
): PlanNode & { edges: Edge[]; errorEdges: Edge[] } {
  const subject = `Action "${name}"`
  for (const key of [...parts.reads.names, ...parts.writes]) keys.add(key)
  return {
    name,
    index,
    subject,
    parts,
    view: createViews(subject, parts.reads, keys),
    edges: [],
    errorEdges: [],
    takesInputs: Object.keys(parts.spec).length > 0,
    bindsInputs: Object.keys(parts.bound).length > 0 || Object.keys(parts.fromState).length > 0,
  }
}

/** What is known of some nodes together. */
export function assembleGraph(nodes: ReadonlyMap<string, PlanNode>, rules: StateRules): CompiledGraph {
  const list = [...nodes.values()]
  return {
    nodes,
    list,
    rules,
    keys: new Set(list.flatMap(({ parts }) => [...parts.reads.names, ...parts.writes])),
    accepts: {
      names: new Set(list.flatMap(({ parts }) => [...acceptedNames(parts)])),
      open: list.some(({ parts }) => parts.body.accepts?.open === true),
    },
  }
}

/** The inputs that a run can give to an action: its own and handed on ones, without those that are bound. */
export function acceptedNames(parts: ActionParts): ReadonlySet<string> {
  const names = new Set([...Object.keys(parts.spec), ...(parts.body.accepts?.names ?? [])])
  for (const name of [...Object.keys(parts.bound), ...Object.keys(parts.fromState)]) names.delete(name)
  return names
}

const NOTHING: ReadonlySet<PlanNode> = new Set()
/** Of how many names of one action the plans are kept: names may come from data. */
const KEPT = 1_000
const single = new WeakMap<object, Map<string, Plan>>()

/** A bare action as a graph of one. Made once for a name, and for all copies that differ only in what is bound. */
export function singlePlan(parts: ActionParts, name: string): Plan {
  let plans = single.get(parts.origin)
  if (plans === undefined || plans.size > KEPT) {
    plans = new Map()
    single.set(parts.origin, plans)
  }
  let plan = plans.get(name)
  if (plan === undefined) {
    const node = createNode(name, 0, { ...parts, bound: {} }, new Set())
    // What it reads is given by its map, so that nothing is filled in.
    const schema = parts.schema && { ...parts.schema, filled: [] }
    const rules = { schema, defaults: undefined, freeze: true }
    plan = { graph: assembleGraph(new Map([[name, node]]), rules), entrypoint: node, haltAfter: NOTHING }
    plans.set(name, plan)
  }
  return plan
}
