import type { Plan } from '../graph/plan.js'
import type { State } from '../state/freeze.js'
import { stateOf } from './crossing.js'
import type { StateChange } from './frames.js'

// Owns: the state of a branch after a step, as it crosses: the keys that the step set to other values.

/** @param whole whether every key counts: a state that is not frozen may have been changed in place */
export function changeOf(before: State, after: State, whole: boolean): StateChange {
  const changed = (key: string): boolean => whole || !Object.is(after[key], before[key]) || !Object.hasOwn(before, key)
  const set = Object.fromEntries(Object.entries(after).filter(([key]) => changed(key)))
  return { set, removed: Object.keys(before).filter((key) => !Object.hasOwn(after, key)) }
}

/** The state after a change that has crossed. */
export function applyChange(plan: Plan, before: State, { set, removed }: StateChange): State {
  const after: Record<string, unknown> = { ...before, ...stateOf(plan, set) }
  for (const key of removed) delete after[key]
  return plan.graph.rules.freeze ? Object.freeze(after) : after
}
