import { byActionOfProduct, countsByAction, countsOf, keyOf } from '../read/action-of.js'
import type { BranchQuery, Reader } from '../read/reader.js'
import type { RunRef } from '../read/run-summary.js'
import type { BranchCounts, BranchStatus } from '../read/status.js'
import type { AppNode, MapNode, StepRecord } from '../read/tree.js'
import type { WirePath } from '../read/wire-path.js'
import type { MachineRun } from '../runtime/actor/machine-config.js'
import { isWild, placesOf, statusOfMany, sum, sumOf, worse } from './mark-sums.js'
import { manyOf, printedName } from './picture.js'

// Owns: what a run adds to the picture of its graph: statuses, numbers of steps and branches, ways that were taken.
// R1  Marks are found by the address of an action without visits, as pictures have it. What is known of one branch is
//     also added to `*`, the branch that stands for any number of them.
// R2  A map is marked by its last visit; steps and ways are counted over all of them.
// R3  The keys of a map are there as long as all of its branches are known to be at most a dozen: once a thirteenth is made
//     or announced, they are not. A key that is the sign of any number of branches has no address of its own.
// R4  Branches are counted at their actions for all of a map, or not at all.

/** What a run did at one action, or in one branch. */
export type ActionMark = Omit<MachineRun, 'taken'>

/** What a run adds to the picture of its graph. */
export interface RunMarks {
  /** By address, of actions and of branches. */
  readonly actions: { readonly [path: string]: ActionMark }
  /**
   * How often a transition was taken, by `<address> > <address>`; nothing stands behind `>` for the end. 0 for one that was taken
   * in some of many branches of which others were not read.
   */
  readonly taken: { readonly [edge: string]: number }
}

/** How many branches of a map are read one by one; the rest are numbers of their map, and of its actions. */
const MOST_BRANCHES = 12
/** How many branches are counted at their actions, in all maps. */
const MOST_COUNTED = 2000
/** How many branches are read at most. */
const MOST_APPS = 200
const PAGE = 500
const MOST_ON_PAGE = 1000

/**
 * Reads from a run what a picture of its graph shows of it. Any reader fits: a persister, or one over tracked files.
 *
 * Steps are read of the root and of the first dozen branches of each map, at every level, and of 200 branches at most. Of
 * the others, numbers by status are known, and of two thousand, at which action they are.
 * @param reader of the run
 * @param ref the id of the run, and its partition if it has one
 * @returns undefined for an unknown run
 * @throws the error of the reader
 *
 * @example
 * ```ts
 * const persister = memoryPersister()
 * const counter = defineState<{ n: number }>()
 * const add = counter.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
 * const graph = counter.graph({ actions: { add }, transitions: { add: [{ to: 'add', when: ({ state }) => state.n < 3 }] } })
 * await createApplication(graph, { appId: 'counted', entrypoint: 'add', state: { n: 0 }, persister }).run()
 * const run = await readMarks(persister, { runId: 'counted', partitionKey: null })
 * run?.taken['add > add'] // 2
 * ```
 */
export async function readMarks(
  reader: Pick<Reader, 'describe' | 'steps' | 'branches'>,
  { runId, partitionKey }: RunRef,
): Promise<RunMarks | undefined> {
  const ref = { runId, partitionKey } // a row of a list has more
  const tree = await reader.describe({ ...ref, first: 1, depth: 1 })
  return tree && (await marksBelow(reader, ref, tree.root, true))
}

/**
 * What a picture shows of an application of a run, and of what is below it.
 * @param hasSteps whether its own steps are read, and not only those of the branches below
 */
export async function marksBelow(
  reader: Below,
  { runId, partitionKey }: RunRef,
  node: AppNode,
  hasSteps: boolean,
): Promise<RunMarks> {
  const marks = new Marking(reader, { runId, partitionKey })
  await marks.all(node, hasSteps)
  return marks.marks()
}

/** What is read below the root. */
type Below = Pick<Reader, 'describe' | 'steps' | 'branches'>

