import type { AnyRunnable, ChunkOf, InputsOf, NeedsOf } from '../action/action.js'
import type { Executor } from '../action/executor.js'
import { type Inputs, NO_INPUTS } from '../action/inputs.js'
import { FAILURE_OPTIONS, type FailurePolicy } from '../action/retry.js'
import { type BoundPlan, planOf } from '../graph/plan-of.js'
import { describeValue, isObject, isPlainObject } from '../internal/guards.js'
import { checkOptions } from '../internal/options.js'
import type { Flat, Overlay } from '../internal/type-tools.js'
import type { State } from '../state/freeze.js'
import type { BranchOptions } from './source.js'
import type { BranchType } from './watch.js'

/** The final state of a branch. */
export type EndState<B, Start> = B extends { readonly kind: 'graph'; readonly '~state': infer S }
  ? S
  : B extends { readonly '~writes': infer W }
    ? Overlay<Overlay<Start, NeedsOf<B>>, W>
    : never
export type BranchTypeOf<B, Start> = BranchType<EndState<B, Start>, ChunkOf<B>>

/** One branch of a `parallel` action: its runnable, initial state and inputs. Made by {@link task}. */
export interface Task<out State, in Inputs = Record<never, never>, out Chunk = never> {
  /** @hidden */
  readonly '~task': BranchType<State, Chunk>
  /** @hidden */
  readonly '~inputs': (inputs: Inputs) => void
}

/** A task at run time. */
export interface DeclaredTask {
  readonly action: AnyRunnable
  readonly state: State
  readonly inputs: Inputs
  readonly options: Readonly<Record<string, unknown>>
}

/** A branch, compiled from any kind of map action. */
export interface BranchTask {
  readonly key: string
  readonly index: number
  readonly branch: AnyRunnable
  /** Name for a bare action: its key in a record of actions. */
  readonly named: string | undefined
  /** The whole initial state. */
  readonly state: State
  /** Inputs of its entry only. */
  readonly inputs: Inputs
  readonly policy: FailurePolicy
  /** Where it runs, as its entry chose; null for this process; undefined where the entry chose nothing. */
  readonly executor: Executor | null | undefined
}

const TASK_OPTIONS = `action state key inputs executor ${FAILURE_OPTIONS}`
const TASKS = new WeakSet<object>()

/**
 * Makes one branch of a `parallel` action.
 * @throws {TypeError} for unknown options, or a missing state
 *
 * @example
 * ```ts
 * const kit = defineState<{ id: number; size: number; total: number }>()
 * const measure = kit.action({ reads: ['id'], writes: ['size'], run: ({ state }) => ({ size: state.id * 2 }) })
 * const all = kit.parallel({
 *   reads: [],
 *   writes: ['total'],
 *   *tasks() {
 *     for (let id = 0; id < 100; id++) yield task({ action: measure, state: { id }, key: `item-${id}` })
 *   },
 *   initial: { total: 0 },
 *   reduceEach: ({ acc, result }) => ({ total: acc.total + result.state.size }),
 * })
 * ```
 * @see Burr `SubGraphTask` in burr/core/parallelism.py
 */
export function task<B extends AnyRunnable, const Own extends keyof InputsOf<B> = never>(
  options: {
    /** An action or a runnable graph. */
    readonly action: B
    /** The whole initial state, not an update. */
    readonly state: NoInfer<NeedsOf<B>>
    /** Inputs of this branch only; required inputs that are omitted here are required of the run. */
    readonly inputs?: Pick<InputsOf<B>, Own>
  } & Omit<BranchOptions<unknown, NoInfer<EndState<B, NeedsOf<B>>>>, 'inputs'>,
): Task<EndState<B, NeedsOf<B>>, Flat<Omit<InputsOf<B>, Own>>, ChunkOf<B>> {
  checkOptions('task', options, TASK_OPTIONS)
  const { action, state, inputs, ...rest } = options
  if (!isPlainObject(state))
    throw new TypeError(`task needs state: the whole state to start on, not ${describeValue(state)}.`)
  const made: DeclaredTask = Object.freeze({
    action,
    state: state as State,
    inputs: (inputs ?? NO_INPUTS) as Inputs,
    options: rest,
  })
  TASKS.add(made)
  return made as unknown as Task<EndState<B, NeedsOf<B>>, Flat<Omit<InputsOf<B>, Own>>, ChunkOf<B>>
}

/**
 * The plan of the runnable of a task.
 * @param map name of its map
 */
export const planOfTask = ({ branch, named }: Pick<BranchTask, 'branch' | 'named'>, map: string): BoundPlan =>
  planOf(branch, { key: named, map })

/** True for a value made by {@link task}. */
export function isTask(value: unknown): value is DeclaredTask {
  return isObject(value) && TASKS.has(value)
}
