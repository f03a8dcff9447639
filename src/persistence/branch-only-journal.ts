import type { MapJournal } from './app-journal.js'

/**
 * Opens the journal of an application that is not stored itself: it holds the branches of its last map only. A run that
 * reaches the same visit of the same map continues them; any other visit begins a new epoch.
 */
export async function openBranchOnlyJournal(journal: MapJournal, map: string, visit: number): Promise<void> {
  await journal.scope.claim()
  const known = await journal.load()
  journal.opened = true
  if (known === undefined) return
  journal.adopt(known)
  if (known.map?.map === map && known.map.visit === visit) return
  journal.epoch = known.epoch + 1
  journal.map = undefined
}
