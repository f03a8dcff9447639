import { actionOf, countsByAction, countsOf } from '../../read/action-of.js'
import { type BranchCounts, noCounts } from '../../read/status.js'
import type { AppNode, MapNode } from '../../read/tree.js'
import { passedIn } from '../../visualize/branch-counts.js'
import { statusOfMany } from '../../visualize/mark-sums.js'
import { actionOfKey, type GraphPicture, printedName } from '../../visualize/picture.js'
import type { LaidAction, LaidBranch, LaidPicture } from '../../visualize/places.js'
import type { ActionMark, RunMarks } from '../../visualize/run-marks.js'
import { mapAlone } from './boxes.js'
import { inColumn, plainAction } from './column.js'

// Owns: the graph that stands for all branches of a map, or for those of each action, with how many are at each action.

/** One graph for all branches, or one for each action of a product. */
interface Template {
  readonly graph: LaidPicture
  /** What stands before the addresses of actions, for each graph. */
  readonly above: readonly string[]
  readonly marks: RunMarks
}

/** The graph of a branch, with how many branches are at each action. @param action undefined where no graph is recorded */
export function templateOf(
  action: LaidAction | undefined,
  path: string,
  map: Pick<MapNode, 'status' | 'counts'>,
  branches: readonly AppNode[],
): Template | undefined {
  const pairs = action?.branches.filter(({ branch }) => branch.isMany && branch.path !== `${path}/*`) ?? []
  if (action !== undefined && pairs.length > 0) return productOf(action, pairs, map, branches)
  const branch = action?.branches.find((one) => one.branch.isMany) ?? action?.branches[0]
  const above = `${branch?.branch.path ?? path}/`
  const found = (branch && below(branch)) ?? seenIn(branches, above)
  return found && { graph: found, above: [above], marks: marksOf(templateMarks(found.picture, branches)) }
}

const marksOf = (actions: RunMarks['actions']): RunMarks => ({ actions, taken: {} })

/** A graph for each action of a product. */
function productOf(
  action: LaidAction,
  pairs: readonly LaidBranch[],
  { status, counts }: Pick<MapNode, 'status' | 'counts'>,
  branches: readonly AppNode[],
): Template {
  const whole: ActionMark = { status: status === 'reducing' ? 'running' : status, steps: 0, branches: counts }
  const names = pairs.map(({ branch }) => branch.name)
  const marks = pairs.map(({ branch }) => {
    const own = branches.filter(({ key = '' }) => actionOfKey(names, key) === branch.name)
    return { [branch.path]: markOf(countsOf(own)), ...(branch.graph && templateMarks(branch.graph, own)) }
  })
  return {
    graph: mapAlone(action),
    above: pairs.map(({ branch }) => `${branch.path}/`),
    marks: marksOf(Object.assign({ [action.action.path]: whole }, ...marks)),
  }
}

const markOf = (at: BranchCounts): ActionMark => ({ status: statusOfMany(at), steps: 0, at })

/** The graph of a branch; undefined where it is one action. */
const below = ({ branch, graph }: LaidBranch): LaidPicture | undefined =>
  branch.graph && graph && { picture: branch.graph, laid: graph.laid }

function seenIn(branches: readonly AppNode[], above: string): LaidPicture | undefined {
  const names = [...new Set(branches.flatMap((one) => actionOf(one) ?? []))]
  const entry = names[0]
  if (entry === undefined) return undefined
  // They have the room of a map: numbers of branches stand beside their names.
  const actions = names.map((name) => plainAction(`${above}${printedName(name)}`, name, true))
  return inColumn({ entry: `${above}${printedName(entry)}`, actions, edges: [] })
}

function templateMarks(graph: GraphPicture, branches: readonly AppNode[]): RunMarks['actions'] {
  const counts = countsByAction(branches)
  const marks = marksOf(
    Object.fromEntries(graph.actions.map(({ path, name }) => [path, markOf(counts.get(name) ?? noCounts())])),
  )
  return { ...marks.actions, ...passedIn(graph, marks) }
}
