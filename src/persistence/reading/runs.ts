import type { Mutable } from '../../internal/type-tools.js'
import type { CursorPlace } from '../../read/cursor.js'
import { cursorAt } from '../../read/cursor.js'
import { QueryCheck } from '../../read/query-check.js'
import type { DueQuery, PageOf, Paging, RunFilter, RunNumbers } from '../../read/reader.js'
import type { RunSummary, WorkerInfo } from '../../read/run-summary.js'
import { isOpen, RUN_STATUSES, type RunStatus } from '../../read/status.js'
import type { PersisterDriver } from '../driver.js'
import { parseFacts } from '../facts.js'
import { millisecondsOf } from '../order.js'
import type { RunQuery, StoredRun, SummaryStatus } from '../summary.js'
import { damagedApp, derivedFrom } from './derived.js'
import { countsOf } from './maps.js'
import { aboveIn, runStatusOf } from './resolved.js'
import { factsOf, type KnownApp, Source } from './source.js'
import { beatOf, openMapOf, placeIn } from './standing.js'

// Owns: runs in lists: their status, filters, pages and numbers.
// L1  A run that older code has stored has no summary. Its record is loaded, so that no filter hides it.

/** Maximum number of runs without a summary that one page looks at. */
const MOST_DERIVED = 500
const DEFAULT_UP_TO = 10_000
const FILTERS = 'partitionKey status name labels createdFrom createdTo retrying pending leaked text'

/** A run, with its summary or the one derived from its record. */
export interface KnownRun {
  readonly run: StoredRun
  readonly root: KnownApp
  readonly status: RunStatus
  /** Whether its summary was derived. */
  readonly derived: boolean
}

/** @returns undefined if it was deleted meanwhile */
export async function knownRun(driver: PersisterDriver, run: StoredRun): Promise<KnownRun | undefined> {
  const { summary, rootId, last, expired, partitionKey } = run
  if (summary !== undefined) {
    const root = { appId: rootId, summary, facts: factsOf(summary), last }
    return { run, root, status: runStatusOf(summary.status, expired), derived: false }
  }
  const root = await derivedRoot(new Source(driver, partitionKey), run)
  return root && { run, root, status: runStatusOf(root.summary.status, false), derived: true }
}

async function derivedRoot(source: Source, { rootId, last }: StoredRun): Promise<KnownApp | undefined> {
  try {
    const record = await source.record(rootId)
    return record && (await derivedFrom(source, record))
  } catch (error) {
    return damagedApp(rootId, last, error)
  }
}

/** A run as lists give it. */
export async function summaryOf(driver: PersisterDriver, known: KnownRun): Promise<RunSummary> {
  const branches = await branchesIn(driver, known)
  const found = bareSummaryOf(known)
  return branches === undefined ? found : { ...found, branches }
}

/** The same, without the numbers of branches. */
export function bareSummaryOf({ run, root, status }: KnownRun): RunSummary {
  const { partitionKey, rootId, born, expired, claim, wakeAt } = run
  const { summary, facts, last } = root
  const { name, title, nextAt, pending, retrying, leaked } = summary
  const { startedAt, endedAt, graph, error, cancelled, forkedFrom } = facts
  const { position, next } = placeIn(root)
  const heldBy = expired || !isOpen(status) ? undefined : workerOf(run)
  const createdAt = millisecondsOf(born)
  // Optional members are set one by one: on a page, spreading them takes longer than all else.
  const found: Mutable<RunSummary> = {
    runId: rootId,
    partitionKey,
    labels: run.summary?.labels ?? {},
    status,
    since: expired && status === 'interrupted' ? (wakeAt ?? summary.since) : summary.since,
    createdAt,
    updatedAt: Math.max(createdAt, summary.since, last === undefined ? 0 : millisecondsOf(last.order)),
    sequenceId: last?.sequenceId ?? -1,
    epoch: last?.epoch ?? facts.epoch,
    incarnation: claim?.incarnation ?? 0,
    pending,
    retrying,
    leaked,
  }
  if (name !== undefined) found.name = name
  if (graph !== undefined) found.graph = graph
  if (title !== undefined) found.title = title
  if (startedAt !== undefined) found.startedAt = startedAt
  if (endedAt !== undefined && !isOpen(status)) found.endedAt = endedAt
  if (position !== undefined) found.position = position
  if (next !== undefined) found.next = next
  if (nextAt !== null) found.nextAt = nextAt
  if (error !== undefined) found.error = error
  if (cancelled !== undefined) found.cancelled = cancelled
  if (heldBy !== undefined) found.heldBy = heldBy
  if (forkedFrom !== undefined) found.forkedFrom = forkedFrom
  return found
}

