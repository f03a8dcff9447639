import { hashId } from '../internal/ids.js'
import type { WirePath } from '../read/wire-path.js'
import { type ActionPicture, actionOfKey, type BranchPicture, type GraphPicture, printedName } from './picture.js'
import { markAt, type RunMarks } from './run-marks.js'

// Owns: the picture of a run: the picture of its graph, in which the branches that a map has are boxes of their own.
// Does not own: which branches a map has (run-marks.ts).
// B1  A map whose branches are known to be at most twelve has a box for each, by its key. Any other keeps the branch that
//     stands for all of them. Maps nearer to the root come first, as long as there are at most 60 boxes.
// B2  A box has the graph of its branch, and each address in it is its own. What is no branch stays as it is.

/** A picture becomes hard to read with more; the branches of other maps stay one. */
const MOST_BOXES = 60

/** Options of {@link pictureOfRun}. */
interface RunPictureOptions {
  /** Number of levels of branches that are drawn, as the picture was made with. Default: all. */
  readonly depth?: number | undefined
}

/** The picture of a run. Without marks it is that of the graph. */
export function pictureOfRun(
  graph: GraphPicture,
  run: RunMarks | undefined,
  { depth = Number.POSITIVE_INFINITY }: RunPictureOptions = {},
): GraphPicture {
  return run === undefined ? graph : redrawn(graph, boxesOf(graph, run, depth))
}

/** A short name of the boxes of a run: equal for equal boxes of equal graphs. */
export function shapeOf(name: string, graph: GraphPicture, run: RunMarks): string {
  const boxes = [...boxesOf(graph, run, Number.POSITIVE_INFINITY)]
  return hashId(JSON.stringify([name, graph.entry, boxes.map(([map, all]) => [map, all.map((one) => one.path)])]))
}

/** The graph of the application at a path, with its own addresses; undefined where it is one action or unknown. */
export function pictureAt(root: GraphPicture, path: WirePath): GraphPicture | undefined {
  let graph: GraphPicture | undefined = root
  let above = ''
  for (const [map, , key] of path) {
    const action: ActionPicture | undefined = graph?.actions.find(({ name }) => name === map)
    above = `${above}${printedName(map)}/${printedName(key)}`
    graph = action && boxOf(action, key, above, '').graph
    above = `${above}/`
  }
  return graph
}

type Boxes = ReadonlyMap<string, readonly BranchPicture[]>

/** The boxes of each map that has them, breadth first (B1). */
function boxesOf(graph: GraphPicture, run: RunMarks, depth: number): Boxes {
  const found = new Map<string, readonly BranchPicture[]>()
  let room = MOST_BOXES
  let level: readonly GraphPicture[] = [graph]
  for (let i = 0; i < depth && level.length > 0; i++) {
    level = level.flatMap(({ actions }) =>
      actions.flatMap((action) => {
        const boxes = boxesOfMap(action, markAt(run, action.path)?.keys)
        if (boxes !== undefined && boxes.length <= room) {
          found.set(action.path, boxes)
          room -= boxes.length
        }
        return (found.get(action.path) ?? action.branches).flatMap((one) => one.graph ?? [])
      }),
    )
  }
  return found
}

function boxesOfMap(action: ActionPicture, keys: readonly string[] | undefined): readonly BranchPicture[] | undefined {
  if (!action.isMap || action.more > 0 || keys === undefined || keys.length === 0) return undefined
  const used = new Set(keys.map((key) => templateOf(action, key)))
  const made = keys.map((key, i) => {
    const name = key === String(i) || key === '' ? `branch ${i}` : key
    return boxOf(action, key, `${action.path}/${printedName(key)}`, name)
  })
  // Branches that are known by name, and have not been made yet.
  return [...made, ...action.branches.filter((one) => !isAnyOf(action, one) && !used.has(one))]
}

/** The branch that a box is drawn after: its own one, that of its action in a product, or the one for any number. */
function templateOf({ path, branches }: ActionPicture, key: string): BranchPicture | undefined {
  const own = branches.find((one) => !one.isMany && one.path === `${path}/${printedName(key)}`)
  if (own !== undefined) return own
  const named = branches.filter((one) => !isAnyOf({ path }, one))
  const action = actionOfKey(
    named.map(({ name }) => name),
    key,
  )
  if (action === undefined) return branches.find((one) => isAnyOf({ path }, one))
  return named.find(({ name }) => name === action)
}

/** Whether it stands for all branches of its map that no other is for. */
const isAnyOf = ({ path }: Pick<ActionPicture, 'path'>, branch: BranchPicture): boolean => branch.path === `${path}/*`

function boxOf(action: ActionPicture, key: string, path: string, name: string): BranchPicture {
  const template = templateOf(action, key)
  if (template === undefined) return { path, name, isMany: false }
  if (template.path === path && !template.isMany) return template
  return { path, name, isMany: false, graph: template.graph && moved(template.graph, template.path, path) }
}

/** The same graph at another address (B2). */
function moved(graph: GraphPicture, from: string, to: string): GraphPicture {
  const at = (path: string): string => `${to}${path.slice(from.length)}`
  return {
    entry: at(graph.entry),
    edges: graph.edges.map((edge) => ({ ...edge, from: at(edge.from), to: edge.to && at(edge.to) })),
    actions: graph.actions.map((action) => ({
      ...action,
      path: at(action.path),
      branches: action.branches.map((one) => ({
        ...one,
        path: at(one.path),
        graph: one.graph && moved(one.graph, from, to),
      })),
    })),
  }
}

function redrawn(graph: GraphPicture, boxes: Boxes): GraphPicture {
  if (boxes.size === 0) return graph
  return {
    ...graph,
    actions: graph.actions.map((action) => ({
      ...action,
      branches: (boxes.get(action.path) ?? action.branches).map((one) => ({
        ...one,
        graph: one.graph && redrawn(one.graph, boxes),
      })),
    })),
  }
}
