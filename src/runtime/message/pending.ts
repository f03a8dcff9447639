import type { Due, Pending } from '../../lifecycle/pending.js'
import type { Application } from '../application.js'
import { extrasOf } from './wait.js'

// Owns: what a live application and everything below it wait for, in the order of branches.

/** The actions in an application and below it that wait for a message from outside. */
export function* pendingIn(app: Application): Generator<Pending, void, void> {
  for (const wait of app.run?.waits ?? []) {
    if (wait.from !== 'outside') continue
    const { id, kinds, since, step } = wait
    const { path, appId, checkpoint, journal, root } = app
    yield {
      runId: root.appId,
      partitionKey: journal?.scope.settings.partitionKey ?? null,
      appId,
      path,
      action: step.node.name,
      sequenceId: checkpoint.sequenceId + 1,
      id,
      kinds,
      ...extrasOf(wait),
      since,
      answered: false,
    }
  }
  for (const branch of app.run?.step?.map?.table.live.values() ?? []) yield* branch.pending()
  for (const below of app.run?.subApps?.values() ?? []) yield* pendingIn(below)
}

/** All of them. */
export const allPending = (app: Application): readonly Pending[] => Object.freeze([...pendingIn(app)])

/** The times at which an application, or something below it, goes on by itself. */
export function* dueIn(app: Application): Generator<Due, void, void> {
  const { appId, path, checkpoint, parent, run } = app
  const at = { appId, path, sequenceId: checkpoint.sequenceId + 1 }
  for (const { from, until, step } of run?.waits ?? [])
    if (until !== undefined)
      yield { kind: from === 'time' ? 'sleep' : 'wait', at: until, action: step.node.name, ...at }
  const retry = run?.attempts?.due
  if (retry !== undefined) yield { kind: 'retry', ...retry, ...at }
  const deadlineAt = run?.running === true ? parent?.map?.timing(parent.key)?.deadlineAt : undefined
  if (deadlineAt !== undefined) yield { kind: 'timeout', at: deadlineAt, ...at }
  for (const branch of run?.step?.map?.table.live.values() ?? []) yield* branch.due()
  for (const below of run?.subApps?.values() ?? []) yield* dueIn(below)
}

/** All of them, the earliest first. */
export const allDue = (app: Application): readonly Due[] => Object.freeze([...dueIn(app)].sort((a, b) => a.at - b.at))
