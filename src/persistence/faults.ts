import { messageOf } from '../internal/guards.js'
import { PersistenceError, SnapshotError } from './errors.js'

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

/** What is stored makes no sense. */
export function corrupt(appId: string, index: number, cause: unknown): PersistenceError {
  return new PersistenceError(
    `Record ${index} of application "${appId}" cannot be read: ${said(cause)} Nothing was run. Rewind to a step before it, or restore the store from a backup.`,
    { fault: 'corrupt', appId },
    cause,
  )
}
