import type { Predicate } from '../../graph/condition.js'
import type { CompiledGraph, Edge, Plan, PlanNode } from '../../graph/plan.js'
import { planOf } from '../../graph/plan-of.js'
import { outlineOf } from '../../parallel/branch-state.js'
import type { BranchCounts, BranchStatus } from '../../read/status.js'

/** A transition of a statechart. `guard` is the name of its condition. */
export interface MachineTransition {
  readonly target: string
  readonly guard?: string
}

/** Metadata of a state of the statechart. */
export interface MachineMeta {
  readonly kind: 'action' | 'map' | 'branch' | 'end'
  readonly reads?: readonly string[]
  readonly writes?: readonly string[]
  /** True when a run of the graph halts here. */
  readonly halts?: boolean
  /** True for a branch that stands for any number of branches. */
  readonly many?: boolean
  /** What a run did here; absent where it did nothing, or where no run was given. */
  readonly run?: MachineRun
}

/** What a run did at a state of the statechart. */
export interface MachineRun {
  /** The status of the last step; of the whole map for a map, of the application for a branch. */
  readonly status: BranchStatus
  /** How many steps of an action were committed; 0 for one of many branches of which some were not read. */
  readonly steps: number
  /** Of a map: its branches by status. */
  readonly branches?: BranchCounts
  /**
   * Of an action of a branch that stands for any number of them: how many are at it or ended there, and how many have
   * done it, where its graph is one way.
   */
  readonly at?: BranchCounts
  /** Of a map: the number of its last visit. */
  readonly visit?: number
  /** Of a map: the keys of its branches, in their order. Absent for more than twelve. */
  readonly keys?: readonly string[]
  /** How often a transition was taken, by the id of the state that it leads to. A halt leads to the end. */
  readonly taken?: Readonly<Record<string, number>>
}

/** A state of the statechart: an action, a branch of one, or the end. */
export interface MachineState {
  readonly id: string
  readonly type?: 'final' | 'parallel'
  readonly initial?: string
  readonly tags?: readonly string[]
  readonly meta: MachineMeta
  readonly on?: Readonly<Record<string, readonly MachineTransition[]>>
  readonly states?: Readonly<Record<string, MachineState>>
}

/** A statechart as plain data, accepted by XState's `createMachine`. */
export interface MachineConfig {
  readonly id: string
  readonly initial: string
  readonly states: Readonly<Record<string, MachineState>>
}

/** The final state: no transition holds. */
export const FINISHED = '(finished)'

const DEFAULT_ID = 'app'

/**
 * Derives the statechart of a plan. Each action is a state; on the event `done.<action>` or `error.<action>` the first
 * transition whose guard holds is taken. A map action is a compound state that contains the graphs of those branches
 * known before it runs.
 * @param depth number of levels of branches
 */
export function machineConfigOf(plan: Plan, depth = Infinity): MachineConfig {
  return configOf(plan, DEFAULT_ID, depth, new Map())
}

/** @param taken uses of each guard name in the whole statechart */
function configOf(plan: Plan, id: string, depth: number, taken: Taken): MachineConfig {
  const guards = guardNames(plan.graph, pathOf(id), taken)
  const made = plan.graph.list.map((node): [string, MachineState] => [
    node.name,
    stateOf(plan, node, `${id}/${node.name}`, id, { guards, taken, depth }),
  ])
  const end: MachineState = { id: `${id}/${FINISHED}`, type: 'final', meta: { kind: 'end' } }
  return { id, initial: plan.entrypoint.name, states: Object.fromEntries([...made, [FINISHED, end]]) }
}

