import { messageOf } from '../internal/guards.js'
import { PersistenceError, SnapshotError } from '../store-errors.js'
import type { RowFacts } from './driver.js'

/** The source of a resumed map gives other branches than are recorded. */
export function otherBranches(subject: string, moved: readonly string[]): SnapshotError {
  const which = `${moved.slice(0, 3).join(', ')}${moved.length > 3 ? ' …' : ''}`
  return new SnapshotError(
    `${subject} was resumed with other branches than it had begun with: ${which}. Nothing was started. Let its source give the same entries again, or resume with changedTasks: 'adopt' to run what changed afresh.`,
  )
}

/** Another runner has opened the tree. */
export function takenOver(rootId: string, writer: string, owner: string | undefined): PersistenceError {
  const who = owner === undefined ? 'it was deleted, or never opened' : `${owner} opened it after ${writer}`
  return new PersistenceError(
    `Application "${rootId}" is not ${writer}'s to write any more: ${who}. One runner writes an application at a time; what was committed is stored, and the one who opened it last goes on.`,
    { fault: 'taken-over', appId: rootId, writers: owner === undefined ? [writer] : [writer, owner] },
  )
}

/** A row's place is taken. */
export function conflict(appId: string, index: number, writer: string): PersistenceError {
  return new PersistenceError(
    `Application "${appId}" has a record ${index} already, so ${writer} cannot write it. It is stored: open it with resumeOrCreate, or give another appId.`,
    { fault: 'conflict', appId, writers: [writer] },
  )
}

interface Known {
  readonly parentRef: readonly [parentId: string, map: string, ...rest: unknown[]] | undefined
}

/** A branch is opened as if it were a root. @throws {PersistenceError} `conflict` */
export function refuseBranch(appId: string, writer: string, known: Known | undefined): void {
  if (known?.parentRef === undefined) return
  const [parentId, map] = known.parentRef
  throw ofAnotherTree(appId, writer, parentId, map)
}

/** An application that is made anew is stored already. @throws {PersistenceError} `conflict` */
export function refuseStored(appId: string, writer: string, known: Known | undefined): void {
  refuseBranch(appId, writer, known)
  if (known !== undefined) throw conflict(appId, 0, writer)
}

/** An application is written with the tree that it is in, and with no other. */
export function ofAnotherTree(appId: string, writer: string, above: string, map?: string): PersistenceError {
  const where = map === undefined ? `application "${above}"` : `"${map}" of application "${above}"`
  const said =
    above === appId
      ? `Application "${appId}" is stored, and is no branch of another one. Give what is made below another application an appId of its own, or none.`
      : `Application "${appId}" is a branch of ${where}, and is stored with it alone. Open the application above: it goes on with its branches. Or fork the branch: resumeOrCreate(graph, { appId: 'another', forkFrom: { appId: '${appId}' } }).`
  return new PersistenceError(said, { fault: 'conflict', appId, writers: [writer] })
}

/** What a cause says, as a sentence. */
const said = (cause: unknown): string => {
  const text = messageOf(cause)
  return text.endsWith('.') ? text : `${text}.`
}

/** The store does not answer. */
export function unavailable(name: string, what: string, cause: unknown): PersistenceError {
  return new PersistenceError(
    `The persister (${name}) could not ${what}: ${said(cause)} What was stored before is safe; mend that, and run it again.`,
    { fault: 'unavailable', appId: undefined },
    cause,
  )
}

/** What is stored makes no sense. @param row undefined where it has none */
export function corrupt(appId: string, row: RowFacts | undefined, cause: unknown): PersistenceError {
  const { index = 0, kind = 'full', sequenceId = -1 } = row ?? {}
  return new PersistenceError(
    `Record ${index} of application "${appId}" (${kind}, step ${sequenceId}) cannot be read: ${said(cause)} Nothing was run. Rewind to a step before it, or restore the store from a backup.`,
    { fault: 'corrupt', appId, record: { index, kind, sequenceId } },
    cause,
  )
}

/** A message of an inbox makes no sense. */
export function corruptMessage(appId: string, id: number, cause: unknown): PersistenceError {
  return new PersistenceError(
    `Message ${id} to application "${appId}" cannot be read: ${said(cause)} Nothing was run. Rewind the application, also to where it stands: that drops what cannot be read.`,
    { fault: 'corrupt', appId },
    cause,
  )
}

/** The store itself is damaged. */
export function damaged(name: string, what: string, cause: unknown): PersistenceError {
  return new PersistenceError(
    `The persister (${name}) could not ${what}: ${said(cause)} The store is damaged. Restore it from a backup; what can still be loaded is whole.`,
    { fault: 'corrupt', appId: undefined },
    cause,
  )
}
