import type { Inputs } from '../action/inputs.js'
import type { PlanNode } from '../graph/plan.js'
import { isThenable, ownValue, toError } from '../internal/guards.js'
import { isFinal } from '../lifecycle/final.js'
import type { Logger } from '../lifecycle/logger.js'
import type { AppJournal } from '../persistence/app-journal.js'
import type { CommittingStep, StoredTiming } from '../persistence/committing.js'
import type { Awaitable } from '../persistence/driver.js'
import type { StoredRecord } from '../persistence/replay.js'
import type { RetryNote } from '../persistence/wait-note.js'
import type { State } from '../state/freeze.js'
import { PersistenceError } from '../store-errors.js'
import { Carrier } from './actor/carrier.js'
import { AppSnapshot } from './actor/snapshot.js'
import type { Application, Run } from './application.js'
import { type Cancellation, createCancellation, timeoutOf } from './cancel/cancellation.js'
import { Deadline } from './cancel/deadline.js'
import type { Checkpoint } from './checkpoint.js'
import { deliverInbox } from './message/inbox.js'
import { endsAt } from './run/request.js'
import { cancelledRun, endedRun, failedRun, type RunResult } from './run/result.js'
import { attemptsOf } from './step/attempts.js'

// Owns: the calls of the engine to the journal of an application.
// Does not own: rows, and when they are complete (persistence/journal.ts).
// Imports types of persistence/ only: a program without a persister loads none of its code.

/** A step that is about to commit. */
export function committing(
  { app, request, attempts }: Run,
  node: PlanNode,
  { state, next, sequenceId }: Checkpoint,
  ran: CommittingStep['ran'],
): CommittingStep {
  const { plan } = app
  const visit = (app.visits[node.index] ?? 0) + 1 // read now: `visits` may be called after the commit
  return {
    action: node.name,
    state,
    next,
    sequenceId,
    visits: () => ({ ...visitsOf(app), [node.name]: visit }),
    end: endsAt(plan, request, node, next),
    ...timingOf(app),
    recovered: attempts?.recovered === true,
    ran,
    loose: !plan.graph.rules.freeze,
  }
}

/** How often each action has committed, by name. */
export function visitsOf({ plan, visits }: Pick<Application, 'plan' | 'visits'>): Record<string, number> {
  const counted = plan.graph.list.flatMap(({ name, index }) => {
    const count = visits[index] ?? 0
    return count === 0 ? [] : [[name, count] as const]
  })
  return Object.fromEntries(counted)
}

/** A stored state with the keys that are never stored, as far as the application was given them. */
export function withTransient(stored: State, given: State, transient: ReadonlySet<string> = new Set()): State {
  const added = Object.entries(given).filter(([key]) => transient.has(key) && !Object.hasOwn(stored, key))
  return added.length === 0 ? stored : Object.freeze({ ...stored, ...Object.fromEntries(added) })
}

/** Moves an application to a stored checkpoint. Keys that are never stored keep their values. */
export function restore(app: Application, stored: StoredRecord): void {
  const { position, next, sequenceId } = stored
  const state = withTransient(stored.state, app.checkpoint.state, app.journal?.scope.settings.transient)
  const { cancelled } = stored
  if (app.parent === undefined && cancelled !== undefined && stored.status === 'cancelled')
    app.cancelled = createCancellation(cancelled.cause, cancelled.by, app.system.passed(), cancelled.reason)
  if (sequenceId !== app.checkpoint.sequenceId) app.onces = app.kept = undefined // they belong to another step
  app.checkpoint = { state, position, next, sequenceId }
  for (const { name, index } of app.plan.graph.list) app.countVisits(index, ownValue(stored.visits, name) ?? 0)
}

