import { type CursorPlace, cursorAt } from '../../read/cursor.js'
import { QueryCheck } from '../../read/query-check.js'
import type { PageOf, PendingQuery } from '../../read/reader.js'
import type { Pending } from '../../read/tree.js'
import type { WirePath } from '../../read/wire-path.js'
import type { PersisterDriver } from '../driver.js'
import type { StoredRecord } from '../replay.js'
import type { StoredRun, WaitPage } from '../summary.js'
import { derivedPending, pendingOf } from './app-node.js'
import { branchesOf, damagedApp } from './derived.js'
import { Source } from './source.js'

/** Maximum number of runs without a summary that are looked at. */
const MOST_DERIVED = 500

/** Open questions, oldest first. */
export async function listPending(driver: PersisterDriver, query: PendingQuery = {}): Promise<PageOf<Pending>> {
  const check = new QueryCheck('pending', query, 'partitionKey kinds answered labels limit after')
  const [partitionKey, kinds] = [check.partition(), check.texts('kinds')]
  const [answered, labels, limit] = [check.flag('answered') ?? false, check.labels(), check.limit()]
  const place = check.after('wait', 'nsn0')
  check.done()
  const after = place && placeOfWait(place)
  const stored = await driver.waits({ partitionKey, kinds, answered, labels, limit: limit + 1, after })
  const older = Object.keys(labels ?? {}).length > 0 ? [] : await derivedQuestions(driver, partitionKey)
  const fitting = older.filter(
    (one) =>
      one.answered === answered &&
      (kinds === undefined || one.kinds.some((kind) => kinds.includes(kind))) &&
      (after === undefined || oldestFirst(one, after) > 0),
  )
  const found = [...stored.map(pendingOf), ...fitting].sort(oldestFirst)
  const items = found.slice(0, limit)
  const last = found.length > limit ? items.at(-1) : undefined
  return {
    items,
    ...(last !== undefined && { after: cursorAt('wait', [last.since, last.appId, numberOf(last), last.partitionKey]) }),
  }
}

type After = NonNullable<WaitPage['after']>
type Placed = Omit<After, 'n'> & { readonly n?: number; readonly id?: string }

const placeOfWait = ([since, appId, n, partitionKey]: CursorPlace): After =>
  ({ since, appId, n, partitionKey }) as unknown as After

const numberOf = (one: Placed): number => one.n ?? Number(one.id?.split('.').at(-1) ?? 0)
const partOf = ({ partitionKey }: Placed): string => (partitionKey === null ? '' : `=${partitionKey}`)
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
const oldestFirst = (a: Placed, b: Placed): number =>
  a.since - b.since || compare(a.appId, b.appId) || numberOf(a) - numberOf(b) || compare(partOf(a), partOf(b))

/** The questions of runs without a summary: their records are loaded, so that none is hidden. */
async function derivedQuestions(
  driver: PersisterDriver,
  partitionKey: string | null | undefined,
): Promise<readonly Pending[]> {
  const runs = await driver.list({ partitionKey, unsummarised: true, limit: MOST_DERIVED })
  const found: Pending[] = []
  for (const run of runs) {
    const source = new Source(driver, run.partitionKey)
    try {
      const record = await source.record(run.rootId)
      if (record !== undefined) for await (const one of waitsIn(source, run, record, [])) found.push(one)
    } catch (error) {
      damagedApp(run.rootId, run.last, error) // it cannot be read, so it asks nothing
    }
  }
  return found
}

async function* waitsIn(
  source: Source,
  run: StoredRun,
  record: StoredRecord,
  path: WirePath,
): AsyncGenerator<Pending, void, void> {
  yield* derivedPending(record, run, path)
  const { map } = record
  if (map === undefined) return
  const branches = [...branchesOf(record)]
  const records = await source.records(branches.map(({ appId }) => appId))
  for (const [i, below] of records.entries()) {
    const at: WirePath = [...path, [map.map, map.visit, branches[i]?.key ?? '']]
    if (below !== undefined) yield* waitsIn(source, run, below, at)
  }
}
