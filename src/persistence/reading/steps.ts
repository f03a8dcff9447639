import { cursorAt } from '../../read/cursor.js'
import { errorData } from '../../read/error-data.js'
import type { Payload } from '../../read/payload.js'
import { QueryCheck } from '../../read/query-check.js'
import type { AppTarget, PageOf, StepQuery } from '../../read/reader.js'
import { STEP_STATUSES } from '../../read/status.js'
import type { Patch, StepRecord } from '../../read/tree.js'
import type { WirePath } from '../../read/wire-path.js'
import type { PersisterDriver, Row } from '../driver.js'
import { corrupt } from '../faults.js'
import { actionOf, isStateLabel } from '../labels.js'
import { loadState } from '../loading.js'
import { millisecondsOf } from '../order.js'
import { USUAL_EDGE } from '../record.js'
import { isSealedRow } from '../seal.js'
import { bareNode, isOfStep, nodeOf } from './app-node.js'
import { type Found, findApp } from './find-app.js'
import { openRun, type RunReading } from './open-run.js'

// Owns: the steps and the state of one application.
// S1  A damaged row is given with its error: its step, its action and its time are still known.

/** Number of rows that are read together. */
const AT_ONCE = 200

/** The steps of an application, in the order of writing; the one under way is the last. */
export async function listSteps(driver: PersisterDriver, query: StepQuery): Promise<PageOf<StepRecord>> {
  const check = new QueryCheck('steps', query, 'runId partitionKey path from to status limit after')
  const [rootId, partitionKey, path] = [check.needed('runId'), check.onePartition(), check.path()]
  const [from = -1, to = Infinity] = [check.whole('from', -1), check.whole('to', -1)]
  const status = check.oneOrMany('status', STEP_STATUSES)
  const limit = check.limit()
  const place = check.after('step', 'i')
  check.done()
  const reading = await openRun(driver, partitionKey, rootId)
  const found = reading && (await findApp(reading.source, reading, path))
  const known = found?.known
  if (reading === undefined || found === undefined) return { items: [] }
  const items: StepRecord[] = []
  const isInRange = ({ sequenceId }: Pick<StepRecord, 'sequenceId'>): boolean => sequenceId >= from && sequenceId <= to
  const fits = (step: StepRecord): boolean => isInRange(step) && status?.includes(step.status) !== false
  const given = (place?.[0] as number | undefined) ?? -1
  let index = given - 1 // the last one of the page before is read again: it tells what follows
  let last: Row | undefined
  while (known !== undefined) {
    const rows = await driver.rows(partitionKey, known.appId, { from: Math.max(0, index + 1), limit: AT_ONCE })
    for (const row of rows) {
      index = row.index
      if (row.kind === 'note') continue
      last = row
      if (index <= given || !isInRange(row)) continue
      const step = stepOf(row, path)
      if (!fits(step)) continue
      items.push(step)
      if (items.length === limit) return { items, after: cursorAt('step', [index]) }
    }
    if (rows.length < AT_ONCE) break
  }
  const open = openStep(reading, found) ?? stepAfter(last && stepOf(last, path), found.status)
  if (open !== undefined && fits(open)) items.push(open)
  return { items }
}

/** The step that is under way, or did not commit. */
function openStep({ beat }: RunReading, { known, bare, path, status }: Found): StepRecord | undefined {
  if (known === undefined) return bareNode(bare, path, status).step
  const { summary } = known
  const own = beat?.branches.find(({ appId }) => appId === known.appId)
  return nodeOf(known, { path, status, since: summary.since, pending: [], beat: own }).step
}

/**
 * The step behind the last one that has committed. The action that runs is stored again only when its application waits
 * or ends: before that, the edge that was taken tells it.
 */
function stepAfter(last: StepRecord | undefined, status: Found['status']): StepRecord | undefined {
  if (last?.took === undefined || !isOfStep(status)) return undefined
  const { appId, path, epoch, sequenceId, took } = last
  return { appId, path, action: took.to, sequenceId: sequenceId + 1, epoch, status }
}

/** The members of a row of a step that readers use. */
interface RowData {
  readonly p?: unknown
  readonly n: string | null
  readonly r?: 1
  /** Duration of the last attempt, in milliseconds. Older code has stored none. */
  readonly l?: number
  /** Number of the last attempt, if it is not the first. */
  readonly i?: number
  /** The name of the edge, if it is not the usual one. */
  readonly y?: string
  /** Whether it is an error transition. */
  readonly j?: 1
}

function stepOf(row: Row, path: WirePath): StepRecord {
  const { appId, sequenceId, epoch, label, order } = row
  const placed = isStateLabel(label) ? label : undefined
  const endedAt = millisecondsOf(order)
  const head = {
    appId,
    path,
    action: placed === undefined ? actionOf(label) : '',
    sequenceId,
    epoch,
    status: 'done',
  } as const
  const data = dataOf(row)
  if (data instanceof Error)
    return { ...head, ...(placed !== undefined && { placed }), endedAt, error: errorData(data) }
  const { p, n, r, l, i, y = USUAL_EDGE, j } = data
  const edge = { ...(l !== undefined && { condition: y }), ...(j === 1 && { onError: true }) }
  const took = n === null || placed !== undefined ? undefined : { to: n, ...edge }
  return {
    ...head,
    ...(placed !== undefined && { placed }),
    ...(l !== undefined && { attempt: i ?? 1, startedAt: endedAt - l, durationMs: l }),
    ...(r === 1 && { recovered: true }),
    endedAt,
    ...(p !== undefined && p !== null && { patch: p as Patch }),
    ...(took !== undefined && { took }),
  }
}

/** @returns the error, if the row is damaged */
function dataOf(row: Row): RowData | Error {
  try {
    if (!isSealedRow(row)) throw new SyntaxError('its checksum does not match.')
    return JSON.parse(row.data) as RowData
  } catch (error) {
    return corrupt(row.appId, row, error)
  }
}

/** The state of an application in the stored form. */
export async function readState(
  driver: PersisterDriver,
  query: AppTarget & { readonly sequenceId?: number; readonly epoch?: number },
): Promise<Payload | undefined> {
  const check = new QueryCheck('state', query, 'runId partitionKey path sequenceId epoch')
  const [rootId, partitionKey, path] = [check.needed('runId'), check.onePartition(), check.path()]
  const [sequenceId, epoch] = [check.whole('sequenceId', -1), check.whole('epoch', 0)]
  check.done()
  const reading = await openRun(driver, partitionKey, rootId)
  const found = reading && (await findApp(reading.source, reading, path))
  if (found?.known === undefined) return undefined
  const until = sequenceId === undefined ? undefined : { sequenceId, epoch }
  const state = await loadState((ids, to) => driver.load(partitionKey, ids, to), found.known.appId, until)
  return state as Payload | undefined
}
