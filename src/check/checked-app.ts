import { type Path, printPath } from '../action/context.js'
import type { Inputs } from '../action/inputs.js'
import type { Where } from '../errors.js'
import type { Plan, PlanNode } from '../graph/plan.js'
import { ownValue } from '../internal/guards.js'
import { BEGIN_MS, sliceOver } from '../internal/slice.js'
import { type FanOut, isFanOut } from '../parallel/fan-out.js'
import type { PersisterDriver } from '../persistence/driver.js'
import { loadRecords } from '../persistence/loading.js'
import { assertActions, chosenAnew, type Versions } from '../persistence/migrate.js'
import { passSchema } from '../persistence/pass-schema.js'
import type { StoredMap, StoredRecord } from '../persistence/replay.js'
import type { State } from '../state/freeze.js'
import { PersistenceError, SerializationError, SnapshotError } from '../store-errors.js'
import type { IsolatedPlans } from './checked-graph.js'
import type { Findings, Place, StoredProblem } from './problem.js'

/** An application as it would stand after a resume: the run itself, or a branch. */
export interface CheckedApp {
  readonly appId: string
  readonly path: Path
  readonly plan: Plan
  readonly state: State
  /** Whether the state fits; otherwise no code of the user gets it. */
  readonly fits: boolean
  readonly next: string | undefined
  readonly sequenceId: number
  readonly epoch: number
  readonly visits: Readonly<Record<string, number>>
  readonly map: StoredMap | undefined
  readonly retryFailuresBefore: number
  readonly bound: Inputs
  /** The inputs of its run, as far as they are known. */
  readonly inputs: Inputs
  /** The store of its records; undefined if it is not stored. */
  readonly driver: PersisterDriver | undefined
}

/** A map at which an application stands. */
export interface MapAt {
  readonly app: CheckedApp
  readonly node: PlanNode
  readonly fanOut: FanOut
  /** The reads of the map. */
  readonly view: State
  /** Its own inputs, parsed. */
  readonly inputs: Inputs
  /** The inputs of the run, with those bound to the map. */
  readonly raw: Inputs
}

/** What the check of one run shares. */
export interface RunCheck {
  readonly partitionKey: string | null
  readonly settings: Versions & { readonly changedTasks: 'error' | 'adopt'; readonly transient: ReadonlySet<string> }
  /** Whether the inputs of the run are known. */
  readonly knowsInputs: boolean
  readonly plans: IsolatedPlans
  readonly sources: 'none' | 'sync' | 'all'
  readonly signal: AbortSignal | undefined
}

/** Checks the next step of an application. */
export type CheckStep = (check: RunCheck, app: CheckedApp, findings: Findings) => Promise<void>

export const whereIn = ({ path, sequenceId }: CheckedApp, { name }: PlanNode): Where => ({
  action: name,
  sequenceId: sequenceId + 1,
  path: printPath(path),
})

/** The number of the visit of a map that the next step would be. */
export const visitOf = ({ visits }: CheckedApp, { name }: PlanNode): number => (ownValue(visits, name) ?? 0) + 1

/** The recorded entries that the next step would continue from. */
export function recordedMap(app: CheckedApp, node: PlanNode): StoredMap | undefined {
  const { body } = node.parts
  const { map } = app
  if (!isFanOut(body) || body.persister === null) return undefined
  return map?.map === node.name && map.visit === visitOf(app, node) ? map : undefined
}

/** Gives way to other work when the slice is over. @throws the reason of the signal */
export async function takeTurn({ signal }: Pick<RunCheck, 'signal'>): Promise<void> {
  const turn = sliceOver(BEGIN_MS)
  if (turn !== undefined) await turn
  signal?.throwIfAborted()
}

/** Awaits work, at most until the signal aborts. @throws the reason of the signal */
export async function orAborted<T>(work: T | PromiseLike<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work
  signal.throwIfAborted()
  let stop = (): void => {}
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** Whether `migrate` converts a record. */
export const isMigrated = ({ hasState, version }: StoredRecord, settings: Versions): boolean =>
  hasState && version < settings.version && settings.migrate !== undefined

const isUnreadable = (error: unknown): boolean =>
  SnapshotError.is(error) || SerializationError.is(error) || (PersistenceError.is(error) && error.fault === 'corrupt')

/**
 * Loads records. Those that cannot be read are reported, each by itself.
 * @throws {PersistenceError} when the store is unavailable
 */
export async function loadChecked(
  { partitionKey, signal }: Pick<RunCheck, 'partitionKey' | 'signal'>,
  driver: PersisterDriver,
  ids: readonly string[],
  unreadable: (index: number, error: unknown) => void,
): Promise<readonly (StoredRecord | undefined)[]> {
  const load = (some: readonly string[]) =>
    orAborted(
      loadRecords((wanted, until) => driver.load(partitionKey, wanted, until), some),
      signal,
    )
  try {
    return await load(ids)
  } catch (error) {
    if (!isUnreadable(error)) throw error
    if (ids.length === 1) unreadable(0, error)
  }
  if (ids.length === 1) return [undefined]
  const records: (StoredRecord | undefined)[] = []
  for (const [i, id] of ids.entries()) {
    const [record] = await loadChecked({ partitionKey, signal }, driver, [id], (_, error) => unreadable(i, error))
    records.push(record)
  }
  return records
}

/**
 * Reports every reason why a migrated record does not fit.
 * @param thrown the error of the resume, reported if it is none of them
 * @returns the record, as far as it can be judged further
 */
export function reportUnfit(
  findings: Findings,
  when: StoredProblem['when'],
  path: Path,
  migrated: StoredRecord,
  plan: Plan,
  next: string | undefined,
  thrown: unknown,
): StoredRecord | undefined {
  const before = findings.problems.length
  const at = (action: string | undefined): Place => ({ path, action })
  const attempt = <T>(code: StoredProblem['code'], action: string | undefined, work: () => T): T | undefined => {
    try {
      return work()
    } catch (error) {
      findings.add(code, when, at(action), error)
      return undefined
    }
  }
  const passed = attempt('schema', undefined, () => passSchema(migrated, plan.graph.rules))
  const judged = passed ?? (migrated.chooses === true ? undefined : migrated)
  const chosen = judged && attempt('transition', judged.position, () => chosenAnew(judged, plan, next))
  if (chosen !== undefined) attempt('action', chosen.next ?? chosen.position, () => assertActions(chosen, plan))
  if (findings.problems.length === before) findings.add('record', when, at(undefined), thrown)
  return passed === undefined ? chosen : undefined
}