/** The numbers of the branches of the map at which a run stands. */
async function branchesIn(driver: PersisterDriver, known: KnownRun): Promise<RunSummary['branches']> {
  const { run, root, status, derived } = known
  const map = openMapOf(root)
  if (map === undefined || derived) return undefined
  const { partitionKey } = run
  const epoch = root.last?.epoch ?? root.facts.epoch
  const stored: { [S in SummaryStatus]?: number } = {}
  for (const one of await driver.countBelow(partitionKey, root.appId)) {
    const isHere = one.map === map.map && one.visit === map.visit && one.epoch === epoch
    if (isHere && one.sequenceId === map.sequenceId) stored[one.status] = (stored[one.status] ?? 0) + one.count
  }
  const view = { app: root, path: [], map, epoch, isOpen: true, stored, beat: beatOf(run) }
  return countsOf(new Source(driver, partitionKey), view, aboveIn(status, 'live'))
}

function workerOf({ claim }: StoredRun): WorkerInfo | undefined {
  if (claim === undefined || claim.leaseUntil === 0) return undefined
  const { writer, worker, leaseUntil, beat } = claim
  const facts = worker === undefined ? {} : parseFacts<Partial<WorkerInfo>>(worker, 'The description of a runner')
  return { id: writer, ...facts, leaseUntil, ...(beat !== undefined && { seenAt: beat.at }) }
}

interface Checked {
  readonly query: RunQuery
  /** What a derived summary is tested for. */
  readonly fits: (known: KnownRun) => boolean
  /** Whether runs without a summary, which have neither name nor labels, may fit. */
  readonly mayDerive: boolean
  /** Whether the driver selects those runs too. */
  readonly plain: boolean
}

function checkFilter(check: QueryCheck): Checked {
  const status = check.oneOrMany('status', RUN_STATUSES)
  const [name, labels, text] = [check.text('name'), check.labels(), check.text('text')]
  const [createdFrom, createdTo] = [check.time('createdFrom'), check.time('createdTo')]
  const [retrying, pending, leaked] = [check.flag('retrying'), check.flag('pending'), check.flag('leaked')]
  const wide = { partitionKey: check.partition(), createdFrom, createdTo, text }
  const flags = {
    ...(retrying === true && { retrying }),
    ...(pending === true && { pending }),
    ...(leaked === true && { leaked }),
  } as const
  const mayDerive = name === undefined && Object.keys(labels ?? {}).length === 0
  return {
    query: { ...wide, status, name, labels, ...flags },
    fits: ({ status: is, root: { summary } }) =>
      (status === undefined || status.includes(is)) &&
      !(retrying === true && summary.retrying === 0) &&
      !(pending === true && summary.pending === 0) &&
      !(leaked === true && summary.leaked === 0),
    mayDerive,
    plain: mayDerive && status === undefined && Object.keys(flags).length === 0,
  }
}

type After = Pick<StoredRun, 'partitionKey' | 'rootId' | 'born'>

const runPlace = ([partitionKey, rootId, born]: CursorPlace): After =>
  ({ partitionKey, rootId, born }) as unknown as After

const runCursor = ({ partitionKey, rootId, born }: After): string => cursorAt('run', [partitionKey, rootId, born])

/** Runs, newest first. */
export async function listRuns(driver: PersisterDriver, query: RunFilter & Paging = {}): Promise<PageOf<RunSummary>> {
  const check = new QueryCheck('list', query, `${FILTERS} limit after`)
  const filter = checkFilter(check)
  const limit = check.limit()
  const place = check.after('run', '0sn')
  check.done()
  const after = place && runPlace(place)
  const found = await driver.list({ ...filter.query, limit: limit + 1, after })
  const some: KnownRun[] = []
  for (const run of found) {
    const known = await knownRun(driver, run)
    if (known !== undefined) some.push(known)
  }
  const derives = filter.mayDerive && !filter.plain
  const older = derives ? await derivedRuns(driver, filter, limit + 1, after) : { found: [], until: undefined }
  const all = [...some, ...older.found].sort((a, b) => newestFirst(a.run, b.run))
  const { until } = older
  const seen = until === undefined ? all : all.filter(({ run }) => newestFirst(run, until) <= 0)
  const items = seen.slice(0, limit)
  const last = seen.length > limit ? items.at(-1)?.run : until
  const summaries = await Promise.all(items.map((one) => summaryOf(driver, one)))
  return { items: summaries, ...(last !== undefined && { after: runCursor(last) }) }
}

