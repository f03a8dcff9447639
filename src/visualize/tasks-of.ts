import type { Action, AnyRunnable } from '../action/action.js'
import { type Inputs, NO_INPUTS, parseInputs } from '../action/inputs.js'
import { partsOf } from '../action/make-action.js'
import type { FailurePolicy } from '../action/retry.js'
import type { Given } from '../internal/type-tools.js'
import type { Entries, KeyedEntry } from '../parallel/entries.js'
import { isFanOut } from '../parallel/fan-out.js'
import { openSource } from '../parallel/open-source.js'
import type { BranchTask } from '../parallel/task.js'
import type { State } from '../state/freeze.js'
import { assertReads, createViews } from '../state/view.js'

/** One branch that a map action would start. */
export interface PlannedTask extends FailurePolicy {
  readonly key: string
  readonly index: number
  /** The runnable of the branch. */
  readonly action: AnyRunnable
  /** The whole initial state. */
  readonly state: State
  /** Inputs of its entry only. */
  readonly inputs: Inputs
}

/**
 * Yields the tasks that a map action would run on a state, without running them. For tests and inspection.
 *
 * @param action map action, `parallel` or sub-graph
 * @param options.state reads of the action
 * @param options.inputs inputs that the action declares; inputs that it only passes on are ignored
 * @throws {TypeError} for a value that is not a map action
 * @throws {ContractError} when its source yields an invalid entry
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
  const { entries, toTask } = openSource(parts.body, { subject, state, inputs, signal })
  let index = 0
  for await (const placed of each(entries)) yield plan(toTask(placed, index++))
}

async function* each(entries: Entries<KeyedEntry>): AsyncGenerator<KeyedEntry, void, void> {
  if (entries.kind === 'known') for (let i = 0; i < entries.length; i++) yield entries.at(i)
  else if (entries.waits) yield* { [Symbol.asyncIterator]: () => entries.iterator }
  else yield* { [Symbol.iterator]: () => entries.iterator }
}

const plan = ({ branch, named: _, policy, ...rest }: BranchTask): PlannedTask =>
  Object.freeze({ action: branch, ...rest, ...policy })
