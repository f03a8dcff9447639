import { branchIdOf } from '../../parallel/branch-id.js'
import { errorData } from '../../read/error-data.js'
import { payloadOf } from '../../read/payload.js'
import { isOpen } from '../../read/status.js'
import { PersistenceError, SerializationError, SnapshotError } from '../../store-errors.js'
import { labelOf } from '../labels.js'
import { millisecondsOf } from '../order.js'
import type { StoredRecord } from '../replay.js'
import type { StoredPosition, SummaryParent, SummaryStatus } from '../summary.js'
import type { DueFacts, SummaryFacts } from '../summary-facts.js'
import { dueOf, type OpenWaitNote } from '../wait-note.js'
import type { KnownApp, Source } from './source.js'

// Owns: the summary of an application that has none, from its record: older code has stored it.
// E1  Such a record has no lease. An open one counts as interrupted, unless everything left of it waits.

/** Maximum number of branches that are loaded to find out whether all of them wait. */
const MOST_BRANCHES = 200

/** The summary of a record. @param parent its place; undefined for a root */
export async function derivedFrom(source: Source, record: StoredRecord, parent?: SummaryParent): Promise<KnownApp> {
  const own = statusOf(record, parent !== undefined)
  const below = own === 'interrupted' ? await waitsBelow(source, record) : 0
  const status = below > 0 ? 'waiting' : own
  const pending = own === 'waiting' ? derivedWaits(record).length : below
  const due = isOpen(status) ? [...dueOf(record)] : []
  const since = millisecondsOf(noteOrderOf(record, status) ?? record.order)
  const facts = factsFrom(record, status, since, due)
  return {
    appId: record.appId,
    summary: {
      appId: record.appId,
      status,
      since,
      parent,
      pending,
      retrying: 0,
      leaked: 0,
      nextAt: due.length === 0 ? null : due.reduce((first, { at }) => Math.min(first, at), Infinity),
      facts: JSON.stringify(facts),
    },
    facts,
    last: positionOf(record),
    record,
  }
}

/** An application whose record cannot be read: it has failed with that error. Any other error is thrown. */
export function damagedApp(
  appId: string,
  last: StoredPosition | undefined,
  error: unknown,
  parent?: SummaryParent,
): KnownApp {
  const isDamaged = SnapshotError.is(error) || SerializationError.is(error)
  if (!isDamaged && !(PersistenceError.is(error) && error.fault === 'corrupt')) throw error
  const since = last === undefined ? 0 : millisecondsOf(last.order)
  const facts: SummaryFacts = { epoch: last?.epoch ?? 0, sequenceId: last?.sequenceId ?? -1, error: errorData(error) }
  const counts = { pending: 0, retrying: 0, leaked: 0, nextAt: null }
  return {
    appId,
    summary: { appId, status: 'failed', since, parent, ...counts, facts: JSON.stringify(facts) },
    facts,
    last,
  }
}

/** The open questions of a record that waits. */
export const derivedWaits = (record: StoredRecord): readonly OpenWaitNote[] =>
  statusOf(record, true) === 'waiting' ? (record.waiting?.waits ?? []).filter(({ from }) => from === 'outside') : []

/** The branches of the unfinished map of a record: their keys, indices and ids. */
export function* branchesOf({ appId, epoch, map }: StoredRecord): Generator<{
  readonly key: string
  readonly index: number
  readonly appId: string
}> {
  for (const [index, [key]] of [...(map?.entries ?? [])].sort(([a], [b]) => a - b))
    yield { key, index, appId: branchIdOf(appId, epoch, map?.map ?? '', map?.visit ?? 1, key) }
}

function statusOf({ cancelled, failed, status, end, next, hasState }: StoredRecord, isBranch: boolean): SummaryStatus {
  if (cancelled !== undefined) {
    const byUser = cancelled.final || (!isBranch && cancelled.cause === 'app' && cancelled.by === 'app')
    return byUser || cancelled.cause === 'sibling-failed' ? 'cancelled' : 'interrupted'
  }
  if (failed !== undefined) return 'failed'
  if (end !== undefined || (hasState && next === undefined)) return isBranch ? 'done' : (end ?? 'finished')
  return status === 'waiting' ? 'waiting' : 'interrupted'
}

/** The number of branches that wait, if all open ones do; otherwise 0. */
async function waitsBelow(source: Source, record: StoredRecord): Promise<number> {
  const { map } = record
  if (map === undefined || map.entries.size === 0 || map.entries.size > MOST_BRANCHES) return 0
  const below = await source.records([...branchesOf(record)].map(({ appId }) => appId))
  let waiting = 0
  for (const one of below) {
    if (one === undefined) return 0
    const own = statusOf(one, true)
    const count = own === 'waiting' ? 1 : own === 'interrupted' ? await waitsBelow(source, one) : 0
    if (isOpen(own) && count === 0) return 0
    waiting += count
  }
  return waiting
}

/** Order of the note that gave it its status. */
const noteOrderOf = ({ statusRow }: StoredRecord, status: SummaryStatus): number | undefined =>
  statusRow?.notes.find(([label]) => label === status || (label === 'cancelled' && status === 'interrupted'))?.[2]

function factsFrom(
  record: StoredRecord,
  status: SummaryStatus,
  since: number,
  due: readonly Omit<DueFacts, 'sequenceId'>[],
): SummaryFacts {
  const { epoch, sequenceId, startedAt, attempts, next, position, failed, cancelled, from, recovered, map } = record
  return {
    epoch,
    sequenceId,
    ...(startedAt !== undefined && { startedAt }),
    ...(!isOpen(status) && { endedAt: since }),
    attempt: attempts,
    ...(next !== undefined && { next }),
    ...(position !== undefined && { position }),
    ...(failed !== undefined && { error: errorData(failed.error) }),
    ...(cancelled !== undefined && {
      cancelled: { by: cancelled.by, cause: cancelled.cause, reason: payloadOf(cancelled.reason), at: since },
    }),
    ...(from !== undefined && { forkedFrom: from }),
    ...(recovered && { recovered }),
    ...(due.length > 0 && { due: due.map((one) => ({ ...one, sequenceId: sequenceId + 1 })) }),
    ...(map !== undefined && {
      map: {
        map: map.map,
        visit: map.visit,
        sequenceId: sequenceId + 1,
        ...(map.total !== undefined && { total: map.total }),
        startedAt: map.startedAt,
      },
    }),
  }
}

/** The place of its last row, as far as the record tells. */
export const positionOf = ({ statusRow, sequenceId, epoch, order, position }: StoredRecord): StoredPosition => ({
  kind: statusRow === undefined ? 'full' : 'note',
  label: position === undefined ? 'start' : labelOf(position),
  sequenceId,
  epoch,
  order,
})
