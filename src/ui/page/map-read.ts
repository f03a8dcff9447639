import type { BranchQuery } from '../../read/reader.js'
import { type BranchCounts, type BranchStatus, noCounts } from '../../read/status.js'
import type { AppNode, MapNode, RunTree } from '../../read/tree.js'
import { clientOf } from './client.js'
import type { RunId } from './run-model.js'
import { isOpen, LETTERS } from './words.js'

// Owns: what is read of a map for its screen.
// Numbers and mosaic are of all branches; so many of them are read one by one.

const PAGE = 1000
const MOST_READ = 5000

/** A map, as its screen shows it. */
export interface ReadMap {
  readonly tree: RunTree
  readonly map: MapNode
  /** A letter a branch. */
  readonly letters: string
  /** Number of branches that never started, and have no record: the map was closed before. */
  readonly unrecorded: number
  readonly branches: readonly AppNode[]
}

/** The map of an address. */
export interface MapRef extends Omit<RunId, 'project'> {
  readonly path: string
  readonly map: string
  readonly visit: number
  readonly epoch: number | undefined
}

/** Reads a map. Without it, the run alone, which may come to it; undefined when there is no such run or branch. */
export async function readMap(
  project: string,
  { map, visit, epoch, ...ref }: MapRef,
): Promise<ReadMap | { readonly tree: RunTree; readonly map: undefined } | undefined> {
  const client = clientOf(project)
  const tree = await client.describe({ ...ref, first: 1, depth: 1 })
  const fits = (one: MapNode): boolean =>
    one.map === map && one.visit === visit && (epoch === undefined || one.epoch === epoch)
  const found = tree?.root.maps.find(fits)
  if (tree === undefined || found === undefined) return tree && { tree, map: undefined }
  const query = { ...ref, map, visit, epoch: found.epoch }
  const [{ letters, more }, branches] = await Promise.all([client.mosaic(query), readBranches(project, query)])
  const all = found.total ?? Object.values(found.counts).reduce((sum, n) => sum + n, 0)
  const unrecorded = isOpen(found.status) || more === true ? 0 : Math.max(0, all - letters.length)
  return { tree, map: found, letters: letters + 'c'.repeat(unrecorded), unrecorded, branches }
}

async function readBranches(project: string, query: BranchQuery): Promise<readonly AppNode[]> {
  const items: AppNode[] = []
  for (let after: string | undefined; items.length < MOST_READ; ) {
    const page = await clientOf(project).branches({ ...query, limit: PAGE, ...(after !== undefined && { after }) })
    for (const item of page.items) items.push(item)
    after = page.after
    if (after === undefined) break
  }
  return items
}

/** Numbers of branches by status. */
export function countsOf(letters: string): BranchCounts {
  const counts = noCounts()
  for (const letter of letters) {
    const status = LETTERS[letter] as BranchStatus | undefined
    if (status !== undefined) counts[status] += 1
  }
  return counts
}