function stateOf(plan: Plan, node: PlanNode, id: string, parent: string, names: Names): MachineState {
  const { reads, writes, tags, body } = node.parts
  const transitions = (edges: readonly Edge[], otherwise: readonly MachineTransition[]): MachineTransition[] => [
    ...edges.map((edge): MachineTransition => {
      const target = targetOf(`${parent}/${edge.to.name}`)
      const guard = edge.test === undefined ? undefined : names.guards.get(edge.test)
      return guard === undefined ? { target } : { target, guard }
    }),
    ...(edges.some(({ test }) => test === undefined) ? [] : otherwise),
  ]
  const path = pathOf(id)
  const on: Record<string, readonly MachineTransition[]> = {
    [`done.${path}`]: transitions(node.edges, [{ target: targetOf(`${parent}/${FINISHED}`) }]),
  }
  if (node.errorEdges.length > 0) on[`error.${path}`] = transitions(node.errorEdges, [])
  const meta: MachineMeta = {
    kind: body.kind === 'fan-out' ? 'map' : 'action',
    reads: reads.names,
    writes,
    halts: plan.haltAfter.has(node),
  }
  return { id, ...(tags.length === 0 ? {} : { tags }), meta, on, ...inside(node, id, names) }
}

/** The path of a state below the machine: `all/*` for `app/all/*`, empty for the machine itself. */
const pathOf = (id: string): string => id.slice(DEFAULT_ID.length + 1)

/** The branches of a map, each a region of its own. */
function inside(
  node: PlanNode,
  id: string,
  { taken, depth }: Names,
): Pick<MachineState, 'type' | 'initial' | 'states'> {
  const outline = depth > 0 ? outlineOf(node.parts.body) : []
  if (outline.length === 0) return {}
  const states = Object.fromEntries(
    outline.map(({ key, branch, named, isMany }): [string, MachineState] => {
      const name = regionOf(key)
      const { plan } = planOf(branch, { key: named, map: node.name })
      const { initial, states: below } = configOf(plan, `${id}/${name}`, depth - 1, taken)
      const meta: MachineMeta = { kind: 'branch', ...(isMany && { many: true }) }
      return [name, { id: `${id}/${name}`, meta, initial, states: below }]
    }),
  )
  return { type: 'parallel', states }
}

const regionOf = (key: string): string => (key === '' ? '(graph)' : key)

/** An XState target, `#app/ask`, with dots escaped: a dot would separate the id from a child. */
const targetOf = (id: string): string => `#${id.replaceAll('\\', '\\\\').replaceAll('.', '\\.')}`

type GuardNames = ReadonlyMap<Predicate, string>
type Taken = Map<string, number>

/** Guard names of one graph and of the whole statechart, and how many levels are below. */
interface Names {
  readonly depth: number
  readonly guards: GuardNames
  readonly taken: Taken
}

/** Names each condition of a graph: its own name after the path of its branch, numbered when the name is not unique. */
function guardNames(graph: CompiledGraph, path: string, taken: Taken): GuardNames {
  const names = new Map<Predicate, string>()
  for (const node of graph.list) {
    for (const { test, name: own } of [...node.edges, ...node.errorEdges]) {
      if (test === undefined || names.has(test)) continue
      const name = path === '' ? own : `${path}/${own}`
      const count = (taken.get(name) ?? 0) + 1
      taken.set(name, count)
      names.set(test, count === 1 ? name : `${name} (${count})`)
    }
  }
  return names
}

/** The conditions of a plan and of the branches below it, by their guard names. */
export function guardsOf(plan: Plan): Readonly<Record<string, Predicate>> {
  return Object.fromEntries(guardEntries(plan, '', new Map()))
}

/** Visits conditions in the same order as the statechart, so that both use the same numbers. */
function guardEntries({ graph }: Plan, path: string, taken: Taken): (readonly [string, Predicate])[] {
  const own = [...guardNames(graph, path, taken)].map(([test, name]) => [name, test] as const)
  const below = graph.list.flatMap((node) =>
    outlineOf(node.parts.body).flatMap(({ key, branch, named }) => {
      const place = [path, node.name, regionOf(key)].filter((part, i) => i > 0 || part !== '').join('/')
      return guardEntries(planOf(branch, { key: named, map: node.name }).plan, place, taken)
    }),
  )
  return [...own, ...below]
}
