import type { Inputs } from '../action/inputs.js'
import { encode } from '../codec/encode.js'
import type { Edge, Plan } from '../graph/plan.js'
import { planOf } from '../graph/plan-of.js'
import { hashId } from '../internal/ids.js'
import type { State } from '../state/freeze.js'
import type { BranchTask } from './task.js'

const plans = new WeakMap<Plan, string>()

/**
 * Identifies a runnable by its declaration: names, writes, the shape of its transitions, entrypoint and halts. Names of
 * functions and source text are left out, because a build changes them. Reads are left out, so that a branch stays the
 * same when its actions read one more key.
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

/** Length of a hash that distinguishes entries. */
const LENGTH = 20

/**
 * A hash of an entry: its runnable, its own state, and its own inputs.
 * @param base the state that the map reads, which all its branches share
 */
export function hashOfTask({ branch, state, inputs }: BranchTask, base: State): string {
  const own = Object.keys(state).flatMap((key) => (Object.is(state[key], base[key]) ? [] : [[key, wordOf(state[key])]]))
  const given = Object.keys(inputs).map((name) => [name, wordOf(inputs[name])])
  return hashId([fingerprintOf(planOf(branch).plan), own, given]).slice(0, LENGTH)
}

/** A hash of the start of an application made by an action. */
export function hashOfBeginning(plan: Plan, state: State, inputs: Inputs): string {
  const words = (record: Readonly<Record<string, unknown>>): unknown =>
    Object.keys(record)
      .sort()
      .map((name) => [name, wordOf(record[name])])
  return hashId([fingerprintOf(plan), words(state), words(inputs)]).slice(0, LENGTH)
}

/** A value that cannot be stored, such as a client, is compared by its type only: a build may rename its class. */
function wordOf(value: unknown): string {
  try {
    return encode(value)
  } catch {
    return typeof value
  }
}
