import type { AnyRunnable } from '../../action/action.js'
import type { Executor } from '../../action/executor.js'
import { type Inputs, NO_INPUTS, refuseUnknownInputs } from '../../action/inputs.js'
import type { Where } from '../../errors.js'
import type { Plan } from '../../graph/plan.js'
import { inputsOf } from '../../graph/plan-of.js'
import { cannotStart } from '../../graph/runnable.js'
import { sourceFault } from '../../parallel/entries.js'
import { type BranchTask, planOfTask } from '../../parallel/task.js'
import { equal } from '../../state/equal.js'
import type { State } from '../../state/freeze.js'
import { applySchema, fillState, hasSameSchema } from '../../state/schema.js'

// Owns: the inputs and the first state of a branch.

interface Prepared {
  readonly plan: Plan
  readonly bound: Inputs
  readonly executor?: Executor | null | undefined
  readonly forwarded: Inputs
  readonly known: ReadonlySet<string> | undefined
}

/** What a branch is made of, beside its state. */
interface Given {
  readonly plan: Plan
  readonly bound: Inputs
  readonly inputs: Inputs
  /** Where its runnable runs; undefined where the map decides. */
  readonly executor: Executor | null | undefined
}

/** The inputs of branches: those of the parent that a branch declares, overridden by those of its entry. */
export class BranchInputs {
  readonly #raw: Inputs
  readonly #map: string
  readonly #prepared = new WeakMap<AnyRunnable, Prepared>()

  /** @param map the name of the map */
  constructor(raw: Inputs, map: string) {
    this.#raw = raw
    this.#map = map
  }

  /** @throws {InputError} when the entry gives an input that its branch does not take */
  of(subject: string, task: BranchTask, where: () => Where): Given {
    const { plan: shared, bound, executor, forwarded, known } = this.#prepare(task.branch)
    const plan = task.named === undefined ? shared : planOfTask(task, this.#map).plan
    if (task.inputs === NO_INPUTS) return { plan, bound, executor, inputs: forwarded }
    if (known !== undefined) refuseUnknownInputs(`${subject}, branch "${task.key}"`, task.inputs, known, where)
    return { plan, bound, executor, inputs: Object.freeze({ ...forwarded, ...task.inputs }) }
  }

  #prepare(branch: AnyRunnable): Prepared {
    const ready = this.#prepared.get(branch)
    if (ready !== undefined) return ready
    const { names, open } = inputsOf(branch)
    const given = Object.entries(this.#raw).filter(([name]) => open || names.has(name))
    const forwarded = given.length === 0 ? NO_INPUTS : Object.freeze(Object.fromEntries(given))
    const prepared = {
      ...planOfTask({ branch, named: undefined }, this.#map),
      forwarded,
      known: open ? undefined : names,
    }
    this.#prepared.set(branch, prepared)
    return prepared
  }
}

/** The part of a map that the first states of its branches depend on. */
interface MapAbove {
  readonly app: { readonly plan: Plan; readonly checkpoint: { readonly state: State } }
  readonly step: { readonly node: { readonly subject: string } }
}

const withDefaults = ({ graph: { rules } }: Plan, state: State): State =>
  rules.defaults === undefined ? state : Object.freeze({ ...rules.defaults, ...state })

/** @throws {ContractError} for values that the schema refuses */
function checkedState({ app, step }: MapAbove, { key, state: given }: BranchTask, plan: Plan): State {
  const { rules } = plan.graph
  const state = withDefaults(plan, given)
  if (rules.schema === undefined) return state
  const above = app.checkpoint.state
  const mine = app.plan.graph.rules
  const passed = (name: string): boolean =>
    Object.hasOwn(above, name) && hasSameSchema(rules, mine, name) && equal(given[name], above[name])
  const unchecked = Object.keys(given).filter((name) => !passed(name))
  return fillState(rules, applySchema(rules, `${step.node.subject}, branch "${key}"`, state, unchecked))
}

/** The state of a branch that never started: its first one, or what it was given where that fits no schema. */
export function unstartedState(map: MapAbove, task: BranchTask, plan: Plan): State {
  const { rules } = plan.graph
  if (rules.schema === undefined) return withDefaults(plan, task.state)
  try {
    return checkedState(map, task, plan)
  } catch {
    return fillState(rules, withDefaults(plan, task.state))
  }
}

/**
 * The first state of a branch. Values that the map read from its own state have passed a schema that both share.
 * @throws {ContractError} for values that the schema refuses, and for a graph with a read that nothing can have written
 */
export function firstState(map: MapAbove, task: BranchTask, plan: Plan): State {
  const { key, branch } = task
  const { subject } = map.step.node
  const filled = checkedState(map, task, plan)
  if (branch.kind !== 'graph') return filled
  const fault = cannotStart(plan, Object.keys(filled))
  if (fault === undefined) return filled
  const entry = key === '' ? 'its state' : `the entry "${key}", or let the map read it`
  throw sourceFault(
    subject,
    `${key === '' ? 'its graph' : `branch "${key}"`} cannot run: ${fault} Give that in ${entry}.`,
  )
}
