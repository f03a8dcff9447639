import type { PlanNode } from './plan.js'

const followers = (node: PlanNode): PlanNode[] => [...node.edges, ...node.errorEdges].map((edge) => edge.to)

/** The actions that can run in a run that starts at `from`. */
export function reachable(from: PlanNode): ReadonlySet<PlanNode> {
  const seen = new Set([from])
  for (const node of seen) for (const next of followers(node)) seen.add(next)
  return seen
}

/** For each reachable action, the keys that may be set when it starts. */
export function settableKeys(from: PlanNode, initial: Iterable<string>): ReadonlyMap<PlanNode, ReadonlySet<string>> {
  const before = new Map<PlanNode, Set<string>>([[from, new Set(initial)]])
  const work = [from]
  for (let node = work.pop(); node !== undefined; node = work.pop()) {
    const arriving = before.get(node) ?? new Set<string>()
    for (const edge of node.edges) flow(edge.to, [...arriving, ...node.parts.writes], before, work)
    for (const edge of node.errorEdges) flow(edge.to, arriving, before, work)
  }
  return before
}

function flow(to: PlanNode, keys: Iterable<string>, before: Map<PlanNode, Set<string>>, work: PlanNode[]): void {
  const known = before.get(to)
  const set = known ?? new Set<string>()
  const size = set.size
  for (const key of keys) set.add(key)
  if (known === undefined) before.set(to, set)
  if (known === undefined || set.size > size) work.push(to)
}
