import type { AnyRunnable } from '../action/action.js'
import { planOf } from '../graph/plan-of.js'
import { guardsOf, type MachineConfig, machineConfigOf } from '../runtime/actor/machine-config.js'

/** The event that leaves a state: the state of the application after the action, or the error of the action. */
export interface MachineEvent {
  readonly type: string
  readonly state: unknown
  readonly error?: unknown
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
 * them).
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
export function toMachine(branch: AnyRunnable): MachineConfig {
  return machineConfigOf(planOf(branch).plan)
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
