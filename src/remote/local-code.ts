import { NO_INPUTS } from '../action/inputs.js'
import type { FoundCode } from '../executor/registry.js'
import type { Plan } from '../graph/plan.js'

// Owns: the names of code that both ends of a channel in one program share, so that it needs no registry.

/** The name of the registry that stands for this program. */
export const LOCAL = ''

const names = new WeakMap<Plan, string>()
const plans = new Map<string, WeakRef<Plan>>()
const ended = new FinalizationRegistry<string>((name) => void plans.delete(name))
let count = 0

/** The name of a plan in this program. */
export function nameOfPlan(plan: Plan): string {
  const known = names.get(plan)
  if (known !== undefined) return known
  const name = `plan-${count++}`
  names.set(plan, name)
  plans.set(name, new WeakRef(plan))
  ended.register(plan, name)
  return name
}

/** @throws {TypeError} for a name that this program lacks */
export function localCodeOf(name: string): FoundCode {
  const plan = plans.get(name)?.deref()
  if (plan === undefined) throw new TypeError(`This program has no "${name}".`)
  return { plan, bound: NO_INPUTS, executors: undefined }
}
