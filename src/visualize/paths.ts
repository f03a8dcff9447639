import { getShortestPaths } from '@xstate/graph'
import { createMachine } from 'xstate'
import type { AnyRunnable } from '../action/action.js'
import { FINISHED, type MachineConfig } from '../graph/machine-config.js'
import { toMachine } from './machine.js'

/** What the shape of a graph shows, whatever its conditions answer. */
export interface GraphReport {
  /** Actions that no run can come to. */
  readonly unreachable: readonly string[]
  /** Actions from which a run can come neither to a halt nor to the end: once there, it runs for ever. */
  readonly deadEnds: readonly string[]
  /** For each action that can be reached, and for the end (`(finished)`), a shortest way there: the actions run before. */
  readonly shortest: Readonly<Record<string, readonly string[]>>
}

/**
 * Looks at the shape of a runnable graph: what cannot be reached, what cannot be left, and the shortest ways.
 *
 * Every condition may answer true or false; error transitions count. Branches of map actions are graphs of their own.
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

/** Where each transition leads, by the name of the state that it leaves. */
function targetsOf(config: MachineConfig, name: string): string[] {
  const lists = Object.values(config.states[name]?.on ?? {})
  const prefix = `#${config.id}/`
  return lists.flat().map(({ target }) => target.slice(prefix.length).replace(/\\(.)/g, '$1'))
}

function waysFrom(config: MachineConfig, from: string): Record<string, readonly string[]> {
  const ids = new Map(Object.keys(config.states).map((name, i) => [name, `s${i}`]))
  const nameOf = new Map([...ids].map(([name, id]) => [id, name]))
  const idOf = (name: string): string => ids.get(name) ?? ''
  // One event for each transition, so that every one of them is a way to go.
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
