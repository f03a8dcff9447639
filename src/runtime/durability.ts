import type { Inputs } from '../action/inputs.js'
import type { PlanNode } from '../graph/plan.js'
import { ownValue, toError } from '../internal/guards.js'
import type { CommittingStep } from '../persistence/committing.js'
import type { Awaitable } from '../persistence/driver.js'
import type { Journal } from '../persistence/journal.js'
import type { StoredRecord } from '../persistence/replay.js'
import type { State } from '../state/freeze.js'
import { Carrier } from './actor/carrier.js'
import { AppSnapshot } from './actor/snapshot.js'
import { timeoutOf } from './cancel/cancellation.js'
import { deliverInbox } from './message/stored-messages.js'
import { timingOf, writeNote } from './noting.js'
import { endsAt, type RunResult } from './run/request.js'
import { cancelledRun, endedRun, failedRun } from './run/result.js'
import { attemptsOf } from './step/retry.js'
import type { LiveApp, LiveRun } from './tree.js'

// Owns: what the engine tells the journal of an application, and what it takes from it.
// Does not own: rows and when they are whole (persistence/journal.ts).
// Types of the journal only: without a persister none of its code is loaded.

/** A step as it is about to be committed. */
export function committing(
  { app, request, attempts }: LiveRun,
  node: PlanNode,
  {
    state,
    next,
    sequenceId,
  }: { readonly state: State; readonly next: string | undefined; readonly sequenceId: number },
): CommittingStep {
  const { plan } = app
  const visit = (app.visits[node.index] ?? 0) + 1 // now: it may be asked for once the step has committed
  return {
    action: node.name,
    state,
    next,
    sequenceId,
    visits: () => ({ ...visitsOf(app), [node.name]: visit }),
    end: endsAt(plan, request, node, next),
    ...timingOf(app),
    recovered: attempts?.recovered === true,
    loose: !plan.graph.rules.freeze,
  }
}

/** How often each action has committed, by name. */
export function visitsOf({ plan, visits }: LiveApp): Record<string, number> {
  const counted = plan.graph.list.flatMap(({ name, index }) => {
    const count = visits[index] ?? 0
    return count === 0 ? [] : [[name, count] as const]
  })
  return Object.fromEntries(counted)
}

/** The application stands where it is stored. Keys that are not stored keep the values that they have. */
export function restore(app: LiveApp, stored: StoredRecord): void {
  const { position, next, sequenceId } = stored
  const { transient } = app.journal?.scope.settings ?? { transient: new Set() }
  const given = Object.entries(app.checkpoint.state).filter(
    ([key]) => transient.has(key) && !Object.hasOwn(stored.state, key),
  )
  const state = given.length === 0 ? stored.state : Object.freeze({ ...stored.state, ...Object.fromEntries(given) })
  if (sequenceId !== app.checkpoint.sequenceId) app.onces = app.held = undefined // of a step that is stored
  app.checkpoint = { state, position, next, sequenceId }
  for (const { name, index } of app.plan.graph.list) app.visits[index] = ownValue(stored.visits, name) ?? 0
}

/** Opens the journal of an application, and puts the application where it is stored. */
async function restoreFromStore(app: LiveApp, journal: Journal, inputs: Inputs): Promise<StoredRecord | undefined> {
  const stored = await journal.open(app.plan, app.checkpoint, inputs)
  if (stored?.based !== true) return stored
  restore(app, stored)
  app.self.send(new Carrier('teasel.step', new AppSnapshot(app, app.checkpoint)))
  return stored
}

/**
 * Stores where an application stands. What its next step has begun stays stored.
 * @param idle whether nothing runs: then it may not be opened yet
 */
export async function saveCheckpoint(app: LiveApp, journal: Journal, idle: boolean): Promise<void> {
  if (idle) await restoreFromStore(app, journal, app.inputs)
  else await journal.opening?.catch(() => {})
  if (journal.opened) await journal.save(app.checkpoint) // else the run that opens it fails
}

/**
 * The first thing that a run does: the journal is claimed, and the application stands where it is stored.
 * @returns how the run ends, where it does at once
 */
export async function openJournal(run: LiveRun, journal: Journal): Promise<RunResult | undefined> {
  const { app, request } = run
  try {
    const stored = await restoreFromStore(app, journal, request.inputs)
    if (stored?.based === true) {
      const at = app.plan.graph.nodes.get(stored.position ?? '')
      // One that an action made by hand, and that had halted there before the action was cut off.
      if (stored.end === 'halted' && at !== undefined && request.haltAfter.has(at)) return endedRun(run, 'halted')
    }
    if (journal.stored !== undefined) attemptsOf(run).resume(journal.stored)
    deliverInbox(app, journal)
    return undefined
  } catch (error) {
    const { cancellation } = run
    return cancellation === undefined ? failedRun(app, toError(error)) : cancelledRun(run, cancellation)
  }
}

/** Writes down how a run ended, as far as its last step does not say it. Resolves with the end, whatever happens. */
export function recordEnd(run: LiveRun, end: RunResult): Awaitable<RunResult> {
  const kept = writeNote(run.app, 'How a run ended', (journal) => tell(run, journal, end))
  return kept === undefined ? end : kept.then(() => end)
}

function tell({ app, attempts }: LiveRun, journal: Journal, end: RunResult): Awaitable<void> {
  if (!journal.opened || journal.scope.fault !== undefined) return undefined
  const { parent } = app
  const life = timingOf(app)
  if (attempts?.branchRecovered === true && end.status === 'finished') {
    if (journal.scope.settings.policy === 'manual') return undefined
    const { state, position, sequenceId } = app.checkpoint
    const facts = { position, sequenceId, next: undefined, end: 'finished', visits: visitsOf(app) } as const
    return journal.place('saved', state, { ...facts, ...life, recovered: true })
  }
  if (end.status === 'failed') return journal.failed(end.error, life)
  if (end.status !== 'cancelled') return undefined
  const { cancellation } = end
  if (cancellation.cause === 'stop') return undefined
  const timeout = timeoutOf(cancellation)
  if (timeout !== undefined) return journal.failed(timeout, life)
  // An application is cancelled for good only as a branch; the run of a root is over, and another may begin.
  return journal.cancelled(cancellation, life, parent?.map === undefined)
}
