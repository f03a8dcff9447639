import type { Scope } from '../persistence/scope.js'
import { Grace } from './cancel/grace.js'
import { cancelApp } from './message/target.js'
import type { LiveApp } from './tree.js'

/**
 * A tree writes to a store: when that is lost, at whatever depth, the run of the root fails with it, and all below is
 * cancelled so that it goes on when it is resumed. It is no failure of whoever wrote.
 */
export function failOnStoreLoss(app: LiveApp, scope: Scope): void {
  const { system } = app
  let root = app
  while (root.parent !== undefined) root = root.parent.app
  if (system.outage === undefined) {
    system.outage = scope.outage
    system.outage.lost = (error) => cancelApp(root, error, 'store', 'store')
  } else scope.outage = system.outage
}

/** Resolves when nothing is being stored, or after the grace period: who cancels does not wait for a store that is away. */
export async function flushInTime({ journal, system: { clock, graceMs } }: LiveApp): Promise<void> {
  if (journal === undefined) return
  await new Promise<void>((resolve) => {
    const grace = new Grace(clock, graceMs, resolve)
    grace.start()
    void journal.scope.idle().then(() => {
      grace.end()
      resolve()
    })
  })
}
