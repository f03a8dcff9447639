import type { Pieces } from '../internal/slice.js'
import type { BranchTask } from '../parallel/task.js'
import type { State } from '../state/freeze.js'
import type { ManifestEntry } from './record.js'
import { entryOf } from './settled.js'
import type { StoredMap } from './stored-record.js'

/** A branch in its map. */
export type BranchPosition = Pick<BranchTask, 'key' | 'index'>

/** The differences between the tasks of a source and the recorded entries. */
export interface EntryChanges {
  /** Every difference, for a message. */
  readonly moved: string[]
  /** Recorded branches that the source no longer returns. */
  readonly gone: readonly BranchPosition[]
  /** Keys whose entry has changed. */
  readonly changed: readonly string[]
}

/**
 * Compares the first tasks of a source with the recorded entries, one by one.
 * @param length the number of tasks; undefined while it is unknown
 * @param byKey whether to compare keys only: another version recorded the entries, and `migrate` converts their
 * branches
 */
export function* compareEntries(
  { entries, total }: Pick<StoredMap, 'entries' | 'total'>,
  tasks: readonly BranchTask[],
  length: number | undefined,
  base: State,
  byKey: boolean,
): Pieces<EntryChanges> {
  const now = new Map<string, ManifestEntry>()
  for (const task of tasks) {
    now.set(task.key, entryOf(task, base))
    yield
  }
  const [moved, gone, changed]: [string[], BranchPosition[], string[]] = [[], [], []]
  for (const [index, [key, hash]] of entries) {
    yield
    const [, found] = now.get(key) ?? []
    const same = found !== undefined && (byKey || found === hash)
    if (same && tasks[index]?.key === key) continue
    if (found === undefined) gone.push({ key, index })
    else if (!same) changed.push(key)
    moved.push(found === undefined ? `"${key}" is missing` : same ? `"${key}" has moved` : `"${key}" has changed`)
  }
  if (total !== undefined && length !== undefined && length > total) moved.push(`${length} entries instead of ${total}`)
  return { moved, gone, changed }
}
