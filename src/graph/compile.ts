import type { AnyRunnable } from '../action/action.js'
import { partsOf } from '../action/make-action.js'
import { GraphError, type GraphIssue } from '../errors.js'
import { describeValue, isObject, isPlainObject } from '../internal/guards.js'
import { suggest } from '../internal/nearest.js'
import { equal } from '../state/equal.js'
import type { StateRules } from '../state/schema.js'
import { conditionName } from './condition.js'
import { assembleGraph, type CompiledGraph, createNode, type Edge, type PlanNode } from './plan.js'
import { type DeclaredTransition, declaredTransitions, toEdge } from './transition.js'

/** A declared graph, without its types. */
export interface DeclaredGraph {
  readonly actions: Readonly<Record<string, AnyRunnable>>
  readonly transitions?: Readonly<Record<string, unknown>> | undefined
  readonly onError?: Readonly<Record<string, unknown>> | undefined
}

type Nodes = ReadonlyMap<string, PlanNode & { edges: Edge[]; errorEdges: Edge[] }>

/**
 * Compiles a declared graph.
 * @throws {GraphError} with every unknown name, duplicate and shadowed transition
 */
export function compileGraph(declared: DeclaredGraph, rules: StateRules): CompiledGraph {
  const issues: GraphIssue[] = []
  const nodes = createNodes(declared.actions, issues)
  connect(nodes, 'transitions', declared.transitions, issues)
  connect(nodes, 'onError', declared.onError, issues)
  if (issues.length > 0) throw new GraphError(issues)
  return assembleGraph(nodes, rules)
}

function createNodes(actions: DeclaredGraph['actions'], issues: GraphIssue[]): Nodes {
  const nodes = new Map<string, PlanNode & { edges: Edge[]; errorEdges: Edge[] }>()
  if (!isPlainObject(actions)) {
    issues.push({ kind: 'bad-name', at: 'actions', message: noRecord(actions, '{ name: action }') })
    return nodes
  }
  const keys = new Set<string>()
  for (const [name, action] of Object.entries(actions)) {
    const parts = isObject(action) ? partsOf(action) : undefined
    const at = `actions.${name}`
    if (name === '') issues.push({ kind: 'bad-name', at, message: 'An action needs a non-empty name.' })
    else if (parts === undefined) issues.push({ kind: 'bad-name', at, message: notAnAction(action) })
    else nodes.set(name, createNode(name, nodes.size, parts, keys))
  }
  if (nodes.size === 0 && issues.length === 0) {
    issues.push({ kind: 'unknown-name', at: 'actions', message: 'A graph needs at least one action.' })
  }
  return nodes
}

function noRecord(value: unknown, shape: string): string {
  return `This is ${describeValue(value)}. It takes a record: ${shape}.`
}

function notAnAction(value: unknown): string {
  const graph = isObject(value) && 'kind' in value && value.kind === 'graph'
  if (graph) return 'This is a runnable graph. Wrap it: subgraph({ graph, reads, writes, state, reduce }).'
  return `This is ${describeValue(value)}, not an action. Make one with action({ … }) or a map action.`
}

function connect(
  nodes: Nodes,
  field: 'transitions' | 'onError',
  declared: DeclaredGraph['transitions'],
  issues: GraphIssue[],
): void {
  if (declared !== undefined && !isPlainObject(declared)) {
    issues.push({ kind: 'bad-transition', at: field, message: noRecord(declared, '{ from: to }') })
    return
  }
  for (const [from, list] of Object.entries(declared ?? {})) {
    const node = nodes.get(from)
    const at = `${field}.${from}`
    if (node === undefined) {
      issues.push({
        kind: 'unknown-name',
        at,
        message: `There is no action "${from}". ${suggest(from, nodes.keys(), 'actions')}`,
      })
      continue
    }
    const transitions = declaredTransitions(list as Parameters<typeof declaredTransitions>[0])
    if (transitions === undefined) {
      const message = `This is ${describeValue(list)}. It takes the name of an action, or a list: [{ to, when }, { to }].`
      issues.push({ kind: 'bad-transition', at, message })
      continue
    }
    for (const issue of hidden(transitions, at)) issues.push(issue)
    transitions.forEach((transition, i) => {
      const to = nodes.get(transition.to)
      const place = transitions.length === 1 ? at : `${at}[${i}]`
      if (transition.fault !== undefined) {
        issues.push({ kind: 'bad-transition', at: place, message: transition.fault })
      } else if (to === undefined) {
        const hint = suggest(transition.to, nodes.keys(), 'actions')
        issues.push({
          kind: 'unknown-name',
          at: place,
          message: `There is no action "${transition.to}" to go to. ${hint}`,
        })
      } else node[field === 'transitions' ? 'edges' : 'errorEdges'].push(toEdge(transition, to))
    })
  }
}

/** Finds transitions that can never be taken. */
function hidden(transitions: readonly DeclaredTransition[], at: string): GraphIssue[] {
  const issues: GraphIssue[] = []
  const always = transitions.findIndex(({ when }) => when === undefined)
  transitions.forEach((transition, i) => {
    const twin = transitions.findIndex((other) => same(other, transition))
    if (always !== -1 && i > always) {
      const message = `Unreachable: ${at}[${always}] always matches first. Put the unconditional transition last.`
      issues.push({ kind: 'shadowed', at: `${at}[${i}]`, message })
    } else if (twin !== i) {
      const message = `Unreachable: ${at}[${twin}] has the same condition ("${transition.name ?? conditionName(transition.when)}"). Remove one of them.`
      issues.push({ kind: 'duplicate', at: `${at}[${i}]`, message })
    }
  })
  return issues
}

function same(a: DeclaredTransition, b: DeclaredTransition): boolean {
  if (a.when === b.when) return true
  return typeof a.when === 'object' && typeof b.when === 'object' && equal(a.when, b.when)
}
