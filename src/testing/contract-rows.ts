import type { Group, PersisterDriver, Row, Tail } from '../persistence/driver.js'
import type { AppSummary, StoredWait, SummaryParent } from '../persistence/summary.js'
import { PersistenceError } from '../store-errors.js'

// Fixtures for the cases of the persister contract.

export type Check = (driver: PersisterDriver, again: PersisterDriver) => Promise<void>

export const row = (appId: string, index: number, more: Partial<Row> = {}): Row => ({
  appId,
  index,
  kind: index === 0 ? 'full' : 'patch',
  epoch: 0,
  sequenceId: index - 1,
  label: `action ${index}`,
  order: 1_700_000_000_000 * 1024 + index,
  data: `{"f":1,"n":${index}}`,
  ...more,
})
export const group = (rootId: string, rows: readonly Row[], more: Partial<Group> = {}): Group => ({
  partitionKey: null,
  rootId,
  writer: 'one',
  rows,
  ...more,
})
/** The time of the rows and summaries, epoch milliseconds. */
export const AT = 1_700_000_000_000
export const summary = (appId: string, more: Partial<AppSummary> = {}): AppSummary => ({
  appId,
  status: 'running',
  since: AT,
  pending: 0,
  retrying: 0,
  leaked: 0,
  wake: null,
  nextAt: null,
  facts: '{}',
  ...more,
})
export const parent = (appId: string, key: string, more: Partial<SummaryParent> = {}): SummaryParent => ({
  appId,
  epoch: 0,
  sequenceId: 1,
  map: 'each',
  visit: 1,
  key,
  index: 0,
  ...more,
})
/** The `n`-th question of a step of an application. */
export const wait = (appId: string, n: number, more: Partial<StoredWait> = {}): StoredWait => ({
  id: `${appId}.4.${n}`,
  sequenceId: 4,
  n,
  kinds: ['answer'],
  since: AT,
  until: null,
  facts: `{"n":${n}}`,
  ...more,
})

interface Begun extends Partial<Omit<AppSummary, 'appId'>> {
  readonly partitionKey?: string | null
  /** The time of its first row. */
  readonly born?: number
}
/** Claims a root, and stores its first row with a summary. */
export async function begin(driver: PersisterDriver, rootId: string, more: Begun = {}): Promise<void> {
  const { partitionKey = null, born = AT, ...rest } = more
  await driver.claim(root(rootId, partitionKey), 'one')
  const first = row(rootId, 0, { order: born * 1024 })
  await driver.save(group(rootId, [first], { partitionKey, summaries: [summary(rootId, rest)] }))
}
export const rootIds = (runs: readonly { readonly rootId: string }[]): readonly string[] =>
  runs.map(({ rootId }) => rootId)
export const root = (rootId: string, partitionKey: string | null = null) => ({ partitionKey, rootId })
export const indices = (tail: Tail | undefined): readonly number[] | undefined => tail?.rows.map(({ index }) => index)
export const isFault =
  (fault: string) =>
  (error: unknown): error is PersistenceError =>
    PersistenceError.is(error) && error.fault === fault

/** Names and texts that could break quoting. */
export const NASTY = [`x"; drop table teasel_rows; --`, "o'neil", '%_\\', '', ' ', '🌱/~1', '{"$":1}']
