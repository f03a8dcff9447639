import { GraphError, type GraphIssue } from '../errors.js'
import { describeValue, isPlainObject } from '../internal/guards.js'
import { list, suggest } from '../internal/nearest.js'
import type { OneOrMany } from '../internal/type-tools.js'
import type { CompiledGraph, Plan, PlanNode } from './plan.js'
import { reachable, settableKeys } from './reach.js'

/** A halt: the name of an action, or a tag shared by several. */
export type Halt<Names, Tags> = Names | { readonly tag: Tags }
export type Halts = OneOrMany<Halt<string, string>> | undefined

/** A plan with its warnings. */
export interface CheckedPlan {
  readonly plan: Plan
  readonly warnings: readonly GraphIssue[]
}

/**
 * Resolves halts to the actions they name.
 * @param field name of the option, for messages
 * @throws {GraphError} for every unknown name or tag
 */
export function resolveHalts(graph: CompiledGraph, halts: Halts, field: string): ReadonlySet<PlanNode> {
  const issues: GraphIssue[] = []
  const nodes = collectHalts(graph, halts, field, issues)
  if (issues.length > 0) throw new GraphError(issues)
  return nodes
}

function collectHalts(graph: CompiledGraph, halts: Halts, at: string, issues: GraphIssue[]): Set<PlanNode> {
  const nodes = new Set<PlanNode>()
  const wanted =
    halts === undefined
      ? []
      : Array.isArray(halts)
        ? (halts as readonly Halt<string, string>[])
        : [halts as Halt<string, string>]
  for (const halt of wanted) {
    if (typeof halt === 'string') {
      const node = graph.nodes.get(halt)
      if (node !== undefined) nodes.add(node)
      else
        issues.push({
          kind: 'unknown-name',
          at,
          message: `There is no action "${halt}". ${suggest(halt, graph.nodes.keys(), 'actions')}`,
        })
      continue
    }
    if (!isPlainObject(halt)) {
      const message = `This is ${describeValue(halt)}. It takes the name of an action, { tag }, or a list of these.`
      issues.push({ kind: 'unknown-name', at, message })
      continue
    }
    const tagged = graph.list.filter(({ parts }) => parts.tags.includes(halt.tag))
    for (const node of tagged) nodes.add(node)
    if (tagged.length > 0) continue
    const tags = new Set(graph.list.flatMap(({ parts }) => parts.tags))
    issues.push({
      kind: 'unknown-name',
      at,
      message: `No action has the tag "${halt.tag}". ${suggest(halt.tag, tags, 'tags')}`,
    })
  }
  return nodes
}

/**
 * Gives a graph its entrypoint and halts.
 * @param more returns further issues, if the initial state is known: {@link unwrittenReads}
 * @throws {GraphError} with every unknown name, every unreachable halt and every further issue
 */
export function checkPlan(
  graph: CompiledGraph,
  entry: string,
  halts: Halts,
  more?: (entrypoint: PlanNode) => readonly GraphIssue[],
): CheckedPlan {
  const issues: GraphIssue[] = []
  const entrypoint = graph.nodes.get(entry)
  if (entrypoint === undefined) {
    const hint = suggest(String(entry), graph.nodes.keys(), 'actions')
    const message =
      entry === undefined ? `It must name the first action. ${hint}` : `There is no action "${entry}". ${hint}`
    issues.push({ kind: 'unknown-name', at: 'entrypoint', message })
  }
  const haltAfter = collectHalts(graph, halts, 'haltAfter', issues)
  if (entrypoint === undefined) throw new GraphError(issues)
  const seen = reachable(entrypoint)
  for (const node of haltAfter) {
    if (seen.has(node)) continue
    const message = `"${node.name}" cannot be reached from "${entry}", so the run would never halt there.`
    issues.push({ kind: 'unreachable-halt', at: 'haltAfter', message })
  }
  if (more !== undefined) for (const issue of more(entrypoint)) issues.push(issue)
  if (issues.length > 0) throw new GraphError(issues)
  const warnings = graph.list
    .filter((node) => !seen.has(node))
    .map(
      ({ name }): GraphIssue => ({
        kind: 'unreachable-action',
        at: `actions.${name}`,
        message: `No transition leads from "${entry}" to "${name}".`,
      }),
    )
  return { plan: { graph, entrypoint, haltAfter }, warnings }
}

/**
 * Reads of reachable actions that neither the initial state nor an earlier action can have set.
 * @param given keys of the initial state
 */
export function unwrittenReads(graph: CompiledGraph, entrypoint: PlanNode, given: readonly string[]): GraphIssue[] {
  const defaults = [...Object.keys(graph.rules.defaults ?? {}), ...(graph.rules.schema?.filled ?? [])]
  const issues: GraphIssue[] = []
  for (const [node, keys] of settableKeys(entrypoint, [...given, ...defaults])) {
    const missing = node.parts.reads.required.filter((key) => !keys.has(key))
    if (missing.length === 0) continue
    const at = node === entrypoint ? 'state' : `actions.${node.name}`
    const kind = node === entrypoint ? 'missing-state' : 'unwritten-read'
    const message = `${whyUnset(graph, node, missing)} Give ${missing.length === 1 ? 'it' : 'them'} in the initial state.`
    issues.push({ kind, at, message })
  }
  return issues
}

function whyUnset(graph: CompiledGraph, node: PlanNode, missing: readonly string[]): string {
  const writers = graph.list.filter(({ parts }) => missing.some((key) => parts.writes.includes(key)))
  const reason =
    writers.length === 0
      ? 'no action writes'
      : `only ${list(writers.map(({ name }) => name))} can write, later or on another path`
  return `"${node.name}" reads ${list(missing)}, which ${reason}.`
}

const startable = new WeakMap<Plan, Set<string>>()

/**
 * Checks that a plan can run on a state with these keys. The first action is skipped, since it checks its own reads.
 * Cached per set of keys.
 * @returns the reason why it cannot run; undefined when it can
 */
export function cannotStart(plan: Plan, given: readonly string[]): string | undefined {
  const known = startable.get(plan) ?? new Set()
  const keys = JSON.stringify(given)
  if (known.has(keys)) return undefined
  for (const [node, set] of settableKeys(plan.entrypoint, given)) {
    const missing = node.parts.reads.required.filter((key) => !set.has(key))
    if (missing.length > 0 && node !== plan.entrypoint) return whyUnset(plan.graph, node, missing)
  }
  startable.set(plan, known.add(keys))
  return undefined
}
