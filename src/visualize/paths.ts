import { getShortestPaths } from '@xstate/graph'
import { createMachine } from 'xstate'
import type { AnyRunnable } from '../action/action.js'
import { FINISHED, type MachineConfig } from '../runtime/actor/machine-config.js'
import { toMachine } from './machine.js'

/** Properties of a graph that hold whatever its conditions return. */
export interface GraphReport {
  /** Actions that no run can reach. */
  readonly unreachable: readonly string[]
  /** Actions from which a run can reach neither a halt nor the end: it then loops forever. */
  readonly deadEnds: readonly string[]
  /** For each reachable action, and for the end (`(finished)`), a shortest path: the actions run before. */
  readonly shortest: Readonly<Record<string, readonly string[]>>
}

/**
 * Analyses the shape of a runnable graph: unreachable actions, dead ends, and shortest paths.
 *
 * Every condition is assumed to be able to return true or false; error transitions are included. Branches of map
 * actions are separate graphs.
 * @see https://stately.ai/docs/graph
 */
export function analyse(branch: AnyRunnable): GraphReport {
  const config = toMachine(branch)
  const names = Object.keys(config.states)
  const shortest = waysFrom(config, config.initial)
  const ends = names.filter((name) => name === FINISHED || config.states[name]?.meta.halts === true)
  const reached = names.filter((name) => Object.hasOwn(shortest, name))
  const leads = (name: string): boolean => {
    const ways = waysFrom(config, name)
    return ends.some((end) => Object.hasOwn(ways, end))
  }
  return {
    unreachable: names.filter((name) => name !== FINISHED && !Object.hasOwn(shortest, name)),
    deadEnds: reached.filter((name) => name !== FINISHED && !leads(name)),
    shortest,
  }
}

/** Targets of the transitions of a state, by name. */
function targetsOf(config: MachineConfig, name: string): string[] {
  const lists = Object.values(config.states[name]?.on ?? {})
  const prefix = `#${config.id}/`
  return lists.flat().map(({ target }) => target.slice(prefix.length).replace(/\\(.)/g, '$1'))
}

function waysFrom(config: MachineConfig, from: string): Record<string, readonly string[]> {
  const ids = new Map(Object.keys(config.states).map((name, i) => [name, `s${i}`]))
  const nameOf = new Map([...ids].map(([name, id]) => [id, name]))
  const idOf = (name: string): string => ids.get(name) ?? ''
  // One event for each transition, so that every transition is an edge.
  const states = Object.fromEntries(
    [...ids].map(([name, id]) => [
      id,
      { on: Object.fromEntries(targetsOf(config, name).map((to, i) => [`take.${i}`, { target: idOf(to) }])) },
    ]),
  )
  const machine = createMachine({ initial: idOf(from), states })
  const ways = new Map<string, readonly string[]>()
  for (const { state, steps } of getShortestPaths(machine)) {
    const before = steps.slice(0, -1).map((step) => nameOf.get(String(step.state.value)) ?? '')
    const to = nameOf.get(String(state.value)) ?? ''
    if (!ways.has(to)) ways.set(to, to === from ? [] : [...new Set([from, ...before])])
  }
  return Object.fromEntries(ways)
}
