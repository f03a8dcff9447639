import type { Inputs } from '../action/inputs.js'
import { encode } from '../codec/encode.js'
import type { Edge, Plan } from '../graph/plan.js'
import { planOf } from '../graph/plan-of.js'
import { hashId } from '../internal/ids.js'
import type { State } from '../state/freeze.js'
import type { BranchTask } from './task.js'

const plans = new WeakMap<Plan, string>()

/**
 * Identifies a runnable by what is declared: names, writes, the shape of its transitions, where it starts and halts.
 * Nothing that a build changes is part of it: no name of a function, no source text. Reads are not part of it either,
 * so a branch stays the same when its actions read one key more.
 */
function fingerprintOf(plan: Plan): string {
  let print = plans.get(plan)
  if (print === undefined) {
    const nodes = plan.graph.list.map(({ name, parts, edges, errorEdges }) => [
      name,
      parts.writes,
      edges.map(shapeOf),
      errorEdges.map(shapeOf),
    ])
    print = hashId([nodes, plan.entrypoint.name, [...plan.haltAfter].map(({ name }) => name)])
    plans.set(plan, print)
  }
  return print
}

const shapeOf = ({ to, test }: Edge): readonly [string, 0 | 1] => [to.name, test === undefined ? 0 : 1]

/** How much of a hash tells entries apart. */
const LENGTH = 20

/**
 * A hash of what an entry is: what runs, what it starts on beside what the map reads, and its own inputs.
 * @param base what the map reads: the same for all its branches
 */
export function hashOfTask({ branch, state, inputs }: BranchTask, base: State): string {
  const own = Object.keys(state).flatMap((key) => (Object.is(state[key], base[key]) ? [] : [[key, wordOf(state[key])]]))
  const given = Object.keys(inputs).map((name) => [name, wordOf(inputs[name])])
  return hashId([fingerprintOf(planOf(branch).plan), own, given]).slice(0, LENGTH)
}

/** A hash of how an application begins that an action makes by hand. */
export function hashOfBeginning(plan: Plan, state: State, inputs: Inputs): string {
  const words = (record: Readonly<Record<string, unknown>>): unknown =>
    Object.keys(record)
      .sort()
      .map((name) => [name, wordOf(record[name])])
  return hashId([fingerprintOf(plan), words(state), words(inputs)]).slice(0, LENGTH)
}

/** An input that cannot be stored, a client for one, is compared by its presence alone: a build may rename its class. */
function wordOf(value: unknown): string {
  try {
    return encode(value)
  } catch {
    return typeof value
  }
}
