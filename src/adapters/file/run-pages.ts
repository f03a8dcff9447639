import { type CursorPlace, cursorAt } from '../../read/cursor.js'
import { QueryCheck } from '../../read/query-check.js'
import type { DueQuery, PageOf, Paging, PendingQuery, ReadFault, RunFilter, RunNumbers } from '../../read/reader.js'
import type { RunSummary } from '../../read/run-summary.js'
import { isOpen, RUN_STATUSES, type RunStatus } from '../../read/status.js'
import type { Pending } from '../../read/tree.js'
import { keyOf } from './index-file.js'
import { type FoundRuns, orFault } from './read-faults.js'

// Owns: pages of the runs of a folder, and of their questions, from all of them.

const DEFAULT_UP_TO = 10_000
const FILTERS = 'partitionKey status name labels createdFrom createdTo retrying pending leaked text'

/** Reads all runs. */
type Runs = () => Promise<FoundRuns>

/** Runs, newest first. @throws {InputError} for an invalid query, before anything is read */
export async function listRuns(runs: Runs, query: RunFilter & Paging = {}): Promise<PageOf<RunSummary>> {
  const check = new QueryCheck('list', query, `${FILTERS} limit after`)
  const fits = filterOf(check)
  const limit = check.limit()
  const place = check.after('run', '0sn')
  check.done()
  const after = place && placeOfRun(place)
  const found = await runs()
  const all = found.runs.filter((run) => fits(run) && (after === undefined || newestFirst(run, after) > 0))
  const page = pageOf(all, newestFirst, limit, ({ partitionKey, runId, createdAt }) =>
    cursorAt('run', [partitionKey, runId, createdAt]),
  )
  return { ...page, ...faultsOf(found, query) }
}

/** Numbers of runs by status. @throws {InputError} for an invalid query, before anything is read */
export async function countRuns(
  runs: Runs,
  query: RunFilter & { readonly upTo?: number | undefined } = {},
): Promise<RunNumbers> {
  const check = new QueryCheck('count', query, `${FILTERS} upTo`)
  const fits = filterOf(check)
  const upTo = check.whole('upTo', 1) ?? DEFAULT_UP_TO
  check.done()
  const counts = new Map<RunStatus, number>()
  const all = await runs()
  for (const run of all.runs) if (fits(run)) counts.set(run.status, (counts.get(run.status) ?? 0) + 1)
  const found = RUN_STATUSES.filter((status) => counts.has(status))
  const capped = found.filter((status) => (counts.get(status) ?? 0) > upTo)
  const numbers = Object.fromEntries(found.map((status) => [status, Math.min(upTo, counts.get(status) ?? 0)]))
  const unreadable = all.faults.filter(isIn(query)).length
  return { ...numbers, ...(capped.length > 0 && { capped }), ...(unreadable > 0 && { unreadable }) }
}

/** Runs that are to be continued, earliest first. @throws {InputError} for an invalid query, before anything is read */
export async function listDue(runs: Runs, query: DueQuery = {}): Promise<PageOf<RunSummary>> {
  const check = new QueryCheck('due', query, 'partitionKey before limit after')
  const [partition, before = Date.now(), limit] = [check.partition(), check.time('before'), check.limit()]
  const place = check.after('due', 'n0s')
  check.done()
  const after = place && placeOfDue(place)
  const found = await runs()
  const all = found.runs.filter(
    (run) =>
      (partition === undefined || run.partitionKey === partition) &&
      dueAt(run) <= before &&
      (after === undefined || earliestFirst(run, after) > 0),
  )
  const page = pageOf(all, earliestFirst, limit, (run) => cursorAt('due', [dueAt(run), run.partitionKey, run.runId]))
  return { ...page, ...faultsOf(found, query) }
}

/**
 * Open questions, oldest first.
 * @param questions those of one run
 * @throws {InputError} for an invalid query, before anything is read
 */
export async function listPending(
  runs: Runs,
  questions: (run: RunSummary) => Promise<readonly Pending[]>,
  query: PendingQuery = {},
): Promise<PageOf<Pending>> {
  const check = new QueryCheck('pending', query, 'partitionKey kinds answered labels limit after')
  const [partition, kinds] = [check.partition(), check.texts('kinds')]
  const [answered, labels = {}, limit] = [check.flag('answered') ?? false, check.labels(), check.limit()]
  const place = check.after('wait', 'nsn0')
  check.done()
  const found: Pending[] = []
  const all = await runs()
  const faults = [...all.faults]
  for (const run of all.runs) {
    const isOther = partition !== undefined && run.partitionKey !== partition
    if (isOther || run.pending === 0 || !isOpen(run.status)) continue
    if (!Object.entries(labels).every(([name, value]) => run.labels[name] === value)) continue
    for (const one of (await orFault(faults, () => questions(run), run)) ?? []) found.push(one)
  }
  const after = place as QuestionPlace | undefined
  const fits = found.filter(
    (one) =>
      one.answered === answered &&
      (kinds === undefined || one.kinds.some((kind) => kinds.includes(kind))) &&
      (after === undefined || oldestFirst(placeOf(one), after) > 0),
  )
  const page = pageOf(
    fits,
    (a, b) => oldestFirst(placeOf(a), placeOf(b)),
    limit,
    (last) => cursorAt('wait', placeOf(last)),
  )
  return { ...page, ...faultsOf({ ...all, faults }, query) }
}

