import type { AppNode, MapNode, StepRecord } from '../../read/tree.js'
import { printedPath } from '../../read/wire-path.js'
import { isUnread, listedSteps } from './listed-steps.js'
import type { AppModel, RunModel } from './run-model.js'
import { branchName } from './words.js'

// Owns: which rows the list of steps has: steps, and below a step the branches that it ran, with their own steps.
// S1  A branch has its own status, times and step numbers; nothing of its parent is shown in their place.
// S2  Zero is a step as any other.
// S3  A step that is not read yet has its row, which its step takes over. A filter finds only steps that are read.
// An application that an action made stands below the step of that action, also when the step is over.

/** One row of the list. */
export type Row = { readonly id: string; readonly level: number; readonly app: string } & (
  | { readonly kind: 'step'; readonly step: StepRecord; readonly map: MapNode | undefined; readonly opens: boolean }
  | { readonly kind: 'unread'; readonly sequenceId: number; readonly epoch: number; readonly opens: false }
  | { readonly kind: 'branch'; readonly node: AppNode; readonly name: string; readonly opens: true }
  | { readonly kind: 'map'; readonly map: MapNode; readonly more: number; readonly opens: false }
  | { readonly kind: 'pause'; readonly ms: number; readonly opens: false }
  | { readonly kind: 'loading'; readonly opens: false }
  | {
      readonly kind: 'iteration'
      readonly n: number
      readonly steps: number
      readonly status: StepRecord['status']
      readonly startedAt: number | undefined
      readonly endedAt: number | undefined
      readonly isUnfolded: boolean
      readonly opens: true
    }
)

/** A pause between two steps is a row when it is this long. */
const PAUSE_MS = 1000

/** The rows of an application, and of what is opened below it. */
export function rowsOf(run: RunModel, path: string, open: ReadonlySet<string>, wanted = ''): readonly Row[] {
  const rows: Row[] = []
  add(run, path, 1, open, wanted.toLowerCase(), rows)
  return rows
}

function add(run: RunModel, path: string, level: number, open: ReadonlySet<string>, wanted: string, rows: Row[]): void {
  const app = run.app(path)
  const steps = app.steps.value
  const unread = app.reading.unread.value
  const node = app.node
  const maps = new Map(node?.maps.map((map) => [`${map.epoch} ${map.sequenceId}`, map]))
  const children = new Map<number, AppNode[]>()
  for (const child of node?.children ?? []) {
    // Visits are counted from the first step.
    const maker = unread === undefined ? makerOf(child, steps, node?.epoch) : undefined
    const at = maker ?? node?.step?.sequenceId ?? -1
    children.set(at, [...(children.get(at) ?? []), child])
  }
  let ended: number | undefined
  for (const step of listedSteps(steps, unread)) {
    const id = rowIdOf(path, step)
    if (isUnread(step)) {
      ended = undefined
      const { sequenceId, epoch } = step
      if (wanted === '') rows.push({ kind: 'unread', id, level, app: path, sequenceId, epoch, opens: false })
      continue
    }
    if (step.placed !== undefined && (step.placed === 'start' || step.action === '') && step.placed !== 'rewind')
      continue
    const map = maps.get(`${step.epoch} ${step.sequenceId}`)
    const below = children.get(step.sequenceId) ?? []
    if (wanted !== '' && !`${step.action} ${step.status} ${step.sequenceId}`.toLowerCase().includes(wanted)) continue
    const pause = ended === undefined || step.startedAt === undefined ? 0 : step.startedAt - ended
    if (pause > PAUSE_MS && wanted === '')
      rows.push({
        kind: 'pause',
        id: `${path}·pause ${step.epoch} ${step.sequenceId}`,
        level,
        app: path,
        ms: pause,
        opens: false,
      })
    ended = step.endedAt
    const opens = map !== undefined || below.length > 0
    rows.push({ kind: 'step', id, level, app: path, step, map, opens })
    if (!open.has(id)) continue
    if (map !== undefined) addBranches(run, app, map, level + 1, open, rows)
    for (const child of below) addBranch(run, child, level + 1, open, rows)
  }
}

/** The id of the row of a step. */
export const rowIdOf = (path: string, { epoch, sequenceId }: Pick<StepRecord, 'epoch' | 'sequenceId'>): string =>
  `${path}@${epoch}.${sequenceId}`

/** The step whose action made an application: past ones are told by their visit. */
function makerOf({ path }: AppNode, steps: readonly StepRecord[], epoch = 0): number | undefined {
  const [action, visit = 1] = path.at(-1) ?? []
  const visits = steps.filter((step) => step.action === action && step.epoch === epoch && step.placed === undefined)
  return visits[visit - 1]?.sequenceId
}

function addBranches(
  run: RunModel,
  app: AppModel,
  map: MapNode,
  level: number,
  open: ReadonlySet<string>,
  rows: Row[],
): void {
  const items = app.branchesOf(map).value
  const id = `${app.path}/${map.map}#${map.visit}`
  if (items === undefined) {
    rows.push({ kind: 'loading', id, level, app: app.path, opens: false })
    return
  }
  for (const node of items) addBranch(run, node, level, open, rows)
  const total = Object.values(map.counts).reduce((sum, n) => sum + n, 0)
  rows.push({ kind: 'map', id, map, more: Math.max(0, total - items.length), level, app: app.path, opens: false })
}

function addBranch(run: RunModel, node: AppNode, level: number, open: ReadonlySet<string>, rows: Row[]): void {
  const path = printedPath(node.path)
  rows.push({ kind: 'branch', id: path, level, app: path, node, name: branchName(node), opens: true })
  if (open.has(path)) add(run, path, level + 1, open, '', rows)
}
