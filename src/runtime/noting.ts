import { isThenable } from '../internal/guards.js'
import type { Life } from '../persistence/committing.js'
import type { Awaitable } from '../persistence/driver.js'
import type { Journal } from '../persistence/journal.js'
import type { LiveApp } from './tree.js'

/**
 * Writes down what is no step. A run does not fail where that cannot be stored: the logger is told.
 * @param what told then: `How a run ended`
 * @returns nothing, or a promise that resolves, whatever happens
 */
export function writeNote(
  { journal, system }: LiveApp,
  what: string,
  write: (journal: Journal) => Awaitable<void>,
): Awaitable<void> {
  if (journal === undefined) return undefined
  const lost = (error: unknown): void => system.logger.error(`${what} could not be stored.`, error)
  try {
    const written = write(journal)
    return isThenable(written) ? Promise.resolve(written).catch(lost) : undefined
  } catch (error) {
    return lost(error)
  }
}

/** When an application began as a branch, and at which attempt it is. */
export function timingOf({ parent, run }: LiveApp): Life {
  return { startedAt: parent?.map?.timing(parent.key)?.startedAt, attempts: run?.attempts?.branch ?? 1 }
}