/** An application that went on to its end. */
const ENDED: readonly string[] = ['finished', 'halted', 'done']

interface Mutable {
  status: BranchStatus
  steps: number
  branches?: BranchCounts
  at?: BranchCounts
  visit?: number
  keys?: readonly string[]
}

/** An application, and the names above it without visits. */
interface Placed {
  readonly node: AppNode
  readonly above: readonly string[]
  /** Whether a map above it has branches that are not read: then nothing is counted over its branches. */
  readonly isPart: boolean
}

class Marking {
  readonly #reader: Below
  readonly #ref: RunRef
  readonly #actions = new Map<string, Mutable>()
  readonly #taken = new Map<string, number>()
  /** Applications whose steps are not read yet, nearest to the root first. */
  readonly #next: Placed[] = []
  #read = 0
  #counted = 0

  constructor(reader: Below, ref: RunRef) {
    this.#reader = reader
    this.#ref = ref
  }

  marks(): RunMarks {
    for (const one of this.#actions.values()) if (one.at !== undefined) one.status = statusOfMany(one.at)
    return { actions: Object.fromEntries(this.#actions), taken: Object.fromEntries(this.#taken) }
  }

  async all(node: AppNode, hasSteps: boolean): Promise<void> {
    const top = { node, above: node.path.flatMap(([map, , key]) => [map, key]), isPart: false }
    if (hasSteps) await this.#steps(top)
    await this.#maps(top)
    for (let one = this.#next.shift(); one !== undefined; one = this.#next.shift()) {
      // A page of branches has nothing of the maps below.
      const found = await this.#reader.describe({ ...this.#ref, path: one.node.path, first: 1, depth: 1 })
      const at = { ...one, node: found?.root ?? one.node }
      await this.#steps(at)
      await this.#maps(at)
    }
  }

  async #steps(at: Placed): Promise<void> {
    const { node } = at
    let last: StepRecord | undefined
    for await (const step of stepsOf(this.#reader, this.#ref, node.path)) {
      const { action, status } = step
      if (step.placed !== undefined) last = undefined
      else if (status === 'done') {
        if (last !== undefined) this.#way(at, last.action, action)
        this.#mark(at, action, status, 1)
        last = step
      }
    }
    const { step, status: ended } = node
    // An application that was cancelled or has failed has no step under way any more.
    const isCut = step === undefined && (ended === 'cancelled' || ended === 'failed')
    const open = isCut ? cutAction(node) : step?.action
    if (last !== undefined && open !== undefined && (isCut || (step?.sequenceId ?? -1) > last.sequenceId))
      this.#way(at, last.action, open)
    if (open !== undefined) this.#mark(at, open, step?.status ?? (ended === 'failed' ? ended : 'cancelled'), 0)
    if (last !== undefined && ENDED.includes(node.status)) this.#way(at, last.action, undefined)
  }

  async #maps(at: Placed): Promise<void> {
    const shown = new Set<string>()
    for (const map of at.node.maps) {
      if (shown.has(map.map)) continue
      shown.add(map.map)
      await this.#map(at, map)
    }
  }

  async #map(at: Placed, map: MapNode): Promise<void> {
    const {
      node: { path },
      above,
    } = at
    const here = this.#mark(at, map.map, statusOf(map), 0)
    for (const one of here) one.branches = sum(one.branches, map.counts)
    // An earlier visit has no pages of its own in the tree.
    const query = { ...this.#ref, path, map: map.map, visit: map.visit, epoch: map.epoch }
    const { items, after } = await this.#reader.branches({ ...query, limit: MOST_BRANCHES })
    if (after !== undefined) await this.#count(at, map, query, after, items)
    const keys = items.map(keyOf)
    const [own] = here
    if (own !== undefined) {
      own.visit = map.visit
      const isAll = after === undefined && (map.total ?? 0) <= MOST_BRANCHES && !keys.includes('*') // R3
      if (isAll) own.keys = keys
    }
    for (const [i, branch] of items.entries()) {
      if (this.#read++ >= MOST_APPS) return
      const key = keys[i] ?? ''
      const status = ENDED.includes(branch.status) ? 'done' : (branch.status as BranchStatus)
      const isPart = at.isPart || after !== undefined
      const inMap = { ...at, above: [...above, map.map] }
      for (const one of key === '*' ? ['*'] : [key, '*']) this.#mark(inMap, one, status, 0)
      this.#next.push({ node: branch, above: [...above, map.map, key], isPart })
    }
  }

  /** Counts all branches of a map at their actions (R4). */
  async #count(at: Placed, map: MapNode, query: BranchQuery, next: string, first: readonly AppNode[]): Promise<void> {
    const room = MOST_COUNTED - this.#counted
    if (sumOf(map.counts) > room) return
    const branches = [...first]
    for (let after: string | undefined = next; after !== undefined && branches.length <= room; ) {
      const page = await this.#reader.branches({ ...query, limit: Math.min(room, MOST_ON_PAGE), after })
      for (const one of page.items) branches.push(one)
      after = page.after
    }
    this.#counted += branches.length
    const maps = placesOf(at.above, map.map).filter((place) => !at.isPart || !isWild(place))
    for (const place of maps) {
      for (const [action, counts] of countsByAction(branches)) this.#at(`${place}/*/${printedName(action)}`, counts)
      for (const [name, own] of map.kind === 'product' ? byActionOfProduct(branches) : []) {
        const box = `${place}/${manyOf(name)}`
        this.#at(box, countsOf(own))
        for (const [action, counts] of countsByAction(own)) this.#at(`${box}/${printedName(action)}`, counts)
      }
    }
  }

  #at(path: string, counts: BranchCounts): void {
    const known: Mutable = this.#actions.get(path) ?? { status: 'queued', steps: 0 }
    known.at = sum(known.at, counts)
    this.#actions.set(path, known)
  }

  /** R1 */
  #mark({ above, isPart }: Omit<Placed, 'node'>, action: string, status: BranchStatus, steps: number): Mutable[] {
    return placesOf(above, action).map((path) => {
      const known = this.#actions.get(path) ?? { status, steps: 0 }
      // Over several branches, the status that needs most attention stands.
      known.status = isWild(path) ? worse(known.status, status) : status
      if (!isPart || !isWild(path)) known.steps += steps
      this.#actions.set(path, known)
      return known
    })
  }

