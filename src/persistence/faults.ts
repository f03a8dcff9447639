import { isPlainObject, messageOf, tryGet } from '../internal/guards.js'
import { PersistenceError, SnapshotError } from '../store-errors.js'
import type { RowFacts } from './driver.js'

/** The source of a resumed map returns other branches than the recorded ones. */
export function otherBranches(subject: string, moved: readonly string[]): SnapshotError {
  const which = `${moved.slice(0, 3).join(', ')}${moved.length > 3 ? ' …' : ''}`
  return new SnapshotError(
    `${subject} was resumed with different branches: ${which}. No branch was started. Return the same entries from its source, or resume with changedTasks: 'adopt' to run changed branches again.`,
  )
}

/** Another runner has claimed the tree, or it was deleted. */
export function takenOver(rootId: string, writer: string, owner: string | undefined): PersistenceError {
  const message =
    owner === undefined
      ? `Application "${rootId}" was deleted, or never opened; runner ${writer} cannot write it. Open it again with resumeOrCreate.`
      : `Runner ${owner} has taken over application "${rootId}"; runner ${writer} can no longer write it. Committed steps are stored. Let the other runner continue, or take the application over again with resumeOrCreate.`
  const writers = owner === undefined ? [writer] : [writer, owner]
  return new PersistenceError(message, { fault: 'taken-over', appId: rootId, writers })
}

/** Another runner holds the tree, and its lease lives. @param worker its description; JSON */
export function held(
  rootId: string,
  writer: string,
  owner: string,
  until: number,
  worker: string | undefined,
): PersistenceError {
  const by = worker === undefined ? owner : `${owner} (${describeWorker(worker)})`
  return new PersistenceError(
    `Runner ${by} holds application "${rootId}" until ${new Date(until).toISOString()}; runner ${writer} did not take it. Wait until then, send it a message or a cancel instead, or take it over with claim: 'take'.`,
    { fault: 'held', appId: rootId, writers: [writer, owner], heldUntil: until },
  )
}

/** `host web-1, pid 4711`: the text members of a description. */
function describeWorker(worker: string): string {
  const facts = tryGet(() => JSON.parse(worker) as unknown)
  return Object.entries(isPlainObject(facts) ? facts : {})
    .filter(([, value]) => typeof value === 'string' || typeof value === 'number')
    .map(([name, value]) => `${name} ${String(value)}`)
    .join(', ')
}

/** The index of a row is taken. */
export function conflict(appId: string, index: number, writer: string): PersistenceError {
  return new PersistenceError(
    `Application "${appId}" already has record ${index}; runner ${writer} cannot write it. Continue the stored application with resumeOrCreate, or use another appId.`,
    { fault: 'conflict', appId, writers: [writer] },
  )
}

interface Known {
  readonly parentRef: readonly [parentId: string, map: string, ...rest: unknown[]] | undefined
}

/** Refuses to open a branch as a root. @throws {PersistenceError} `conflict` */
export function refuseBranch(appId: string, writer: string, known: Known | undefined): void {
  if (known?.parentRef === undefined) return
  const [parentId, map] = known.parentRef
  throw ofAnotherTree(appId, writer, parentId, map)
}

/** Refuses to create an application that is stored. @throws {PersistenceError} `conflict` */
export function refuseStored(appId: string, writer: string, known: Known | undefined): void {
  refuseBranch(appId, writer, known)
  if (known !== undefined) throw conflict(appId, 0, writer)
}

/** An application is written from outside its tree. @param above its parent, or its root */
export function ofAnotherTree(appId: string, writer: string, above: string, map?: string): PersistenceError {
  const where = map === undefined ? `application "${above}"` : `"${map}" of application "${above}"`
  const message =
    above === appId
      ? `Application "${appId}" is stored as a root application, and cannot be stored below another one. Use another appId for the application below, or none.`
      : `Application "${appId}" is a branch of ${where}, and is stored only with it. Open the parent application: it continues its branches. Or fork the branch: resumeOrCreate(graph, { appId: 'another', forkFrom: { appId: '${appId}' } }).`
  return new PersistenceError(message, { fault: 'conflict', appId, writers: [writer] })
}

/** What a store keeps beside rows cannot be read. */
export function unreadable(subject: string, appId: string | undefined, cause: unknown): PersistenceError {
  return new PersistenceError(
    `${subject} cannot be read: ${sentenceOf(cause)} Its rows are not affected: resume the application, which stores it again.`,
    { fault: 'corrupt', appId },
    cause,
  )
}

/** The message of a cause, as a sentence. */
const sentenceOf = (cause: unknown): string => {
  const text = messageOf(cause)
  return text.endsWith('.') ? text : `${text}.`
}

/** The store is unavailable. */
export function unavailable(name: string, action: string, cause: unknown): PersistenceError {
  return new PersistenceError(
    `The persister (${name}) could not ${action}: ${sentenceOf(cause)} Earlier steps are safe. Fix the store and run again.`,
    { fault: 'unavailable', appId: undefined },
    cause,
  )
}

/** A record cannot be read. @param row undefined if there is no row */
export function corrupt(appId: string, row: RowFacts | undefined, cause: unknown): PersistenceError {
  const { index = 0, kind = 'full', sequenceId = -1 } = row ?? {}
  return new PersistenceError(
    `Record ${index} of application "${appId}" (${kind}, step ${sequenceId}) cannot be read: ${sentenceOf(cause)} Nothing was run. Rewind to a step before it, or restore the store from a backup.`,
    { fault: 'corrupt', appId, record: { index, kind, sequenceId } },
    cause,
  )
}

/** A message of an inbox cannot be read. */
export function corruptMessage(appId: string, id: number, cause: unknown): PersistenceError {
  return new PersistenceError(
    `Message ${id} to application "${appId}" cannot be read: ${sentenceOf(cause)} Nothing was run. Rewind the application, for example to its last step: that drops damaged messages.`,
    { fault: 'corrupt', appId },
    cause,
  )
}

/** The store itself is damaged. */
export function damaged(name: string, action: string, cause: unknown): PersistenceError {
  return new PersistenceError(
    `The persister (${name}) could not ${action}: ${sentenceOf(cause)} The store is damaged. Restore it from a backup. Records that still load are complete.`,
    { fault: 'corrupt', appId: undefined },
    cause,
  )
}

export const faultOf = (error: unknown): string | undefined => (PersistenceError.is(error) ? error.fault : undefined)

export const isUnavailable = (error: unknown): boolean => faultOf(error) === 'unavailable'