/** Opens the journal of an application, and moves the application to its stored checkpoint. */
async function restoreFromStore(
  app: Application,
  journal: AppJournal,
  inputs: Inputs,
): Promise<StoredRecord | undefined> {
  const stored = await journal.open(app.plan, app.checkpoint, inputs)
  if (stored?.hasState !== true) return stored
  restore(app, stored)
  app.self.send(new Carrier('teasel.step', new AppSnapshot(app, app.checkpoint)))
  return stored
}

/**
 * Stores the checkpoint of an application. The stored part of its next step stays.
 * @param idle whether nothing runs: the journal may then not be open yet
 */
export async function saveCheckpoint(app: Application, journal: AppJournal, idle: boolean): Promise<void> {
  if (idle) await restoreFromStore(app, journal, app.inputs)
  else await journal.opening?.catch(() => {})
  if (journal.opened) await journal.save(app.checkpoint) // otherwise the run that opens it fails
}

/**
 * The first act of a run: claims the journal, and moves the application to its stored checkpoint.
 * @returns the result of the run, where it ends at once
 */
export async function openJournal(run: Run, journal: AppJournal): Promise<RunResult | undefined> {
  const { app, request } = run
  try {
    if (app.parent === undefined) journal.status.begins()
    const stored = await restoreFromStore(app, journal, request.inputs)
    if (stored?.hasState === true) {
      const at = app.plan.graph.nodes.get(stored.position ?? '')
      // Made by an action, it had halted there before the action was interrupted.
      if (stored.end === 'halted' && at !== undefined && request.haltAfter.has(at)) return endedRun(run, 'halted')
    }
    const { retry } = journal.notes
    journal.notes.begin()
    if (journal.stored !== undefined || retry !== undefined) resumeAttempts(run, journal.stored, retry)
    deliverInbox(app, journal)
    return undefined
  } catch (error) {
    const { cancellation } = run
    return cancellation === undefined ? failedRun(app, toError(error)) : cancelledRun(run, cancellation)
  }
}

function resumeAttempts(run: Run, stored: StoredRecord | undefined, retry: RetryNote | undefined): void {
  const { attempts = 1, recovered = false } = stored ?? {}
  const past = { attempts: retry?.attempts ?? attempts, tries: retry?.tries ?? 0, recovered }
  attemptsOf(run).resume(past, retry?.before)
}

/** An application, as its notes need it. */
interface NotedApp {
  readonly journal: AppJournal | undefined
  readonly system: { readonly logger: Logger }
}

/**
 * Stores a note, best effort: a failure is logged and never fails the run.
 * @param subject the note in that log message: `How a run ended`
 * @param isNothing whether a failure loses nothing, and is not logged
 * @returns undefined, or a promise that always resolves
 */
export function writeNote(
  { journal, system }: NotedApp,
  subject: string,
  write: (journal: AppJournal) => Awaitable<void>,
  isNothing: (error: unknown) => boolean = () => false,
): Awaitable<void> {
  if (journal === undefined) return undefined
  const lost = (error: unknown): void => {
    if (!isNothing(error)) system.logger.error(`${subject} could not be stored.`, error)
  }
  try {
    const written = write(journal)
    return isThenable(written) ? Promise.resolve(written).catch(lost) : undefined
  } catch (error) {
    return lost(error)
  }
}

/** When an application began as a branch, when its time limit ends, and the number of its attempt. */
export function timingOf({ parent, run }: Application): StoredTiming {
  const timing = parent?.map?.timing(parent.key)
  return { startedAt: timing?.startedAt, deadlineAt: timing?.deadlineAt, attempts: run?.attempts?.branch ?? 1 }
}

/**
 * Stores the result of a run, where its last step does not hold it.
 * @returns the result; of a root of which nothing goes on, and that its store does not have so, a failure with the fault
 * of the store
 */
