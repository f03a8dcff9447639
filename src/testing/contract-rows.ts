import type { Group, PersisterDriver, Row, Tail } from '../persistence/driver.js'
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
export const root = (rootId: string, partitionKey: string | null = null) => ({ partitionKey, rootId })
export const indices = (tail: Tail | undefined): readonly number[] | undefined => tail?.rows.map(({ index }) => index)
export const isFault =
  (fault: string) =>
  (error: unknown): error is PersistenceError =>
    PersistenceError.is(error) && error.fault === fault

/** Names and texts that could break quoting. */
export const NASTY = [`x"; drop table teasel_rows; --`, "o'neil", '%_\\', '', ' ', '🌱/~1', '{"$":1}']
