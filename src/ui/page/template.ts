import { useMemo } from 'preact/hooks'
import { noCounts } from '../../read/status.js'
import type { AppNode } from '../../read/tree.js'
import { type GraphPicture, printedName } from '../../visualize/picture.js'
import type { LaidAction, LaidBranch, LaidPicture } from '../../visualize/places.js'
import type { RunMarks } from '../../visualize/run-marks.js'
import { actionOf } from './action-of.js'
import { inColumn, plainAction } from './column.js'

// Owns: one graph that stands for all branches of a map, with how many are at each of its actions.

/** One graph for all branches. */
interface Template {
  readonly graph: LaidPicture
  /** What stands before its addresses. */
  readonly above: string
  readonly marks: RunMarks
}

/** The graph of a branch, with how many branches are at each action. @param action undefined where no graph is recorded */
export const useTemplate = (
  action: LaidAction | undefined,
  path: string,
  branches: readonly AppNode[],
): Template | undefined =>
  useMemo(() => {
    const branch = action?.branches.find((one) => one.branch.isMany) ?? action?.branches[0]
    const above = `${branch?.branch.path ?? path}/`
    const found = (branch && below(branch)) ?? seenIn(branches, above)
    return found && { graph: found, above, marks: templateMarks(found.picture, branches) }
  }, [action, path, branches])

/** The graph of a branch; undefined where it is one action. */
const below = ({ branch, graph }: LaidBranch): LaidPicture | undefined =>
  branch.graph && graph && { picture: branch.graph, laid: graph.laid }

function seenIn(branches: readonly AppNode[], above: string): LaidPicture | undefined {
  const names = [...new Set(branches.flatMap((one) => actionOf(one) ?? []))]
  const entry = names[0]
  if (entry === undefined) return undefined
  const actions = names.map((name) => plainAction(`${above}${printedName(name)}`, name))
  return inColumn({ entry: `${above}${printedName(entry)}`, actions, edges: [] })
}

/** Where a graph is one way, a branch has done all actions up to the one where it stands. */
function templateMarks({ actions, edges }: GraphPicture, branches: readonly AppNode[]): RunMarks {
  const order = actions.map(({ name }) => name)
  const isLine = actions.every(
    ({ path }) => edges.filter(({ from, kind }) => from === path && kind === 'done').length <= 1,
  )
  const counts = new Map(order.map((name) => [name, noCounts()]))
  for (const one of branches) {
    const at = actionOf(one)
    const status = one.status === 'finished' || one.status === 'halted' ? 'done' : one.status
    const place = order.indexOf(at ?? '')
    if (isLine) for (const name of order.slice(0, Math.max(0, place))) (counts.get(name) ?? noCounts()).done += 1
    const here = counts.get(at ?? '')
    if (here !== undefined && status !== 'queued') here[status] += 1
  }
  return {
    taken: {},
    actions: Object.fromEntries(
      actions.map(({ path, name }) => {
        const own = counts.get(name) ?? noCounts()
        const worst = (['failed', 'running', 'retrying', 'waiting', 'interrupted', 'done', 'cancelled'] as const).find(
          (status) => own[status] > 0,
        )
        return [
          path,
          { status: worst === 'failed' && own.running > 0 ? 'running' : (worst ?? 'queued'), steps: 0, branches: own },
        ]
      }),
    ),
  }
}
