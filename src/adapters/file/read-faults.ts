import { errorData } from '../../read/error-data.js'
import { LogError } from '../../read/log-error.js'
import type { ReadFault } from '../../read/reader.js'
import type { RunSummary } from '../../read/run-summary.js'

// Owns: what of a folder could not be read, where the rest of it is told.
// F1  One file that cannot be read fails no list: the list has the others, and its fault.

/** The runs of a folder, in no order. */
export interface FoundRuns {
  readonly runs: readonly RunSummary[]
  /** The runs that could not be read. */
  readonly faults: readonly ReadFault[]
  /** What else could not be read; the runs of it were read from their logs. */
  readonly ofIndexes: readonly ReadFault[]
}

/**
 * Reads a part of a list. Undefined where the system refuses it, which becomes a fault.
 * @param run whose log it is
 */
export async function orFault<T>(
  faults: ReadFault[],
  read: () => Promise<T>,
  run?: Pick<ReadFault, 'runId' | 'partitionKey'>,
): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    if (!LogError.is(error)) throw error
    const { stack: _, cause: __, ...data } = errorData(error)
    const { runId, partitionKey } = run ?? {}
    const named = { ...(runId !== undefined && { runId }), ...(partitionKey !== undefined && { partitionKey }) }
    faults.push({ ...named, error: data })
    return undefined
  }
}
