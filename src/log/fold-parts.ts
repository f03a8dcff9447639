import type { Payload } from '../read/payload.js'
import { isOpenApp } from './fold-status.js'
import type { FoldedApp, FoldedCancel, FoldedStep, FoldedWait } from './folded.js'
import type { EventLine } from './lines.js'

// The parts of a folded run, from the line of one event.

export function stepStart(app: FoldedApp, line: EventLine): void {
  const { source: action = '', sequenceId = 0, time } = line
  const { appId, path, epoch } = app
  app.retry = undefined
  app.waits = []
  app.next = action
  app.since = time
  const attempt = line['attempt'] as number
  app.step = { appId, path, action, sequenceId, epoch, status: 'running', startedAt: time, attempt }
  if (line['inputs'] !== undefined) app.step.inputs = line['inputs'] as Payload
}

export function branchKnown(app: FoldedApp, line: EventLine): void {
  app.index = line['index'] as number
  app.title = (line['title'] as string | undefined) ?? app.title
  const queuedAt = line.type === 'branch.queued' ? line.time : line.queued?.[1]
  // One that goes on after it had started is not queued anew.
  if (queuedAt !== undefined && app.startedAt === undefined) app.queuedAt = queuedAt
}

export function tookOf(line: EventLine): NonNullable<FoldedStep['took']> {
  const { to, condition, onError } = line as { readonly [name: string]: unknown }
  return { to: String(to), condition: String(condition), ...(onError === true && { onError }) }
}

export const cancelOf = (line: EventLine): FoldedCancel => ({
  by: String(line['by']),
  cause: String(line['cause']),
  reason: (line['reason'] ?? null) as Payload,
  at: line.time,
})

export function leakOf({ appId, path }: FoldedApp, line: EventLine): FoldedApp['leaked'][number] {
  const { source: action = '', sequenceId = 0, time } = line
  const { sinceMs, interceptor } = line as { readonly sinceMs?: unknown; readonly interceptor?: unknown }
  return {
    ...{ appId, path, action, sequenceId, cancelledAt: time - Number(sinceMs), at: time },
    ...(typeof interceptor === 'string' && { interceptor }),
  }
}

export function waitOf(line: EventLine): FoldedWait {
  const { id, kinds, from, since, until, ask, schemas } = line as unknown as FoldedWait
  const { source: action = '', sequenceId = 0 } = line
  return { id, kinds, from, since, until, ask, schemas, action, sequenceId, answered: false }
}

export function progressOf(line: EventLine): NonNullable<FoldedStep['progress']> {
  const { fraction, done, total, message } = line as { readonly [name: string]: unknown }
  return {
    ...(typeof fraction === 'number' && { fraction }),
    ...(typeof done === 'number' && { done }),
    ...(typeof total === 'number' && { total }),
    ...(typeof message === 'string' && { message }),
    at: line.time,
  }
}

/** The map at which it stood is not the one that goes on: the run was rewound, or its process had not saved so far. */
export function undone(app: FoldedApp, time: number): void {
  const map = app.openMap
  if (map === undefined) return
  Object.assign(map, { status: 'cancelled', endedAt: time })
  for (const branch of map.branches.values()) if (isOpenApp(branch)) branch.status = 'cancelled'
}