  #way({ above, isPart }: Placed, from: string, to: string | undefined): void {
    const ends = to === undefined ? [] : placesOf(above, to)
    for (const [i, path] of placesOf(above, from).entries()) {
      const edge = edgeOf(path, ends[i])
      this.#taken.set(edge, (this.#taken.get(edge) ?? 0) + (isPart && isWild(path) ? 0 : 1))
    }
  }
}

/** The action in which an application ended that was cancelled or has failed. */
function cutAction({ status, error, next }: AppNode): string | undefined {
  const failed = status === 'failed' ? error?.fields?.['action'] : undefined
  return typeof failed === 'string' ? failed : next
}

/** The mark at an address. */
export const markAt = (run: RunMarks | undefined, path: string): ActionMark | undefined =>
  run !== undefined && Object.hasOwn(run.actions, path) ? run.actions[path] : undefined

/** The key of a way in {@link RunMarks}. */
export const edgeOf = (from: string, to: string | undefined): string => `${from} > ${to ?? ''}`

const statusOf = ({ status }: MapNode): BranchStatus => (status === 'reducing' ? 'running' : status)

async function* stepsOf(reader: Pick<Reader, 'steps'>, ref: RunRef, path: WirePath): AsyncGenerator<StepRecord> {
  for (let after: string | undefined; ; ) {
    const page = await reader.steps({ ...ref, path, limit: PAGE, ...(after !== undefined && { after }) })
    yield* page.items
    after = page.after
    if (after === undefined) return
  }
}
