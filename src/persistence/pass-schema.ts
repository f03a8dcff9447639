import { checkStored } from '../state/check-stored.js'
import { applySchema, fillState, type StateRules } from '../state/schema.js'
import type { StoredRecord } from './stored-record.js'

/**
 * Validates the state of a stored record. Keys set by a patch or `migrate` take the output of the schema.
 * @throws {SnapshotError} with every issue
 */
export function passSchema(stored: StoredRecord, rules: StateRules): StoredRecord {
  if (rules.schema === undefined || !stored.hasState) return stored
  const { state, given, oneWay, version } = stored
  checkStored(`The stored state of application "${stored.appId}"`, rules, { state, given, oneWay, version })
  return { ...stored, state: fillState(rules, applySchema(rules, 'The stored state', state, given)), given: [] }
}
