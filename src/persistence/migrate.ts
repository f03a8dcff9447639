import type { Plan } from '../graph/plan.js'
import { chooseEdge } from '../graph/transition.js'
import { describeValue } from '../internal/guards.js'
import { suggest } from '../internal/nearest.js'
import { equal } from '../state/equal.js'
import { freezeAll, isolateState, type State } from '../state/freeze.js'
import { SnapshotError } from '../store-errors.js'
import { passSchema } from './pass-schema.js'
import type { ScopeSettings } from './scope-settings.js'
import type { StoredRecord } from './stored-record.js'

/** The settings of a scope that a migration depends on. */
export type Versions = Pick<ScopeSettings, 'version' | 'migrate'>

/**
 * Fits a stored record to this code: migrates it, validates its state, and checks its actions. If its state was
 * patched, the next action is chosen anew.
 * @throws {ContractError} when a condition cannot be evaluated for that choice
 * @throws {SnapshotError} when the record is newer, its state does not fit the schema, or the graph lacks its action
 */
export function fitRecord(stored: StoredRecord, plan: Plan, settings: Versions): StoredRecord {
  return fitMigrated(migrateRecord(stored, settings), plan, stored.next)
}

/**
 * The part of {@link fitRecord} that follows `migrate`.
 * @param next the stored choice of the next action, before `migrate`
 * @throws the same errors
 */
export function fitMigrated(migrated: StoredRecord, plan: Plan, next: string | undefined): StoredRecord {
  const fitted = chosenAnew(passSchema(migrated, plan.graph.rules), plan, next)
  assertActions(fitted, plan)
  return fitted
}

/** @throws {SnapshotError} when the graph lacks an action that the record names */
export function assertActions(fitted: StoredRecord, plan: Plan): void {
  for (const [use, name] of [
    ['would continue at', fitted.next],
    ['last ran', fitted.position],
  ] as const) {
    if (name === undefined || plan.graph.nodes.has(name)) continue
    if (use === 'last ran' && fitted.next !== undefined) continue // only the next action matters then
    throw new SnapshotError(
      `Application "${fitted.appId}" ${use} the action "${name}", which the graph lacks. ${suggest(name, plan.graph.nodes.keys(), 'actions')} Keep the name, or raise version and replace the name in migrate. Nothing was run.`,
      fitted.version,
    )
  }
}

/**
 * Migrates a stored record to the version of this code. Its actions are not checked.
 * @throws {SnapshotError} when it is newer, or `migrate` returns no record
 */
export function migrateRecord(stored: StoredRecord, { version, migrate }: Versions): StoredRecord {
  if (!stored.hasState) return stored
  if (stored.version > version) {
    throw new SnapshotError(
      `Application "${stored.appId}" was stored by version ${stored.version} of its graph; this code has version ${version}. Run the newer code. Nothing was run or changed.`,
      stored.version,
    )
  }
  return stored.version === version || migrate === undefined ? stored : migrated(stored, migrate)
}

/**
 * Chooses the next action anew if the state was patched, by the transitions of the last action.
 * @param next the stored choice: another one was chosen by `migrate`, and stays
 */
export function chosenAnew(stored: StoredRecord, { graph: { nodes } }: Plan, next: string | undefined): StoredRecord {
  if (stored.chooses !== true || stored.next !== next) return stored
  const from = nodes.get(stored.position ?? '')
  if (from === undefined) return stored.position === undefined ? stored : { ...stored, next: undefined }
  return { ...stored, next: chooseEdge(from, from.edges, stored.state)?.to.name }
}

function migrated(stored: StoredRecord, migrate: NonNullable<ScopeSettings['migrate']>): StoredRecord {
  const { state, position, next, version, parentRef } = stored
  const branch = parentRef && { map: parentRef[1], key: parentRef[3] }
  const made: unknown = migrate({ state: isolateState(state), position, next, ...(branch && { branch }) }, version)
  if (typeof made !== 'object' || made === null || !('state' in made)) {
    throw new SnapshotError(`migrate returned ${describeValue(made)}. It takes { state, position, next }.`, version)
  }
  const changed = made as { readonly state: State; readonly position?: string; readonly next?: string }
  const held = freezeAll(changed.state, 'migrate')
  const given = Object.keys(changed.state).filter(
    (key) => stored.given.includes(key) || !Object.hasOwn(state, key) || !equal(changed.state[key], state[key]),
  )
  const { position: at, next: to } = changed
  return { ...stored, state: Object.freeze({ ...held }), position: at, next: to, given }
}
