import type { State } from '../state/freeze.js'
import { createViews } from '../state/view.js'
import type { PlanNode } from './plan.js'

/** What an action may read of a state. Compiled once for each node, when a run first asks: to declare costs nothing. */
export function viewOf(node: PlanNode, state: State): State {
  node.views ??= createViews(node.subject, node.parts.reads, node.keys)
  return node.views(state)
}
