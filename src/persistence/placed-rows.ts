import type { StoringSummary } from './app-status.js'
import type { Awaitable, Row } from './driver.js'
import type { Scope } from './scope.js'

// Owns: the save of the rows of journals that belong together.
// Does not own: which rows (journal.ts), the order of saves (group-commit.ts), the store (scope.ts).
// G1  All rows of a group are saved, or none: each journal gets the same result, once.

/** Rows of one journal with their indices, and callbacks for the result of the save. */
export interface PlacedRows {
  readonly rows: readonly Row[]
  readonly taken: readonly number[]
  readonly summaries: readonly StoringSummary[]
  saved(): void
  lost(): void
}

/**
 * Saves the rows of a journal, and those of its parent before them.
 * @param gathers whether to wait for other commits of the same turn
 * @param before the rows of the parent, for the same group; nothing where another store saves them itself
 * @throws the error of the store, or of `before`
 */
export function saveGroup(
  scope: Scope,
  own: PlacedRows,
  gathers: boolean,
  before?: () => PlacedRows | Awaitable<void>,
): Awaitable<void> {
  let parts = [own]
  const send = (): Awaitable<void> => saveTogether(scope, parts, gathers)
  const done = (): void => {
    for (const one of parts) one.saved()
  }
  const undo = (error: unknown): never => {
    for (const one of parts) one.lost()
    throw error
  }
  try {
    const first = before?.()
    if (first !== undefined && 'rows' in first) parts = [first, own]
    const answer = first === undefined || 'rows' in first ? send() : Promise.resolve(first).then(send)
    return answer === undefined ? done() : answer.then(done, undo)
  } catch (error) {
    return undo(error)
  }
}

function saveTogether(scope: Scope, parts: readonly PlacedRows[], gathers: boolean): Awaitable<void> {
  const [first] = parts
  if (first !== undefined && parts.length === 1) return scope.save(first, gathers)
  const batch = {
    rows: parts.flatMap(({ rows }) => rows),
    taken: parts.flatMap(({ taken }) => taken),
    summaries: parts.flatMap(({ summaries }) => summaries),
  }
  return scope.save(batch, gathers)
}
