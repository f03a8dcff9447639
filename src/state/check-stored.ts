import { SnapshotError } from '../store-errors.js'
import type { State } from './freeze.js'
import { issuesOf, type StateRules, unknownKey } from './schema.js'

// Owns: the test of a stored state against the schema of today.
// S1  Values that have passed a schema before are tested and left unchanged, so nothing is trimmed or transformed twice.
// S2  A key whose schema refuses its own output (a text that becomes a number) is not tested again.

/** A state that was stored. */
export interface StoredState {
  readonly state: State
  readonly oneWay?: readonly string[] | undefined
  /** Keys that were given since. */
  readonly given?: readonly string[]
  readonly version?: number
}

/** @throws {SnapshotError} with every issue */
export function checkStored(subject: string, rules: StateRules, stored: StoredState): void {
  const { schema } = rules
  const { state, given = [], oneWay = [], version } = stored
  if (schema === undefined) return
  for (const key of oneWay) schema.oneWay.add(key)
  const tested = Object.keys(state).filter((key) => given.includes(key) || !schema.oneWay.has(key))
  const strange = given.flatMap((key) => unknownKey(rules, key) ?? [])
  const issues = [...strange, ...issuesOf(rules, state, tested)]
  if (issues.length === 0) return
  throw new SnapshotError(
    `${subject} does not fit the schema: ${issues.join('; ')}. Rewind it with a patch that fits, or raise version and mend it in migrate. Nothing was run.`,
    version,
  )
}