export function recordEnd(run: Run, result: RunResult): Awaitable<RunResult> {
  const { app, attempts } = run
  const { checkpoint, parent, journal } = app
  const given = attempts?.branchRecovered === true && result.status === 'finished' ? checkpoint : undefined
  const facts = { timing: timingOf(app), given, visits: () => visitsOf(app), isBranch: parent?.map !== undefined }
  const written = writeEnd(app, result, facts)
  const end = async (): Promise<RunResult> => {
    await written
    const isCut = result.status === 'cancelled' && !isFinal(result.cancellation.cause)
    const fault = parent === undefined && (await journal?.status.ended(isCut ? 'cut' : result.status))
    return fault ? failedRun(app, fault.error) : result
  }
  return parent === undefined || written !== undefined ? end() : result
}

/** The result of an application that ended, as its journal stores it. */
export type StoredEnd =
  | { readonly status: 'failed'; readonly error: Error }
  | { readonly status: 'cancelled'; readonly cancellation: Cancellation }
  | { readonly status: 'halted' | 'finished' }

/** The facts that are stored with the end of an application. */
export interface EndFacts {
  readonly timing: StoredTiming
  /** The checkpoint that the fallback of the branch gave; undefined where there was none. */
  readonly given: Omit<Checkpoint, 'next'> | undefined
  readonly visits: () => Readonly<Record<string, number>>
  /** A branch repeats its final cancel in each later row. A root has none: what begins it again, as a rewind, drops the note. */
  readonly isBranch: boolean
}

/** Stores how an application ended, where its last step does not hold it; best effort, as every note. */
export function writeEnd(app: NotedApp, end: StoredEnd, facts: EndFacts): Awaitable<void> {
  // Another runner has gone on with a run that is only cut off here, as one that waited: that one stores how it ends.
  const isNothing = (error: unknown): boolean =>
    end.status === 'cancelled' &&
    !isFinal(end.cancellation.cause) &&
    PersistenceError.is(error) &&
    error.fault === 'taken-over'
  return writeNote(app, 'How a run ended', (journal) => noteEnd(journal, end, facts), isNothing)
}

function noteEnd(journal: AppJournal, end: StoredEnd, { timing, given, visits, isBranch }: EndFacts): Awaitable<void> {
  if (!journal.opened || journal.scope.fault !== undefined) return undefined
  if (given !== undefined) {
    if (journal.scope.settings.policy === 'manual') return undefined
    const { state, position, sequenceId } = given
    const facts = { position, sequenceId, next: undefined, end: 'finished', visits: visits() } as const
    return journal.saveState('saved', state, { ...facts, ...timing, recovered: true })
  }
  if (end.status === 'failed') return journal.failed(end.error, timing)
  if (end.status !== 'cancelled') return undefined
  const { cancellation } = end
  if (cancellation.cause === 'stop') return undefined
  const timeout = timeoutOf(cancellation)
  return timeout === undefined ? journal.cancelled(cancellation, timing, !isBranch) : journal.failed(timeout, timing)
}

/**
 * A lost store, at any depth, fails the run of the root and interrupts everything below, which continues at the next
 * resume. It is no failure of the step that wrote.
 */
export function failOnStoreLoss({ system }: Application, { scope }: AppJournal): void {
  if (system.outage === undefined) {
    system.outage = scope.outage
    system.outage.lost = (error) => system.root?.cancel(error, 'store', 'store')
  } else scope.outage = system.outage
}

/** The fault of a store that ended the last run of an application. Undefined where there is none. */
export function lostStore({ journal, run }: Application): { readonly error: unknown } | undefined {
  const { cause, reason } = run?.cancellation ?? {}
  return journal?.scope.fault ?? (cause === 'store' ? { error: reason } : undefined)
}

/** Resolves when nothing is being stored, or after the grace period: a cancel does not wait for an unavailable store. */
export async function flushInTime({ journal, system }: Application): Promise<void> {
  if (journal === undefined) return
  await new Promise<void>((resolve) => {
    const grace = new Deadline(system.clock, system.passed() + system.graceMs, resolve)
    void journal.scope.idle().then(() => {
      grace.clear()
      resolve()
    })
  })
}
