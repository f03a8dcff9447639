import type { ActionBody, AnyRunnable } from '../action/action.js'
import type { Edge, Plan, PlanNode } from '../graph/plan.js'
import { planOf } from '../graph/plan-of.js'
import { hashId } from '../internal/ids.js'

// Owns: the declared structure of a runnable, as lines that two builds can compare.
// O1  Names of functions and source text are left out, because a build changes them.

/** A line for each action, and for each one of a fixed branch below it: its name, what it declares, where it leads. */
export function outlineOf(plan: Plan): readonly string[] {
  const lines: string[] = []
  add(plan, '', lines, new Set())
  return lines
}

const fingerprints = new WeakMap<Plan, string>()

/** A hash of an outline. */
export function codeFingerprint(plan: Plan): string {
  const known = fingerprints.get(plan) ?? hashId(outlineOf(plan)).slice(0, 20)
  fingerprints.set(plan, known)
  return known
}

function add(plan: Plan, above: string, lines: string[], seen: Set<Plan>): void {
  if (seen.has(plan)) return
  seen.add(plan)
  for (const node of plan.graph.list) {
    lines.push(`${above}${lineOf(node, plan)}`)
    const branch = branchOf(node.parts.body)
    if (branch !== undefined) add(planOf(branch, { map: node.name }).plan, `${above}${node.name} › `, lines, seen)
  }
}

function lineOf({ name, parts, edges, errorEdges }: PlanNode, { entrypoint, haltAfter, graph }: Plan): string {
  const marks = [
    ...(entrypoint.name === name && graph.list.length > 1 ? ['first'] : []),
    ...([...haltAfter].some((one) => one.name === name) ? ['halts'] : []),
  ]
  const parted: readonly (readonly [string, readonly string[]])[] = [
    ['reads', [...parts.reads.required, ...parts.reads.optional.map((key) => `${key}?`)]],
    ['writes', parts.writes],
    ['takes', Object.keys(parts.spec)],
    ['then', edges.map(edgeOf)],
    ['on error', errorEdges.map(edgeOf)],
  ]
  const declared = parted.flatMap(([word, names]) => (names.length === 0 ? [] : [`${word} ${names.join(', ')}`]))
  return `${name}${marks.length === 0 ? '' : ` (${marks.join(', ')})`}: ${declared.join('; ')}`
}

const edgeOf = ({ to, test }: Edge): string => (test === undefined ? to.name : `${to.name} by a condition`)

/** The one runnable of a map whose branches all have it. */
const branchOf = (body: ActionBody): AnyRunnable | undefined =>
  (body as { readonly source?: { readonly branch?: AnyRunnable } }).source?.branch

/** The differences between two outlines, for a message. */
export function compareOutlines(here: readonly string[], there: readonly string[]): string {
  const missing = here.filter((line) => !there.includes(line)).map((line) => `here only: ${line}`)
  const added = there.filter((line) => !here.includes(line)).map((line) => `there only: ${line}`)
  return [...missing, ...added].join('\n')
}
