import type { AnyRunnable } from '../../action/action.js'
import { type Inputs, NO_INPUTS, refuseUnknownInputs } from '../../action/inputs.js'
import type { Where } from '../../errors.js'
import type { Plan } from '../../graph/plan.js'
import { inputsOf } from '../../graph/plan-of.js'
import { type BranchTask, planOfTask } from '../../parallel/task.js'

interface Prepared {
  readonly plan: Plan
  readonly bound: Inputs
  readonly forwarded: Inputs
  readonly known: ReadonlySet<string> | undefined
}

/** What each branch of a map is given: the parent's inputs that it declares, under those of its own entry. */
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
  of(
    subject: string,
    task: BranchTask,
    where: () => Where,
  ): { readonly plan: Plan; readonly bound: Inputs; readonly inputs: Inputs } {
    const { plan: shared, bound, forwarded, known } = this.#prepare(task.branch)
    const plan = task.named === undefined ? shared : planOfTask(task, this.#map).plan
    if (task.inputs === NO_INPUTS) return { plan, bound, inputs: forwarded }
    if (known !== undefined) refuseUnknownInputs(`${subject}, branch "${task.key}"`, task.inputs, known, where)
    return { plan, bound, inputs: Object.freeze({ ...forwarded, ...task.inputs }) }
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
