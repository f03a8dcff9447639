import type { State } from '../state/freeze.js'
import { createViews } from '../state/view.js'
import type { PlanNode } from './plan.js'

/** The view of a state for an action. Compiled lazily, once per node, so that declaring costs nothing. */
export function viewOf(node: PlanNode, state: State): State {
  node.views ??= createViews(node.subject, node.parts.reads, node.keys)
  return node.views(state)
}
