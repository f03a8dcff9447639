import type { AnyRunnable } from '../action/action.js'
import { planOf } from '../graph/plan-of.js'
import { FINISHED, type MachineConfig, type MachineState, machineConfigOf } from '../runtime/actor/machine-config.js'
import {
  type ActionPicture,
  type BranchPicture,
  type EdgePicture,
  type GraphPicture,
  manyOf,
  type PictureOptions,
  printedName,
} from './picture.js'

// Owns: the picture of a graph, made of its statechart.

/** How many branches of a map are drawn. Renderers take seconds for hundreds. */
const MOST_BRANCHES = 12

/** What is drawn of a runnable graph, or of an action as a graph of one. */
export function pictureOf(branch: AnyRunnable, { depth = 1 }: PictureOptions = {}): GraphPicture {
  return graphPicture(machineConfigOf(planOf(branch).plan, depth), '', depth)
}

type Level = Pick<MachineConfig, 'initial' | 'states'>

/** @param above the address of the branch, with a slash behind it */
function graphPicture({ initial, states }: Level, above: string, depth: number): GraphPicture {
  const paths = new Map<string, string>()
  for (const [name, { id }] of Object.entries(states))
    if (name !== FINISHED) paths.set(id, `${above}${printedName(name)}`)
  const entries = Object.entries(states).filter(([name]) => name !== FINISHED)
  const edges = entries.flatMap(([name, state]) => edgesOf(name, state, paths))
  const entry = `${above}${printedName(initial)}`
  const back = backEdges(entry, edges)
  return {
    entry,
    actions: entries.map(([name, state]) => actionPicture(name, state, paths.get(state.id) ?? '', depth)),
    edges: edges.map((edge) => ({ ...edge, isBack: back.has(edge) })),
  }
}

type Edge = Omit<EdgePicture, 'isBack'>

function edgesOf(name: string, state: MachineState, paths: ReadonlyMap<string, string>): Edge[] {
  const from = paths.get(state.id) ?? ''
  // Below a branch, the name of a guard starts with a path that the picture already shows.
  const { length } = state.id.slice(state.id.indexOf('/') + 1, -name.length)
  const halts = state.meta.halts === true
  const edges = Object.entries(state.on ?? {}).flatMap(([event, transitions]) =>
    transitions.flatMap(({ target, guard }, i): Edge[] => {
      const to = paths.get(target.slice(1).replace(/\\(.)/g, '$1'))
      if (to === undefined && guard === undefined && halts) return [] // its halt is drawn
      const order = transitions.length > 2 && guard !== undefined ? `${i + 1}. ` : ''
      const otherwise = transitions.length > 1 && guard === undefined ? 'otherwise' : ''
      const kind = event.startsWith('error.') ? 'error' : 'done'
      const condition = guard === undefined ? otherwise : `${order}${guard.slice(length)}`
      const label = [kind === 'error' ? 'error' : '', condition].filter((part) => part !== '').join(': ')
      return [{ from, to, kind, label }]
    }),
  )
  return halts ? [...edges, { from, to: undefined, kind: 'halt', label: 'halt' }] : edges
}

function actionPicture(name: string, { meta, tags, states }: MachineState, path: string, depth: number): ActionPicture {
  const regions = depth > 0 ? Object.entries(states ?? {}) : []
  return {
    path,
    name,
    reads: meta.reads ?? [],
    writes: meta.writes ?? [],
    tags: tags ?? [],
    isMap: meta.kind === 'map',
    branches: regions.slice(0, MOST_BRANCHES).map(([key, region]) => branchPicture(key, region, path, depth - 1)),
    more: Math.max(0, regions.length - MOST_BRANCHES),
  }
}

/** The address of a region of a map. @param map the address of the map */
export function branchPath(map: string, key: string, { meta }: Pick<MachineState, 'meta'>): string {
  if (key === '*' || key === '(graph)') return `${map}/${key === '*' ? '*' : '~'}`
  return `${map}/${meta.many === true ? manyOf(key) : printedName(key)}`
}

function branchPicture(key: string, region: MachineState, map: string, depth: number): BranchPicture {
  const { initial, states, meta: own } = region
  const path = branchPath(map, key, region)
  const actions = Object.entries(states ?? {}).filter(([name]) => name !== FINISHED)
  // A graph of one action is drawn as its branch, unless there are branches in it.
  const isSingle = actions.length <= 1 && actions.every(([, { meta }]) => meta.kind !== 'map')
  return {
    path,
    name: key === '*' ? 'each branch' : key === '(graph)' ? 'graph' : key,
    isMany: own.many === true,
    graph:
      isSingle || states === undefined || initial === undefined
        ? undefined
        : graphPicture({ initial, states }, `${path}/`, depth),
  }
}

/** The edges that close a loop, on the way from the entry in the order of the graph. */
function backEdges(entry: string, edges: readonly Edge[]): Set<Edge> {
  const from = new Map<string, Edge[]>()
  for (const edge of edges) from.set(edge.from, [...(from.get(edge.from) ?? []), edge])
  const back = new Set<Edge>()
  const done = new Set<string>()
  const open = new Set<string>()
  const way: { readonly path: string; next: number }[] = []
  const enter = (path: string): void => {
    open.add(path)
    way.push({ path, next: 0 })
  }
  for (const start of [entry, ...from.keys()]) {
    if (!done.has(start)) enter(start)
    for (let at = way.at(-1); at !== undefined; at = way.at(-1)) {
      const edge = from.get(at.path)?.[at.next++]
      if (edge === undefined) {
        way.pop()
        open.delete(at.path)
        done.add(at.path)
      } else if (edge.to !== undefined && open.has(edge.to)) back.add(edge)
      else if (edge.to !== undefined && !done.has(edge.to)) enter(edge.to)
    }
  }
  return back
}
