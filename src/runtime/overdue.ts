import type { Grace } from './grace.js'
import type { LiveMap } from './tree.js'

/** Gives up the branches of a map whose time to end after their cancel is up, and waits for the next that may be. */
export function abandonOverdue({ table }: LiveMap, grace: Grace): void {
  let next: number | undefined
  for (const { app } of [...table.live.values()]) {
    if (app.cancellation === undefined) continue
    const left = grace.left(app.cancellation.at)
    if (left <= 0) app.abandon()
    else next = Math.min(next ?? left, left)
  }
  if (next !== undefined) grace.start(next)
}
