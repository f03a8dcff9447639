import type { StoredWait } from './summary.js'

// Owns: which open questions of an application are answered by the messages in its inbox.
// A1  The oldest question takes the oldest message of one of its kinds. A message answers one question; one that the
//     step under way has taken answers none.

/** A message of an inbox, as far as questions are concerned. */
export interface PostedKind {
  readonly id: number
  /** Null for a message that was stored without a kind. */
  readonly kind: string | null
}

/**
 * The ids of the answered questions.
 * @param inbox the messages of the application, oldest first
 * @param taken ids of messages that the step under way has taken
 */
export function answeredOf(
  waits: readonly StoredWait[],
  inbox: readonly PostedKind[],
  taken: readonly number[] = [],
): ReadonlySet<string> {
  const answered = new Set<string>()
  const left = inbox.filter(({ id }) => !taken.includes(id))
  for (const { id, kinds } of [...waits].sort((a, b) => a.since - b.since || a.n - b.n)) {
    const at = left.findIndex(({ kind }) => kind !== null && kinds.includes(kind))
    if (at < 0) continue
    left.splice(at, 1)
    answered.add(id)
  }
  return answered
}
