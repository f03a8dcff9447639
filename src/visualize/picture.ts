import type { AnyRunnable } from '../action/action.js'
import { escapeName } from '../action/context.js'
import { FINISHED, type MachineConfig, type MachineState } from '../runtime/actor/machine-config.js'
import { toMachine } from './machine.js'

// Owns: what a picture of a graph shows, whatever its format.
// Does not own: how a format writes it (mermaid.ts, dot.ts, outline.ts, svg.ts), or what a run adds (run-marks.ts).
// D1  Every action, transition and halt of the drawn levels is in the picture once, in the order of the graph.
// D2  An address is printed as the path of an application is, without visits: `compare/gpt4/draft`. Branches that are
//     known only when the map runs are one, whose key is `*`.

/** Options of every picture. */
export interface PictureOptions {
  /** Number of levels of branches drawn inside map actions. Default 1; 0 draws none. */
  readonly depth?: number
}

/** A graph, as it is drawn. */
export interface GraphPicture {
  /** The address of its entry. */
  readonly entry: string
  readonly actions: readonly ActionPicture[]
  readonly edges: readonly EdgePicture[]
}

/** An action, as it is drawn. */
export interface ActionPicture {
  /** Its address: `draft`, `compare/gpt4/draft`. */
  readonly path: string
  readonly name: string
  readonly reads: readonly string[]
  readonly writes: readonly string[]
  readonly tags: readonly string[]
  readonly isMap: boolean
  /** The branches of a map, as far as they are drawn. */
  readonly branches: readonly BranchPicture[]
  /** How many branches follow. */
  readonly more: number
}

/** A branch of a map, as it is drawn. */
export interface BranchPicture {
  readonly path: string
  /** Its key; `each branch` for those that are known when the map runs, `graph` for a sub-graph. */
  readonly name: string
  /** Whether it stands for any number of branches. */
  readonly isMany: boolean
  /** Its graph; undefined where that is one action, or deeper than asked for. */
  readonly graph: GraphPicture | undefined
}

/** A transition, or a halt. */
export interface EdgePicture {
  /** The address of an action. */
  readonly from: string
  /** The address of an action; undefined for the end. */
  readonly to: string | undefined
  readonly kind: 'done' | 'error' | 'halt'
  /** Its condition, numbered where the order matters; empty for the only way. */
  readonly label: string
  /** Whether it leads back to an action that leads to it. */
  readonly isBack: boolean
}

/** How many branches of a map are drawn. Renderers take seconds for hundreds. */
const MOST_BRANCHES = 12

/** What is drawn of a runnable graph, or of an action as a graph of one. */
export function pictureOf(branch: AnyRunnable, { depth = 1 }: PictureOptions = {}): GraphPicture {
  return graphPicture(toMachine(branch), '', depth)
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

/** As in a printed path. */
export const printedName = (name: string): string => (name === '' ? '~' : escapeName(name))

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

function branchPicture(key: string, { initial, states }: MachineState, map: string, depth: number): BranchPicture {
  const isGraph = key === '(graph)'
  const path = `${map}/${isGraph ? '~' : printedName(key)}`
  const isSingle = states === undefined || initial === undefined || Object.keys(states).length <= 2
  return {
    path: key === '*' ? `${map}/*` : path,
    name: key === '*' ? 'each branch' : isGraph ? 'graph' : key,
    isMany: key === '*',
    graph: isSingle ? undefined : graphPicture({ initial, states }, `${path}/`, depth),
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