/**
 * Runs without a summary that fit (L1).
 * @returns `until`: the last one that was looked at, if there may be more
 */
async function derivedRuns(
  driver: PersisterDriver,
  { query, fits }: Checked,
  limit: number,
  from: After | undefined,
): Promise<{ readonly found: readonly KnownRun[]; readonly until: After | undefined }> {
  const { partitionKey, createdFrom, createdTo, text } = query
  const found: KnownRun[] = []
  const all = { partitionKey, createdFrom, createdTo, text, unsummarised: true } as const
  const page = await driver.list({ ...all, limit: MOST_DERIVED, after: from })
  for (const run of page) {
    const known = await knownRun(driver, run)
    if (known !== undefined && fits(known)) found.push(known)
    if (found.length === limit) return { found, until: run }
  }
  return { found, until: page.length === MOST_DERIVED ? page.at(-1) : undefined }
}

const compare = (a: string | number, b: string | number): number => (a < b ? -1 : a > b ? 1 : 0)
const partOf = ({ partitionKey }: After): string => (partitionKey === null ? '' : `=${partitionKey}`)
const newestFirst = (a: After, b: After): number =>
  b.born - a.born || compare(b.rootId, a.rootId) || compare(partOf(b), partOf(a))

/** Numbers of runs by status. */
export async function countRuns(
  driver: PersisterDriver,
  query: RunFilter & { readonly upTo?: number | undefined } = {},
): Promise<RunNumbers> {
  const check = new QueryCheck('count', query, `${FILTERS} upTo`)
  const filter = checkFilter(check)
  const upTo = check.whole('upTo', 1) ?? DEFAULT_UP_TO
  check.done()
  const stored = await driver.count(filter.query, upTo + 1)
  const counts: { [S in RunStatus]?: number } = {}
  const add = (status: RunStatus, number: number): void => {
    counts[status] = (counts[status] ?? 0) + number
  }
  for (const [status, number] of Object.entries(stored)) add(runStatusOf(status as RunStatus, false), number)
  for (let after: After | undefined, more = filter.mayDerive; more; more = after !== undefined) {
    const older = await derivedRuns(driver, filter, MOST_DERIVED + 1, after)
    for (const { status } of older.found) add(status, 1)
    after = older.until
  }
  const capped = RUN_STATUSES.filter((status) => (counts[status] ?? 0) > upTo)
  const found = RUN_STATUSES.filter((status) => counts[status] !== undefined)
  const numbers = Object.fromEntries(found.map((status) => [status, Math.min(upTo, counts[status] ?? 0)]))
  return { ...numbers, ...(capped.length > 0 && { capped }) }
}

/** Runs that are to be taken, earliest first. */
export async function dueRuns(driver: PersisterDriver, query: DueQuery = {}): Promise<PageOf<RunSummary>> {
  const check = new QueryCheck('due', query, 'partitionKey before limit after')
  const [partitionKey, before, limit] = [check.partition(), check.time('before'), check.limit()]
  const place = check.after('due', 'n0s')
  check.done()
  const after = place && {
    wakeAt: place[0] as number,
    partitionKey: place[1] as string | null,
    rootId: place[2] as string,
  }
  const found = await driver.due({ partitionKey, before, limit: limit + 1, after })
  const items: RunSummary[] = []
  for (const run of found.slice(0, limit)) {
    const known = await knownRun(driver, run)
    if (known !== undefined) items.push(await summaryOf(driver, known))
  }
  const last = found.length > limit ? found[limit - 1] : undefined
  return {
    items,
    ...(last !== undefined && { after: cursorAt('due', [last.wakeAt, last.partitionKey, last.rootId]) }),
  }
}
