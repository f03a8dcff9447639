import type { Plan } from '../../graph/plan.js'
import { cannotStart } from '../../graph/runnable.js'
import { sourceFault } from '../../parallel/entries.js'
import type { BranchTask } from '../../parallel/task.js'
import { equal } from '../../state/equal.js'
import type { State } from '../../state/freeze.js'
import { applySchema, fillState, hasSameSchema } from '../../state/schema.js'
import type { LiveMap } from '../tree.js'

// Owns: the state that a branch starts on: over the defaults of its graph, and as its schema has it.

/**
 * The first state of a branch. What a map has read of its own state has passed the schema that both share.
 * @throws {ContractError} for what the schema refuses, and for a graph with a read that nothing can have written
 */
export function enterBranch({ app, step }: LiveMap, { key, branch, state: given }: BranchTask, plan: Plan): State {
  const { rules } = plan.graph
  const { subject } = step.node
  let state = rules.defaults === undefined ? given : Object.freeze({ ...rules.defaults, ...given })
  if (rules.schema !== undefined) {
    const above = app.checkpoint.state
    const mine = app.plan.graph.rules
    const passed = (name: string): boolean =>
      Object.hasOwn(above, name) && hasSameSchema(rules, mine, name) && equal(given[name], above[name])
    const asked = Object.keys(given).filter((name) => !passed(name))
    state = applySchema(rules, `${subject}, branch "${key}"`, state, asked)
  }
  const filled = fillState(rules, state)
  if (branch.kind !== 'graph') return filled
  const fault = cannotStart(plan, Object.keys(filled))
  if (fault === undefined) return filled
  const entry = key === '' ? 'its state' : `the entry "${key}", or let the map read it`
  throw sourceFault(
    subject,
    `${key === '' ? 'its graph' : `branch "${key}"`} cannot run: ${fault} Give that in ${entry}.`,
  )
}
