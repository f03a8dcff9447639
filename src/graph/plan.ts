import type { Accepts, ActionParts } from '../action/action.js'
import type { StateRules } from '../state/schema.js'
import type { ViewOf } from '../state/view.js'
import type { Predicate } from './condition.js'

/** A compiled transition. */
export interface Edge {
  readonly to: PlanNode
  readonly name: string
  readonly test: Predicate | undefined
}

/** An action in a graph. */
export interface PlanNode {
  readonly name: string
  readonly index: number
  /** Subject of messages about it: `Action "ask"`. */
  readonly subject: string
  readonly parts: ActionParts
  /** Every key that an action of the graph reads or writes. */
  readonly keys: ReadonlySet<string>
  /** What makes the views of its reads; made when a run first takes the action. */
  views: ViewOf | undefined
  readonly edges: readonly Edge[]
  readonly errorEdges: readonly Edge[]
  /** True when it declares inputs. */
  readonly takesInputs: boolean
  /** True when any of its inputs is bound. */
  readonly bindsInputs: boolean
}

/** The nodes of a graph, and the facts derived from all of them. */
export interface CompiledGraph {
  readonly nodes: ReadonlyMap<string, PlanNode>
  readonly list: readonly PlanNode[]
  readonly rules: StateRules
  /** Every key that any action reads or writes. */
  readonly keys: ReadonlySet<string>
  /** Every input that any action accepts. */
  readonly accepts: Accepts
}

/** A graph with an entrypoint and halts: the program of an application. */
export interface Plan {
  readonly graph: CompiledGraph
  readonly entrypoint: PlanNode
  /** Halts of the plan itself, in addition to those of a run. */
  readonly haltAfter: ReadonlySet<PlanNode>
}

/**
 * Makes a node without its transitions, which need all nodes.
 * @param keys key set of the whole graph, to which each node adds its own
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
    keys,
    views: undefined,
    edges: [],
    errorEdges: [],
    takesInputs: Object.keys(parts.spec).length > 0,
    bindsInputs: Object.keys(parts.bound).length > 0 || Object.keys(parts.fromState).length > 0,
  }
}

/** Derives the facts of a graph from its nodes. */
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

/** The inputs that a run can give to an action: its own and those passed on, except bound ones. */
export function acceptedNames(parts: ActionParts): ReadonlySet<string> {
  const names = new Set([...Object.keys(parts.spec), ...(parts.body.accepts?.names ?? [])])
  for (const name of [...Object.keys(parts.bound), ...Object.keys(parts.fromState)]) names.delete(name)
  return names
}

const NOTHING: ReadonlySet<PlanNode> = new Set()
/** Maximum number of cached plans per action: names may come from data. */
const KEPT = 1_000
const single = new WeakMap<object, Map<string, Plan>>()

/** A bare action as a graph of one. Cached by name, for all copies that differ only in bound inputs. */
export function singlePlan(parts: ActionParts, name: string): Plan {
  let plans = single.get(parts.origin)
  if (plans === undefined || plans.size > KEPT) {
    plans = new Map()
    single.set(parts.origin, plans)
  }
  let plan = plans.get(name)
  if (plan === undefined) {
    const node = createNode(name, 0, { ...parts, bound: {} }, new Set())
    // The map supplies its reads, so schema defaults do not apply.
    const schema = parts.schema && { ...parts.schema, filled: [] }
    const rules = { schema, defaults: undefined, freeze: true }
    plan = { graph: assembleGraph(new Map([[name, node]]), rules), entrypoint: node, haltAfter: NOTHING }
    plans.set(name, plan)
  }
  return plan
}
