import type { AnyRunnable } from '../action/action.js'
import { guardsOf, type MachineConfig, machineConfigOf } from '../graph/machine-config.js'
import { planOf } from '../graph/plan-of.js'

/** The event that leaves a state: the state of the application after the action, or what it threw. */
export interface MachineEvent {
  readonly type: string
  readonly state: unknown
  readonly error?: unknown
}

/** Guards for `createMachine(config).provide({ guards })`. */
export type MachineGuards = Readonly<Record<string, (args: { readonly event: MachineEvent }) => boolean>>

/**
 * The statechart of a runnable graph, or of an action as a graph of one, as plain JSON: for pictures, for analysis, and
 * to run in XState itself.
 *
 * A state per action; the event `done.<action>` leaves it for the first transition whose guard holds, `error.<action>`
 * for the first error transition; where none holds, to the final state `(finished)`. A map action is a parallel state
 * with the graphs of its branches, as far as they are known before it runs (`*` stands for any number of them).
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
 * {@link toMachine} gives them: a condition of a branch is named behind its path, `compare/gpt4/ready`.
 *
 * They look at `event.state` and `event.error`, and at nothing else. An event without a state passes every guard, so that
 * `@xstate/graph` walks the machine without being given events.
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
