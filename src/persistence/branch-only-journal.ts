import type { Journal } from './journal.js'

/**
 * Opens the books of a map whose application is not stored itself: they tell of its last fan-out alone. A run that goes
 * on where another one was cut off finds it; any other visit of any map begins a new epoch.
 */
export async function openBranchOnlyJournal(journal: Journal, map: string, visit: number): Promise<void> {
  await journal.scope.claim()
  const known = await journal.load()
  journal.opened = true
  if (known === undefined) return
  journal.adopt(known)
  if (known.map?.map === map && known.map.visit === visit) return
  journal.epoch = known.epoch + 1
  journal.map = undefined
}
