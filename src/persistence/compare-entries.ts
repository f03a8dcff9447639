import type { Pieces } from '../internal/slice.js'
import type { BranchTask } from '../parallel/task.js'
import type { State } from '../state/freeze.js'
import type { OpenMap } from './committing.js'
import type { ManifestEntry } from './record.js'
import { entryOf } from './settled.js'

/** The differences between the tasks of a source and the recorded entries. */
export interface EntryChanges {
  /** Every difference, for a message. */
  readonly moved: string[]
  /** Recorded keys that the source no longer returns. */
  readonly gone: readonly string[]
  /** Keys whose entry has changed. */
  readonly changed: readonly string[]
}

/**
 * Compares the first tasks of a source with the recorded entries, one by one.
 * @param byKey whether to compare keys only: another version recorded the entries, and `migrate` converts their
 * branches
 */
export function* compareEntries(
  { entries }: OpenMap,
  tasks: readonly BranchTask[],
  base: State,
  byKey: boolean,
): Pieces<EntryChanges> {
  const now = new Map<string, ManifestEntry>()
  for (const task of tasks) {
    now.set(task.key, entryOf(task, base))
    yield
  }
  const [moved, gone, changed]: [string[], string[], string[]] = [[], [], []]
  for (const [i, [key, hash]] of entries) {
    yield
    const [, found] = now.get(key) ?? []
    const same = found !== undefined && (byKey || found === hash)
    if (same && tasks[i]?.key === key) continue
    if (found === undefined) gone.push(key)
    else if (!same) changed.push(key)
    moved.push(found === undefined ? `"${key}" is missing` : same ? `"${key}" has moved` : `"${key}" has changed`)
  }
  return { moved, gone, changed }
}