/** The faults that a list tells: all of them on its first page. */
function faultsOf(
  { faults, ofIndexes }: FoundRuns,
  query: Pick<RunFilter & Paging, 'partitionKey' | 'after'>,
): { readonly faults?: readonly ReadFault[] } {
  if (query.after !== undefined) return {}
  const told = [...faults.filter(isIn(query)), ...ofIndexes]
  return told.length > 0 ? { faults: told } : {}
}

/** Whether a fault is, or may be, of a run of the partition that is asked for. */
const isIn =
  ({ partitionKey = null }: Pick<RunFilter, 'partitionKey'>) =>
  (one: ReadFault): boolean =>
    partitionKey === '*' || one.partitionKey === undefined || one.partitionKey === partitionKey

/** When a run is to be continued: at once if its process is gone, or at a time that it waits for. */
const dueAt = ({ status, since, nextAt = Infinity }: Due): number =>
  status === 'interrupted' ? since : status === 'waiting' ? nextAt : Infinity

type Due = Pick<RunSummary, 'status' | 'since' | 'partitionKey' | 'runId'> & { readonly nextAt?: number }
type Place = Pick<RunSummary, 'runId' | 'partitionKey' | 'createdAt'>

const placeOfRun = ([partitionKey, runId, createdAt]: CursorPlace): Place =>
  ({ partitionKey, runId, createdAt }) as unknown as Place

const placeOfDue = ([nextAt, partitionKey, runId]: CursorPlace): Due =>
  ({ status: 'waiting', since: 0, nextAt, partitionKey, runId }) as unknown as Due

/** @param order of all; the first `limit` are given */
function pageOf<T>(
  all: readonly T[],
  order: (a: T, b: T) => number,
  limit: number,
  cursor: (last: T) => string,
): PageOf<T> {
  const sorted = [...all].sort(order)
  const items = sorted.slice(0, limit)
  const last = sorted.length > limit ? items.at(-1) : undefined
  return { items, ...(last !== undefined && { after: cursor(last) }) }
}

const compare = (a: string | number, b: string | number): number => (a < b ? -1 : a > b ? 1 : 0)
const newestFirst = (a: Place, b: Place): number => b.createdAt - a.createdAt || compare(keyOf(b), keyOf(a))
const earliestFirst = (a: Due, b: Due): number => dueAt(a) - dueAt(b) || compare(keyOf(a), keyOf(b))

function filterOf(check: QueryCheck): (run: RunSummary) => boolean {
  const partition = check.partition()
  const status = check.oneOrMany('status', RUN_STATUSES)
  const [name, labels = {}, text] = [check.text('name'), check.labels(), check.text('text')?.toLowerCase()]
  const [from = -Infinity, to = Infinity] = [check.time('createdFrom'), check.time('createdTo')]
  const [retrying, pending, leaked] = [check.flag('retrying'), check.flag('pending'), check.flag('leaked')]
  const wanted = Object.entries(labels)
  return (run) =>
    (partition === undefined || run.partitionKey === partition) &&
    (status === undefined || status.includes(run.status)) &&
    (name === undefined || run.name === name) &&
    wanted.every(([label, value]) => Object.hasOwn(run.labels, label) && run.labels[label] === value) &&
    run.createdAt >= from &&
    run.createdAt < to &&
    !(retrying === true && run.retrying === 0) &&
    !(pending === true && run.pending === 0) &&
    !(leaked === true && run.leaked === 0) &&
    (text === undefined || run.runId.toLowerCase().includes(text) || run.title?.toLowerCase().includes(text) === true)
}

type QuestionPlace = readonly [since: number, appId: string, n: number, partitionKey: string | null]

function placeOf({ since, appId, id, partitionKey }: Pending): QuestionPlace {
  const n = Number(id.split('.').at(-1) ?? 0)
  return [since, appId, Number.isSafeInteger(n) ? n : 0, partitionKey]
}

const oldestFirst = (a: QuestionPlace, b: QuestionPlace): number =>
  a[0] - b[0] || compare(a[1], b[1]) || a[2] - b[2] || compare(a[3] ?? '', b[3] ?? '')
