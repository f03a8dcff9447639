import type { AnyEvent } from 'teasel'
import { printPath } from 'teasel'
import type { Act, GraphNest, Leaf, Mercy, Nest, Plan } from './plan.js'
import { type Report, runSchedule } from './schedule.js'

/** The observable result of a program; the same with a persister and without one. */
interface Digest {
  readonly outcomes: readonly string[]
  readonly state: string
  /** The outcome of each branch, by its path, in no order. */
  readonly branches: Readonly<Record<string, string>>
  /** The arguments of `reduce`, in no order of the calls. */
  readonly reduced: readonly string[]
  /** The branches that ran in a second run, if there was one. */
  readonly ran: readonly string[]
}

/**
 * A schedule in which nothing races: every order of its code comes to the same end. There are no cancels and no
 * messages, no time limit is reached, and failures are data.
 */
export function calmed(plan: Plan): Plan {
  return {
    ...plan,
    root: calmGraph(plan.root),
    reader: 'leaves' in plan.reader ? { ...plan.reader, leaves: undefined } : plan.reader,
    moves: [],
    interceptions: [],
  }
}

const RACING: readonly Act['do'][] = ['cancel', 'cancel-above', 'send', 'broadcast', 'hear', 'receive']

const calmActs = (acts: readonly Act[]): readonly Act[] =>
  acts
    .filter((act) => !RACING.includes(act.do))
    .map((act) => (act.do === 'app' ? { ...act, nest: calm(act.nest), careless: false } : act))

/** Code beside the branches does not fail: a failure would cut off its branches anywhere. */
const steady = (acts: readonly Act[]): readonly Act[] =>
  calmActs(acts)
    .filter((act) => act.do !== 'throw' && act.do !== 'app')
    .map((act) => (act.do === 'pause' ? { ...act, fails: false } : act))

const calmMercy = (mercy: Mercy | undefined): Mercy | undefined => mercy && { ...mercy, timeoutMs: undefined }

const calmLeaf = (leaf: Leaf): Leaf => ({
  ...leaf,
  acts: calmActs(leaf.acts),
  cleanup: calmActs(leaf.cleanup),
  mercy: calmMercy(leaf.mercy),
})

const calmGraph = (graph: GraphNest): GraphNest => ({
  ...graph,
  steps: graph.steps.map(calm),
  rescue: graph.rescue && calmLeaf(graph.rescue),
})

function calm(nest: Nest): Nest {
  if (nest.kind === 'leaf') return calmLeaf(nest)
  if (nest.kind === 'graph') return calmGraph(nest)
  return {
    ...nest,
    children: nest.children.map((child) => ({ ...child, nest: calm(child.nest), mercy: calmMercy(child.mercy) })),
    before: steady(nest.before),
    closing: steady(nest.closing),
    reduce: nest.fold === 'all' ? calmActs(nest.reduce) : steady(nest.reduce),
    fault: 'none',
    policy: 'collect',
    watch: [],
  }
}

/**
 * A calm schedule of two runs. Maps hold their results until their step commits, and no action creates an application:
 * the second run continues from the same results with a store and without one.
 */
export function triedAgain(plan: Plan): Plan {
  const held = (nest: Nest): Nest => {
    if (nest.kind === 'leaf') return { ...nest, acts: byGraph(nest.acts), cleanup: byGraph(nest.cleanup) }
    if (nest.kind === 'graph') return heldGraph(nest)
    const children = nest.children.map((child) => ({ ...child, nest: held(child.nest) }))
    return { ...nest, children, fold: 'all', before: byGraph(nest.before), reduce: byGraph(nest.reduce) }
  }
  const heldGraph = (graph: GraphNest): GraphNest => ({ ...graph, steps: graph.steps.map(held) })
  const calm = calmed(plan)
  return { ...calm, again: true, root: heldGraph(calm.root) }
}

const byGraph = (acts: readonly Act[]): readonly Act[] => acts.filter((act) => act.do !== 'app')

/** Runs a schedule without a store and with one. @returns their difference, if any */
export async function differsWhenStored(plan: Plan): Promise<string | undefined> {
  const [without, stored] = [
    digestOf(await runSchedule(plan, undefined, 'nowhere')),
    digestOf(await runSchedule(plan, undefined, 'stored')),
  ]
  for (const part of ['outcomes', 'state', 'branches', 'reduced', 'ran'] as const) {
    const [a, b] = [JSON.stringify(without[part]), JSON.stringify(stored[part])]
    if (a !== b) return `${part} without a store ${a}; stored ${b}`
  }
  return undefined
}

function digestOf({ entries, state }: Report): Digest {
  const outcomes: string[] = []
  const branches = new Map<string, string>()
  const reduced: string[] = []
  const ran: string[] = []
  for (const entry of entries) {
    if (entry.kind === 'event' && entry.event.type === 'step.start' && outcomes.length > 0)
      ran.push(`${printPath(entry.event.path)} ${entry.event.source}`)
    if (entry.kind === 'outcome') outcomes.push(wordOf(entry.outcome))
    if (entry.kind === 'reduce') reduced.push(`${entry.map}: ${entry.results.map((one) => `${one.key} ${one.status}`)}`)
    if (entry.kind === 'event' && entry.event.type === 'branch.settled')
      branches.set(printPath(entry.event.path), settledAs(entry.event))
  }
  const sorted = [...branches].sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    outcomes,
    state,
    branches: Object.fromEntries(sorted),
    reduced: [...new Set(reduced)].sort(),
    ran: ran.sort(),
  }
}

const wordOf = ({ status, by, error }: { readonly status: string; readonly by?: string; readonly error?: unknown }) =>
  `${status} ${by ?? ''} ${error instanceof Error ? `${error.name}: ${error.message}` : String(error ?? '')}`.trim()

function settledAs({ result }: Extract<AnyEvent, { type: 'branch.settled' }>): string {
  if (result.status === 'done') return `done ${JSON.stringify(result.state)}`
  return result.status === 'failed' ? `failed ${withoutPlace(result.error.message)}` : `cancelled by ${result.by}`
}

/** The path of a reduce is known when the events of its branches are: later, where they live elsewhere. */
const withoutPlace = (message: string): string => message.replaceAll(/\S+ (?=reduce of)/g, '')
