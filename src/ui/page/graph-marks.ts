import type { BranchStatus } from '../../read/status.js'
import type { AppNode, MapNode, StepRecord } from '../../read/tree.js'
import { type EdgePicture, printedName } from '../../visualize/picture.js'
import type { LaidPicture } from '../../visualize/places.js'
import { type ActionMark, edgeOf, type RunMarks } from '../../visualize/run-marks.js'
import { inColumn, plainAction } from './column.js'

// Owns: what the steps of an application add to its picture, and the picture that they show where none is recorded.

const isStep = ({ placed, action }: StepRecord): boolean => placed === undefined && action !== ''

/** Whether a step came behind another one: not after a rewind, nor where steps between them are not read. */
const isNext = (last: StepRecord, { sequenceId, epoch }: StepRecord): boolean =>
  last.epoch === epoch && last.sequenceId + 1 === sequenceId

/** The graph that the steps of an application show, where no other is recorded. */
export function graphSeen(
  steps: readonly StepRecord[],
  maps: readonly MapNode[],
  above: string,
): LaidPicture | undefined {
  const names = [...new Set([...steps.filter(isStep).map(({ action }) => action), ...maps.map(({ map }) => map)])]
  const entry = names[0]
  if (entry === undefined) return undefined
  const edges = new Map<string, EdgePicture>()
  let last: StepRecord | undefined
  for (const step of steps.filter(isStep)) {
    if (last !== undefined && last.status === 'done' && isNext(last, step)) {
      const [from, to] = [`${above}${printedName(last.action)}`, `${above}${printedName(step.action)}`]
      const isBack = names.indexOf(step.action) <= names.indexOf(last.action)
      const condition = last.took?.condition
      const label = condition === undefined || condition === 'default' ? '' : condition
      edges.set(edgeOf(from, to), { from, to, kind: 'done', label, isBack })
    }
    last = step
  }
  return inColumn({
    entry: `${above}${printedName(entry)}`,
    actions: names.map((name) =>
      plainAction(
        `${above}${printedName(name)}`,
        name,
        maps.some(({ map }) => map === name),
      ),
    ),
    edges: [...edges.values()],
  })
}

/** Marks whose numbers are not known. */
export function withoutNumbers({ actions, taken }: RunMarks): RunMarks {
  const bare = Object.entries(actions).map(([path, mark]) => [path, { ...mark, steps: 0 }] as const)
  return {
    actions: Object.fromEntries(bare),
    taken: Object.fromEntries(Object.keys(taken).map((way) => [way, 0])),
  }
}

const statusOf = (status: string): BranchStatus =>
  status === 'reducing' ? 'running' : status === 'finished' || status === 'halted' ? 'done' : (status as BranchStatus)

/**
 * What the steps of an application add to its picture.
 * @param node undefined for a moment of the past: what is known of now is left out
 */
export function marksOf(steps: readonly StepRecord[], node: AppNode | undefined, above: string): RunMarks {
  const actions: Record<string, ActionMark> = {}
  const taken: Record<string, number> = {}
  const mark = (action: string, status: BranchStatus, more: number): void => {
    const path = `${above}${printedName(action)}`
    actions[path] = { ...actions[path], status, steps: (actions[path]?.steps ?? 0) + more }
  }
  const take = (from: StepRecord, to: string | undefined): void => {
    const edge = edgeOf(`${above}${printedName(from.action)}`, to && `${above}${printedName(to)}`)
    taken[edge] = (taken[edge] ?? 0) + 1
  }
  let last: StepRecord | undefined
  for (const step of steps.filter(isStep)) {
    if (last !== undefined && isNext(last, step)) take(last, step.action)
    mark(step.action, step.status, step.status === 'done' ? 1 : 0)
    last = step.status === 'done' ? step : undefined
  }
  if (node === undefined) return { actions, taken }
  if (last !== undefined && ['finished', 'halted', 'done'].includes(node.status)) take(last, undefined)
  const { step } = node
  if (step !== undefined && step.action !== '') mark(step.action, step.status, 0)
  const shown = new Set<string>()
  for (const map of node.maps) {
    if (shown.has(map.map)) continue
    shown.add(map.map)
    const path = `${above}${printedName(map.map)}`
    actions[path] = { steps: actions[path]?.steps ?? 0, status: statusOf(map.status), branches: map.counts }
    markBranches(actions, path, map)
  }
  return { actions, taken }
}

/** What is known of single branches is added to `*`, which stands for any number of them. */
function markBranches(actions: Record<string, ActionMark>, map: string, { branches }: MapNode): void {
  for (const branch of branches.flatMap((page) => page.items)) {
    const status = statusOf(branch.status)
    const at = branch.step?.action ?? branch.next
    const mark = (path: string, one: BranchStatus): void => {
      const known = actions[path]?.status
      const worst = known === undefined || ATTENTION.indexOf(one) > ATTENTION.indexOf(known) ? one : known
      actions[path] = { status: worst, steps: 0 }
    }
    mark(`${map}/*`, status)
    if (branch.position !== undefined) mark(`${map}/*/${printedName(branch.position)}`, 'done')
    if (at !== undefined && status !== 'done') mark(`${map}/*/${printedName(at)}`, status)
  }
}

const ATTENTION: readonly BranchStatus[] = [
  ...(['queued', 'done', 'cancelled', 'interrupted', 'waiting', 'retrying', 'running', 'failed'] as const),
]
