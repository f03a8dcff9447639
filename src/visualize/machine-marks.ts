import type { MachineConfig, MachineRun, MachineState } from '../runtime/actor/machine-config.js'
import { FINISHED } from '../runtime/actor/machine-config.js'
import { sum, worse } from './mark-sums.js'
import { actionOfKey, printedName } from './picture.js'
import { branchPath } from './picture-of.js'
import { type ActionMark, edgeOf, markAt, type RunMarks } from './run-marks.js'

// Owns: what a run adds to a statechart. Its states, their ids and their transitions stay.
// M1  A state has what is known at its address; that of the branches of one action of a product, at the addresses of all,
//     where each is read.

type Level = Pick<MachineConfig, 'states'>

/** The same statechart with what a run did, in the `meta` of its states. */
export function markedConfig(config: MachineConfig, run: RunMarks): MachineConfig {
  return { ...config, states: markedStates(config, run, ['']) }
}

/** @param above the addresses of the branches that the graph is for, each with a slash behind it */
function markedStates({ states }: Level, run: RunMarks, above: readonly string[]): Record<string, MachineState> {
  const ids = new Map(Object.entries(states).map(([name, { id }]) => [name, id]))
  const marked = Object.entries(states).map(([name, state]): [string, MachineState] => {
    if (name === FINISHED) return [name, state]
    const own = above.map((place) => `${place}${printedName(name)}`)
    const mark = markOf(run, own)
    const taken = takenFrom(run, above, name, ids)
    const facts = mark && { ...mark, ...(Object.keys(taken).length > 0 && { taken }) }
    return [name, { ...withRun(state, facts), ...regionsOf(state, run, own) }]
  })
  return Object.fromEntries(marked)
}

/** @param maps the addresses of the map */
function regionsOf({ states }: MachineState, run: RunMarks, maps: readonly string[]): Pick<MachineState, 'states'> {
  if (states === undefined) return {}
  const actions = Object.entries(states).flatMap(([key, { meta }]) => (meta.many === true ? [key] : []))
  const regions = Object.entries(states).map(([key, region]): [string, MachineState] => {
    const isOfProduct = region.meta.many === true && key !== '*'
    const own = maps.flatMap((map) => {
      const { keys } = markAt(run, map) ?? {}
      if (!isOfProduct || keys === undefined) return branchPath(map, key, region)
      return pairsOf(keys, actions, key).map((pair) => `${map}/${pair}`)
    })
    const below = markedStates(
      { states: region.states ?? {} },
      run,
      own.map((place) => `${place}/`),
    )
    return [key, { ...withRun(region, markOf(run, own)), ...(region.states && { states: below }) }]
  })
  return { states: Object.fromEntries(regions) }
}

/** The printed keys of the branches of one action of a product. */
const pairsOf = (keys: readonly string[], actions: readonly string[], action: string): readonly string[] =>
  keys.filter((key) => actionOfKey(actions, key) === action).map(printedName)

const withRun = (state: MachineState, run: MachineRun | undefined): MachineState =>
  run === undefined ? state : { ...state, meta: { ...state.meta, run } }

const markOf = (run: RunMarks, paths: readonly string[]): ActionMark | undefined =>
  mergedMarks(paths.flatMap((path) => markAt(run, path) ?? []))

/** The marks of several branches as one: the status that needs most attention, and sums. */
function mergedMarks(marks: readonly ActionMark[]): ActionMark | undefined {
  return marks.reduce<ActionMark | undefined>((one, other) => {
    if (one === undefined) return other
    const branches = other.branches === undefined ? one.branches : sum(one.branches, other.branches)
    const steps = one.steps + other.steps
    return { status: worse(one.status, other.status), steps, ...(branches && { branches }) }
  }, undefined)
}

function takenFrom(
  run: RunMarks,
  above: readonly string[],
  name: string,
  ids: ReadonlyMap<string, string>,
): Record<string, number> {
  const taken = [...ids].flatMap(([to, id]): [string, number][] => {
    const times = above.flatMap((place) => {
      const end = to === FINISHED ? undefined : `${place}${printedName(to)}`
      return timesOf(run, edgeOf(`${place}${printedName(name)}`, end)) ?? []
    })
    return times.length === 0 ? [] : [[id, times.reduce((sum, one) => sum + one, 0)]]
  })
  return Object.fromEntries(taken)
}

const timesOf = ({ taken }: RunMarks, edge: string): number | undefined =>
  Object.hasOwn(taken, edge) ? taken[edge] : undefined
