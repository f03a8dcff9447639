import { systemClock } from '../internal/clock.js'
import { freezeAll, type State } from '../state/freeze.js'
import { applySchema, refuseUnknownKeys, type StateRules } from '../state/schema.js'
import { PersistenceError } from '../store-errors.js'
import { openBranchStore } from './durable-task-feed.js'
import { Journal } from './journal.js'
import { rulesOf } from './known-rules.js'
import type { AppRef, Persister } from './persister.js'
import { readMessage, type StoredMessage, type StoredRecord } from './replay.js'
import { isRequest } from './request-form.js'
import { Scope } from './scope.js'
import { scopeSettings } from './settings.js'

/** Options of {@link rewind}. */
export interface RewindOptions extends AppRef {
  /** The store of the application. */
  readonly persister: Persister
  /** The last step to keep; -1 for the start, before the first step. */
  readonly sequenceId: number
  /** The epoch of that step, if several have it. Default: the newest. */
  readonly epoch?: number
  /**
   * Update over the state of that step; a resume then chooses the next action anew, by the transitions of that step's
   * action. Default: none, and a resume continues at the action chosen then. It is validated at once if this process
   * has run the application, otherwise at the resume.
   */
  readonly patch?: Readonly<Record<string, unknown>>
}

/**
 * Moves a stored application back to an earlier step.
 *
 * A new epoch begins: later steps stay readable under their own epoch, and are not resumed. Damaged records after that
 * step and damaged queued messages are dropped. A branch can be rewound while its map has not committed: the next
 * resume of its root continues it from that step. A runner that still runs the application fails at its next step.
 * @returns the new epoch
 * @throws {RangeError} when that step is not stored, or the map of a branch has committed
 * @throws {ContractError} for a patch that does not fit the schema, or is no valid state
 * @throws {PersistenceError} when the store is unavailable, or a record cannot be read
 * @see Burr `fork_from_sequence_id` of `initialize_from` in burr/core/application.py, which starts another application
 */
export async function rewind({
  persister,
  appId,
  partitionKey = null,
  sequenceId,
  epoch,
  patch,
}: RewindOptions): Promise<number> {
  const ref = { appId, partitionKey }
  // Rows after that step are not read: they may be damaged.
  const at = await persister.load({ ...ref, sequenceId, ...(epoch === undefined ? {} : { epoch }) })
  if (at?.hasState !== true) {
    throw new RangeError(
      `rewind: no step ${sequenceId} of the application "${appId}" is stored. List the stored steps with persister.steps({ runId, path }).`,
    )
  }
  const rootId = await rootOf(persister, ref, at)
  const held = freezeAll(patch ?? {}, 'rewind')
  if (patch !== undefined) checkPatch(held, at, rulesOf(persister.driver, partitionKey, appId))
  const { version } = at
  const scope = new Scope(scopeSettings({ partitionKey, rootId, version, clock: systemClock }, persister.driver))
  await scope.claim()
  const rows = await persister.driver.history(partitionKey, appId)
  const most = (name: 'index' | 'order' | 'epoch'): number =>
    rows.reduce((last, row) => (isCount(row[name]) ? Math.max(last, row[name]) : last), -1)
  const head = { ...at, rows: most('index') + 1, order: most('order'), epoch: Math.max(0, most('epoch')) }
  const journal = new Journal(scope, openBranchStore, { appId, stored: head })
  const { damaged, requests } = await removedWith(persister, ref)
  for (const id of damaged) journal.inbox.take(id)
  scope.requests.drop(requests)
  const { position, next, visits, startedAt } = at
  const state: State = { ...at.state, ...held }
  const given = [...new Set([...at.given, ...Object.keys(patch ?? {})])]
  const began = head.epoch + 1
  const chooses = Object.keys(patch ?? {}).length > 0
  await journal.saveState('rewind', state, {
    position,
    next,
    visits,
    startedAt,
    sequenceId,
    epoch: began,
    given,
    chooses,
  })
  return began
}

/** Rows after the step may be damaged, and then hold any number. */
const isCount = (count: number): boolean => count >= 0 && count < Number.MAX_SAFE_INTEGER / 2

/** The messages that the row removes: those that cannot be read, and requests to cancel the run that ends here. */
async function removedWith({ driver }: Persister, { appId, partitionKey }: Required<AppRef>) {
  const [tail] = await driver.load(partitionKey, [appId])
  const damaged: number[] = []
  const requests: StoredMessage[] = []
  for (const posted of tail?.inbox ?? []) {
    try {
      const message = readMessage(appId, posted)
      if (isRequest(message)) requests.push(message)
    } catch (error) {
      if (PersistenceError.is(error)) damaged.push(posted.id)
    }
  }
  return { damaged, requests }
}

/** @throws {ContractError} when the patch does not fit the schema */
function checkPatch(patch: State, { state }: StoredRecord, rules: StateRules | undefined): void {
  const keys = Object.keys(patch)
  if (rules === undefined) return
  refuseUnknownKeys(rules, 'The patch of rewind', keys)
  applySchema(rules, 'The patch of rewind', { ...state, ...patch }, keys)
}

/** The root of an application. @throws {RangeError} for a branch whose map has committed */
async function rootOf(persister: Persister, ref: Required<AppRef>, { parentRef }: StoredRecord): Promise<string> {
  if (parentRef === undefined) return ref.appId
  const [parentId, map, visit, key] = parentRef
  const above = await persister.load({ ...ref, appId: parentId })
  if (above === undefined || !isOpen(above, map, visit)) {
    throw new RangeError(
      `rewind: the branch "${key}" belongs to a visit of "${map}" that has committed. Rewind its parent application, or fork the branch: resumeOrCreate(graph, { forkFrom: { appId: "${ref.appId}" } }).`,
    )
  }
  return rootOf(persister, { ...ref, appId: parentId }, above)
}

const isOpen = ({ map }: StoredRecord, name: string, visit: number): boolean => map?.map === name && map.visit === visit
