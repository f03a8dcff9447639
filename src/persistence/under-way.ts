import type { PersisterDriver } from './driver.js'

// Owns: the trees that a driver is saving, so that a driver is closed after them.

/** The writes of one tree, as the end of its driver needs them. */
export interface SavingTree {
  /** Whether it is retrying a call of an unavailable store. */
  readonly retrying: boolean
  /** Resolves when no save is pending. */
  idle(): Promise<void>
}

const saving = new WeakMap<PersisterDriver, Set<SavingTree>>()

/** The trees that a driver is saving. */
export function underWay(driver: PersisterDriver): Set<SavingTree> {
  let known = saving.get(driver)
  if (known === undefined) {
    known = new Set()
    saving.set(driver, known)
  }
  return known
}

/** Resolves when every group given to a driver is saved. Does not wait for trees whose store is unavailable. */
export async function saved(driver: PersisterDriver): Promise<void> {
  for (const tree of [...underWay(driver)]) if (!tree.retrying) await tree.idle()
}
