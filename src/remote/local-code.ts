import { NO_INPUTS } from '../action/inputs.js'
import type { FoundCode } from '../executor/registry.js'
import type { Plan } from '../graph/plan.js'

// Owns: what both ends of a channel in one program share by a name or a number: code, which then needs no registry, and
// what the next step of a branch that has ended had done, which is no data.
// L1  Either is forgotten when nothing of the owner refers to it any more.

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

/** The progress of branches within their next steps. */
const kept = new Map<number, object>()
let keeps = 0
const unused = new FinalizationRegistry<number>((id) => void kept.delete(id))

/** Keeps progress until its owner has no use for it. @returns its number, for {@link KeptHere} */
export function keepHere(progress: object): number {
  kept.set(keeps, progress)
  return keeps++
}

export const keptHere = (id: number): object | undefined => kept.get(id)

/** The number of pieces of progress that are kept. */
export const countKept = (): number => kept.size

/** Stands for kept progress with the owner of the branch (L1). */
export class KeptHere {
  readonly id: number

  constructor(id: number) {
    this.id = id
    unused.register(this, id)
  }
}
