import type { Action, AnyRunnable } from '../action/action.js'
import { type Inputs, NO_INPUTS, parseInputs } from '../action/inputs.js'
import { partsOf } from '../action/make-action.js'
import type { FailurePolicy } from '../action/retry.js'
import type { Given } from '../internal/type-tools.js'
import type { Entries, Placed } from '../parallel/entries.js'
import { isFanOut } from '../parallel/fan-out.js'
import type { BranchTask } from '../parallel/task.js'
import type { State } from '../state/freeze.js'
import { assertReads, createViews } from '../state/view.js'

/** One branch that a map action would start. */
export interface PlannedTask extends FailurePolicy {
  readonly key: string
  readonly index: number
  /** What would run. */
  readonly action: AnyRunnable
  /** The whole state that it would start on. */
  readonly state: State
  /** Inputs of its entry alone. */
  readonly inputs: Inputs
}

/**
 * Yields the tasks that a map action compiles to on a state, and runs none of them. For tests, and to see what a map
 * would do.
 *
 * @param action a map action, `parallel` or sub-graph
 * @param options.state what the action reads
 * @param options.inputs what the action declares; inputs that it only hands on are not looked at
 * @throws {TypeError} when the action is no map action
 * @throws {ContractError} for what its source gives and cannot be a task
 * @see Burr `TaskBasedParallelAction.tasks` in burr/core/parallelism.py
 */
export async function* tasksOf<Reads, Inputs_>(
  action: Action<Reads, unknown, Inputs_, unknown, string>,
  options: { readonly state: NoInfer<Reads>; readonly signal?: AbortSignal } & Partial<Given<NoInfer<Inputs_>>>,
): AsyncGenerator<PlannedTask, void, void> {
  const parts = partsOf(action)
  if (parts === undefined || !isFanOut(parts.body))
    throw new TypeError('tasksOf takes a map action, parallel or subgraph.')
  const subject = 'The map action'
  const given = options.state as State
  assertReads(subject, parts.reads, given)
  const raw = { ...options.inputs, ...parts.bound } as Inputs
  const inputs = Object.keys(parts.spec).length === 0 ? NO_INPUTS : parseInputs(subject, parts.spec, raw)
  const state = createViews(subject, parts.reads, new Set())(given)
  const signal = options.signal ?? new AbortController().signal
  const { entries, toTask } = parts.body.open({ subject, state, inputs, signal })
  let index = 0
  for await (const placed of each(entries)) yield plan(toTask(placed, index++))
}

async function* each(entries: Entries<Placed>): AsyncGenerator<Placed, void, void> {
  if (entries.kind === 'known') for (let i = 0; i < entries.length; i++) yield entries.at(i)
  else if (entries.waits) yield* { [Symbol.asyncIterator]: () => entries.iterator }
  else yield* { [Symbol.iterator]: () => entries.iterator }
}

const plan = ({ branch, named: _, ...rest }: BranchTask): PlannedTask => Object.freeze({ action: branch, ...rest })
