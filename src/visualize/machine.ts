import type { AnyRunnable } from '../action/action.js'
import { planOf } from '../graph/plan-of.js'
import { guardsOf, type MachineConfig, machineConfigOf } from '../runtime/actor/machine-config.js'
import { withPassed } from './branch-counts.js'
import { markedConfig } from './machine-marks.js'
import { pictureOf } from './picture-of.js'
import type { RunMarks } from './run-marks.js'

/** The event that leaves a state: the state of the application after the action, or the error of the action. */
export interface MachineEvent {
  readonly type: string
  readonly state: unknown
  readonly error?: unknown
}

/** Options of a statechart. */
export interface MachineOptions {
  /** What a run did, from `readMarks`: it is in the `meta.run` of each state. */
  readonly run?: RunMarks | undefined
}

/** Guards for `createMachine(config).provide({ guards })`. */
export type MachineGuards = Readonly<Record<string, (args: { readonly event: MachineEvent }) => boolean>>

/**
 * Derives the statechart of a runnable graph, or of an action as a graph of one, as plain JSON: for diagrams, for
 * analysis, and to run in XState itself.
 *
 * Each action is a state. On the event `done.<action>` the first transition whose guard holds is taken, on
 * `error.<action>` the first error transition; when none holds, the target is the final state `(finished)`. A map
 * action is a parallel state with the graphs of those branches known before it runs (`*` stands for any number of
 * them). With a run, the `meta.run` of a state has what the run did there: its status, numbers of steps and branches,
 * and how often each transition was taken; ids, states and transitions are the same.
 *
 * @example
 * ```ts
 * const counter = defineState<{ n: number }>()
 * const add = counter.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
 * const runnable = counter.graph({ actions: { add } }).runnable({ entrypoint: 'add' })
 * const guards = machineGuards(runnable)
 * const machine = setup({ types: { events: {} as MachineEvent }, guards }).createMachine(toMachine(runnable))
 * ```
 * @see https://stately.ai/docs/machines
 */
export function toMachine(branch: AnyRunnable, { run }: MachineOptions = {}): MachineConfig {
  const config = machineConfigOf(planOf(branch).plan)
  return run === undefined ? config : markedConfig(config, withPassed(pictureOf(branch, { depth: Infinity }), run))
}

/**
 * The conditions of a runnable graph and of its branches as guards of its statechart, by the names that
 * {@link toMachine} uses: a condition of a branch is named after its path, `compare/gpt4/ready`.
 *
 * They read only `event.state` and `event.error`. An event without a state passes every guard, so that `@xstate/graph`
 * can walk the machine without event data.
 */
export function machineGuards(branch: AnyRunnable): MachineGuards {
  const entries = Object.entries(guardsOf(planOf(branch).plan))
  return Object.fromEntries(
    entries.map(([name, test]) => [
      name,
      ({ event }: { readonly event: MachineEvent }) =>
        event.state === undefined || test({ state: event.state as never, error: event.error }) === true,
    ]),
  )
}
