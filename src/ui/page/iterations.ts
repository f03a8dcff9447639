import type { StepRecord } from '../../read/tree.js'
import type { Row } from './step-rows.js'

// Owns: the steps of a loop, iteration by iteration.
// An iteration begins at each visit of the first action that is visited again. What stands before it is in none.
// The iteration of the step that is shown is unfolded, so that it is in sight.

type StepRow = Extract<Row, { readonly kind: 'step' }>

/** The action at which iterations begin; undefined where nothing is visited again. */
export function loopHead(steps: readonly Pick<StepRecord, 'action' | 'epoch' | 'placed'>[]): string | undefined {
  const visits = new Map<string, number>()
  for (const { action, placed, epoch } of steps) {
    const key = JSON.stringify([epoch, action])
    if (placed === undefined) visits.set(key, (visits.get(key) ?? 0) + 1)
  }
  return steps.find(({ action, epoch }) => (visits.get(JSON.stringify([epoch, action])) ?? 0) > 1)?.action
}

/** Rows with one above each iteration. @param shown the id of the row that is shown */
export function byIteration(
  rows: readonly Row[],
  head: string,
  open: ReadonlySet<string>,
  shown: string | undefined,
): readonly Row[] {
  const made: Row[] = []
  let [epoch, n] = [0, 0]
  let inside: Row[] | undefined
  const close = (): void => {
    if (inside !== undefined) addIteration(made, inside, n, open, shown)
    inside = undefined
  }
  for (const row of rows) {
    if (row.kind === 'step' && row.level === 1) {
      if (row.step.epoch !== epoch) {
        close()
        epoch = row.step.epoch
        n = 0
      }
      if (row.step.action === head) {
        close()
        n += 1
        inside = []
      }
    }
    if (inside === undefined) made.push(row)
    else inside.push(lower(row))
  }
  close()
  return made
}

const lower = (row: Row): Row => ({ ...row, level: row.level + 1 })

function addIteration(
  made: Row[],
  inside: readonly Row[],
  n: number,
  open: ReadonlySet<string>,
  shown: string | undefined,
): void {
  const steps = inside.filter((row): row is StepRow => row.kind === 'step' && row.level === 2).map(({ step }) => step)
  const [first, last] = [steps[0], steps.at(-1)]
  if (first === undefined || last === undefined) return
  const id = `iteration ${first.epoch} ${n}`
  const isUnfolded = open.has(id) || inside.some((row) => row.id === shown)
  const status = steps.find((step) => step.status === 'failed')?.status ?? last.status
  const own = { id, level: 1, app: inside[0]?.app ?? '', startedAt: first.startedAt, endedAt: last.endedAt }
  const row: Row = { kind: 'iteration', n, steps: steps.length, status, isUnfolded, opens: true, ...own }
  made.push(row)
  if (isUnfolded) for (const one of inside) made.push(one)
}
