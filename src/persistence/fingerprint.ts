import type { AnyBranch } from '../action/action.js'
import type { Plan } from '../graph/plan.js'
import { planOf } from '../graph/plan-of.js'
import { describeValue } from '../internal/guards.js'
import { hashId } from '../internal/ids.js'
import type { BranchTask } from '../parallel/task.js'
import type { State } from '../state/freeze.js'
import { encode } from './codec.js'

const plans = new WeakMap<Plan, string>()

/** What a runnable is, as far as its declaration says: names, reads, writes, transitions, where it starts and halts. */
function fingerprintOf(branch: AnyBranch): string {
  const { plan } = planOf(branch)
  let print = plans.get(plan)
  if (print === undefined) {
    const nodes = plan.graph.list.map(({ name, parts, edges, errorEdges }) => [
      name,
      parts.reads.names,
      parts.writes,
      edges.map(({ to, name: condition }) => [to.name, condition]),
      errorEdges.map(({ to, name: condition }) => [to.name, condition]),
    ])
    print = hashId([nodes, plan.entrypoint.name, [...plan.haltAfter].map(({ name }) => name)])
    plans.set(plan, print)
  }
  return print
}

/** How much of a hash tells entries apart. */
const LENGTH = 20

/**
 * A hash of what an entry is: what runs, what it starts on beside what the map reads, and its own inputs.
 * @param base what the map reads: the same for all its branches
 */
export function hashOfTask({ branch, state, inputs }: BranchTask, base: State): string {
  const own = Object.keys(state).flatMap((key) => (Object.is(state[key], base[key]) ? [] : [[key, told(state[key])]]))
  const given = Object.keys(inputs).map((name) => [name, told(inputs[name])])
  return hashId([fingerprintOf(branch), own, given]).slice(0, LENGTH)
}

/** Inputs may be what cannot be stored, a client for one: that one is there is all that is compared. */
function told(value: unknown): string {
  try {
    return encode(value)
  } catch {
    return describeValue(value)
  }
}
