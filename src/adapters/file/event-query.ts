import { QueryCheck } from '../../read/query-check.js'
import type { RunTarget } from '../../read/reader.js'
import type { Followed } from './follow.js'

/** Options of {@link FileReader.events}. */
export interface EventQuery extends RunTarget {
  /** The position of an event, `incarnation.seq`: earlier ones and that one are left out. */
  readonly after?: string | undefined
  /** The types of events that are given. Default: all. */
  readonly types?: readonly string[] | undefined
  /**
   * Whether the log is read on at its end until the run has ended, also when it is written by another process. A log that
   * is not there yet is awaited; one that is removed ends the reading. Default true. Without it the events of the log until
   * now are given.
   */
  readonly follow?: boolean | undefined
  /** Ends the reading. */
  readonly signal?: AbortSignal | undefined
}

/** Reads a query for events. @throws {InputError} with every fault */
export function checkedEvents(query: EventQuery): Followed {
  const check = new QueryCheck('events', query, 'runId partitionKey after types follow signal')
  const followed = {
    ...{ runId: check.needed('runId'), partitionKey: check.onePartition() },
    ...{ after: check.position('after'), types: check.texts('types') },
    ...{ follow: check.flag('follow') ?? true, signal: check.signal('signal') },
  }
  check.done()
  return followed
}
