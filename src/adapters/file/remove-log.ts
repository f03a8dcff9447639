import { describeValue } from '../../internal/guards.js'
import { checkOptions } from '../../internal/options.js'
import { placesIn } from './places.js'
import { removeRun } from './removal.js'

/** Options of {@link removeLog}. */
export interface RemoveLogOptions {
  /** The `dir` of the tracker. */
  readonly dir: string
  /** The `project` of the tracker. Default `'default'`. */
  readonly project?: string | undefined
  readonly runId: string
  /** Default null. */
  readonly partitionKey?: string | null | undefined
}

/**
 * Removes the log of a run, with the large values that no other log names. Do not remove the log of a run that goes on: what
 * its process writes later is lost.
 * @returns whether there was one
 * @throws {TypeError} for invalid options
 * @throws {LogError} where the system refuses it, with the file. What is left of the log then is in no list; the next call
 *   removes it.
 *
 * @example
 * ```ts no-run
 * await removeLog({ dir: './logs', runId: 'order-7' }) // true
 * ```
 */
export async function removeLog(options: RemoveLogOptions): Promise<boolean> {
  checkOptions('removeLog', options, 'dir project runId partitionKey')
  const { dir, project = 'default', runId, partitionKey = null } = options
  for (const [name, value] of Object.entries({ dir, project, runId }))
    if (typeof value !== 'string' || value === '')
      throw new TypeError(`removeLog: ${name} is ${describeValue(value)}; it takes a text.`)
  return removeRun(placesIn(dir, project), runId, partitionKey)
}
