import type { State } from '../state/freeze.js'
import { applySchema, fillState, issuesOf, type StateRules, unknownKey } from '../state/schema.js'
import { SnapshotError } from './errors.js'
import type { StoredRecord } from './stored-record.js'

// Owns: that what is stored, and comes back, still fits the schema.
// S1  What has passed before is looked at and left as it is, so that nothing is trimmed or transformed twice.
// S2  A key whose schema refuses what it gives itself (a text that becomes a number) is not asked again.

/**
 * A stored record whose state has passed the schema. What a patch or `migrate` gave takes what the schema makes of it.
 * @throws {SnapshotError} with every issue
 */
export function passSchema(stored: StoredRecord, rules: StateRules): StoredRecord {
  if (rules.schema === undefined || !stored.based) return stored
  const { state, given, oneWay, version } = stored
  checkStored(`What is stored of application "${stored.appId}"`, rules, { state, given, oneWay, version })
  return { ...stored, state: fillState(rules, applySchema(rules, 'The stored state', state, given)), given: [] }
}

/** A state that was stored. */
export interface StoredState {
  readonly state: State
  readonly oneWay?: readonly string[] | undefined
  /** Keys that were given since. */
  readonly given?: readonly string[]
  readonly version?: number
}

/** @throws {SnapshotError} with every issue */
export function checkStored(what: string, rules: StateRules, stored: StoredState): void {
  const { schema } = rules
  const { state, given = [], oneWay = [], version } = stored
  if (schema === undefined) return
  for (const key of oneWay) schema.oneWay.add(key)
  const asked = Object.keys(state).filter((key) => given.includes(key) || !schema.oneWay.has(key))
  const strange = given.flatMap((key) => unknownKey(rules, key) ?? [])
  const issues = [...strange, ...issuesOf(rules, state, asked)]
  if (issues.length === 0) return
  throw new SnapshotError(
    `${what} does not fit the schema: ${issues.join('; ')}. Rewind it with a patch that fits, or raise version and mend it in migrate. Nothing was run.`,
    version,
  )
}
