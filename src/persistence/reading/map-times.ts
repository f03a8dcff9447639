import type { RowFacts } from '../driver.js'
import { isStateLabel } from '../labels.js'
import { millisecondsOf } from '../order.js'
import type { MapTimes, MapView } from './maps.js'
import type { KnownApp, Source } from './source.js'

// Owns: when the past maps of an application began and ended, as its rows tell.
// H1  Rows are read without their data, once an application, and only where they are a few thousand.

const MOST_ROWS = 5000

/** The times of past maps. */
export async function timesOf(
  { driver, partitionKey }: Source,
  { appId, last }: KnownApp,
  maps: readonly MapView[],
): Promise<ReadonlyMap<MapView, MapTimes>> {
  const past = maps.filter(({ isOpen }) => !isOpen)
  if (past.length === 0 || mostRows(last?.sequenceId ?? 0, maps) > MOST_ROWS) return new Map() // H1
  const began = new Map<string, number>()
  const ended = new Map<string, number>()
  for (const row of await driver.history(partitionKey, appId)) {
    const at = millisecondsOf(row.order)
    if (row.kind !== 'note') {
      if (!isStateLabel(row.label)) ended.set(stepOf(row), at)
    } else if (row.label === 'manifest') {
      const step = stepOf({ ...row, sequenceId: row.sequenceId + 1 })
      if (!began.has(step)) began.set(step, at)
    }
  }
  return new Map(
    past.map((view) => {
      const step = stepOf({ epoch: view.epoch, sequenceId: view.map.sequenceId })
      const [startedAt = view.map.startedAt, endedAt] = [began.get(step), ended.get(step)]
      return [view, { ...(startedAt !== undefined && { startedAt }), ...(endedAt !== undefined && { endedAt }) }]
    }),
  )
}

const stepOf = ({ epoch, sequenceId }: Pick<RowFacts, 'epoch' | 'sequenceId'>): string => `${epoch} ${sequenceId}`

/** A step has a row, and a branch of a generator a note. */
function mostRows(steps: number, maps: readonly MapView[]): number {
  const branches = maps.flatMap(({ stored }) => Object.values(stored))
  return branches.reduce((sum, one) => sum + one, steps)
}
