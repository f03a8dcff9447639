import type { InputSpec } from '../action/inputs.js'
import { describeValue } from '../internal/guards.js'
import type { Name } from '../internal/type-tools.js'
import { freezeAll } from '../state/freeze.js'
import { assertRunnable, callSource, toTask } from './branch-state.js'
import { entriesOf, parseOptions, sourceFault } from './entries.js'
import {
  type BranchSource,
  createFanOut,
  type FanOut,
  type FanOutArgs,
  type FanOutOptions,
  type TaskSource,
} from './fan-out.js'
import type { SettlePolicy } from './settle.js'
import type { EntryOf, IsRecord, ItemsOf } from './source.js'
import { isTask, type Task } from './task.js'
import type { BranchType } from './watch.js'

export type TaskType<X> = X extends Task<infer St, never, infer C> ? BranchType<St, C> : never
export type TaskTypes<Src> =
  IsRecord<Src> extends true
    ? { readonly [K in Name<ItemsOf<Src>>]: TaskType<ItemsOf<Src>[K]> }
    : { readonly [key: string]: TaskType<EntryOf<Src>> }

/** Options of `kit.parallel({ … })`. */
export interface ParallelOptions<
  S,
  R extends string,
  W extends keyof S,
  I extends InputSpec,
  P extends SettlePolicy,
  Tag extends string,
  Src,
  M = unknown,
> extends FanOutOptions<S, W, P, Tag, TaskTypes<Src>, M> {
  /** State keys visible to `tasks` and `reduce`. A task declares its own initial state. */
  readonly reads: readonly R[]
  /** Inputs of the map, for sources and `reduce`. Inputs of the branches are required of the run in addition. */
  readonly inputs?: I
  /** Tasks made by {@link task}, one branch each: a record, an array, a generator, or a function that returns one. */
  readonly tasks: Src
}

type Loose = Parameters<typeof createFanOut>[0] & { readonly tasks: unknown }

/** Compiles `parallel`, to which all other map actions reduce. */
export function compileParallel(options: Loose): FanOut {
  const accepts = { names: new Set<string>(), open: true }
  return createFanOut(options, accepts, { kind: 'tasks', tasks: options.tasks })
}

/** Opens the source of a parallel action. */
export function openParallel(source: BranchSource & { readonly kind: 'tasks' }, given: FanOutArgs): TaskSource {
  const { subject, ...args } = given
  return {
    entries: entriesOf(subject, 'tasks', callSource(source.tasks, args)),
    keyOf: ({ entry, name }) => {
      const key = isTask(entry) ? entry.options['key'] : undefined
      return typeof key === 'string' ? key : name
    },
    toTask: ({ entry, name }, index) => {
      if (!isTask(entry)) {
        throw sourceFault(
          subject,
          `tasks gave ${describeValue(entry)}. Make each with task({ action, state, inputs, key }).`,
        )
      }
      const branch = assertRunnable(subject, 'tasks', entry.action)
      const parsed = parseOptions(subject, 'tasks', { ...entry.options, inputs: entry.inputs }, name)
      const state = Object.freeze({ ...freezeAll(entry.state, subject) })
      return toTask({ ...parsed, thing: undefined }, index, branch, state)
    },
  }
}
