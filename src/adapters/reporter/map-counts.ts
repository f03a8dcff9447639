import type { MapView } from './run-view.js'

// Owns: the numbers of one map.

/** The numbers of branches of a map, by status. */
export interface MapCounts {
  readonly done: number
  readonly failed: number
  readonly cancelled: number
  readonly running: number
  readonly waiting: number
  readonly retrying: number
  readonly queued: number
}

/** Counts the branches of a map. */
export function countsOf(map: MapView): MapCounts {
  const { done, failed, cancelled, open, total, seen } = map
  let [running, waiting, retrying] = [0, 0, 0]
  for (const branch of open.values())
    if (branch.waits.size > 0) waiting += 1
    else if (branch.isRetrying) retrying += 1
    else running += 1
  const queued = Math.max(0, (total ?? seen) - done - failed - cancelled - open.size)
  return { done, failed, cancelled, running, waiting, retrying, queued }
}

/** Time that the rest of a map takes at the pace so far, milliseconds; undefined while that cannot be told. */
export function etaOf({ startedAt, total, done, failed, cancelled }: MapView, now: number): number | undefined {
  const settled = done + failed + cancelled
  if (total === undefined || settled < 3 || settled >= total) return undefined
  return ((now - startedAt) / settled) * (total - settled)
}
