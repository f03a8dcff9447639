import type { ActionContext } from '../action/context.js'
import { assertExecutorChoice, chosen, type ExecutorChoice } from '../action/executor.js'
import type { GraphIssue } from '../errors.js'
import type { CompiledGraph, Plan, PlanNode } from '../graph/plan.js'
import { checkPlan, unwrittenReads } from '../graph/runnable.js'
import { describeValue, isPlainObject, observe } from '../internal/guards.js'
import { createId } from '../internal/ids.js'
import { checkOptions } from '../internal/options.js'
import { assertTracker } from '../parallel/branch-tracker.js'
import type { Semaphore } from '../parallel/limit.js'
import type { AppJournal } from '../persistence/app-journal.js'
import type { StoredRecord } from '../persistence/replay.js'
import { Application } from '../runtime/application.js'
import { type Checkpoint, initialCheckpoint } from '../runtime/checkpoint.js'
import { failOnStoreLoss, restore, saveCheckpoint, visitsOf } from '../runtime/durability.js'
import { heartbeatOf } from '../runtime/map/heartbeat.js'
import { cancelAt } from '../runtime/message/commands.js'
import { childApp } from '../runtime/sub-app.js'
import { AppSystem, type SystemSettings } from '../runtime/system.js'
import { enterState } from '../state/contract.js'
import type { Tracker } from '../tracking/tracker.js'
import { journalFor, type LoosePersist, PERSIST_OPTIONS } from './persisting.js'

// Owns: making the live side of an application from its options, and its position when it was stored before.
// Does not own: its runs (live-application.ts).

/** The start of an application: its graph with an entrypoint, and its first checkpoint. */
export interface AppStart {
  readonly plan: Plan
  readonly checkpoint: Checkpoint
  readonly warnings: readonly GraphIssue[]
}

/**
 * The start of an application, checked.
 * @param isStored whether its state is stored; it may then be left out
 * @throws {GraphError} for an unknown entrypoint, and reads that nothing can have written
 * @throws {ContractError} for an invalid initial state
 */
export function startOf(core: CompiledGraph, entrypoint: string, state: unknown, isStored = false): AppStart {
  if (isStored && state === undefined) {
    const { plan, warnings } = checkPlan(core, entrypoint, undefined)
    return { plan, warnings, checkpoint: initialCheckpoint(plan, Object.freeze({})) }
  }
  const given = isPlainObject(state) ? Object.keys(state) : undefined
  const more = given && ((first: PlanNode) => unwrittenReads(core, first, given))
  const { plan, warnings } = checkPlan(core, entrypoint, undefined, more)
  return { plan, warnings, checkpoint: initialCheckpoint(plan, enterState('The initial state', core.rules, state)) }
}

/** A stored application: its claimed journal and its checkpoint. */
export interface Resumed {
  readonly journal: AppJournal
  /** Fits the stored record to the plan; undefined where nothing is stored. @throws {SnapshotError} when it does not fit */
  readonly stored: ((plan: Plan) => StoredRecord) | undefined
}

/** Options for making an application. */
export interface Making extends SystemSettings, LoosePersist {
  readonly appId?: string | undefined
  readonly tracker?: Tracker | undefined
  readonly executor?: ExecutorChoice | undefined
  readonly parent?: ActionContext | undefined
  readonly key?: string | undefined
}

/** Makes the live side of an application: a root, or below the action that makes it. */
export function makeApp(
  options: Making,
  plan: Plan,
  checkpoint: Checkpoint,
  semaphore: Semaphore | undefined,
  resumed: Resumed | undefined,
): Application {
  const { parent, key } = options
  const executor = chosen(options.executor)
  if (parent !== undefined) {
    refuseOfRoot(options)
    return childApp(parent, key, { plan, checkpoint, semaphore, executor, appId: options.appId })
  }
  const appId = options.appId ?? (options.persister && createId())
  const system = new AppSystem(options)
  const journal = resumed?.journal ?? journalFor(options, appId ?? '', system.clock)
  system.store = journal?.scope
  const app = new Application(
    { plan, checkpoint, semaphore, appId, journal, executor, tracker: options.tracker },
    system,
  )
  if (journal !== undefined) {
    failOnStoreLoss(app, journal)
    journal.scope.lease.report = () => heartbeatOf(app)
    journal.scope.requests.cancel = ({ path, map }, reason) => cancelAt(app, { path, map, reason })
  }
  if (journal !== undefined && resumed?.stored !== undefined) {
    restore(app, resumed.stored(plan))
  }
  return app
}

const OF_ROOT = `interceptors tracker ${PERSIST_OPTIONS}`.split(' ')

function refuseOfRoot(options: Making): void {
  const own = OF_ROOT.filter((name) => options[name as keyof Making] !== undefined)
  if (own.length > 0)
    throw new TypeError(
      `An application with a parent takes these options from the parent. Leave out: ${own.join(', ')}.`,
    )
}

/**
 * Stores the current state of an application.
 * @param idle true when nothing runs; the journal may then not be open yet
 */
export async function saveNow(app: Application, idle: boolean): Promise<void> {
  const { journal } = app
  if (journal === undefined) throw new TypeError('save needs a persister. Pass one to createApplication.')
  await saveCheckpoint(app, journal, idle)
}

/** Moves a stored application to another action, in a new epoch. */
export async function beginElsewhere(app: Application, action: string): Promise<void> {
  const { journal } = app
  const { state, position, sequenceId } = app.checkpoint
  app.checkpoint = { state, position, next: action, sequenceId }
  app.cancelled = undefined
  const at = { position, next: action, sequenceId, visits: visitsOf(app), epoch: (journal?.epoch ?? 0) + 1 }
  await journal?.saveState('rewind', state, at)
}

const INTERCEPTOR_OPTIONS = 'name onFault beforeRun afterRun beforeStep afterStep beforeBranch afterBranch'

/** @throws {TypeError | RangeError} for invalid options */
export function checkValues({ interceptors, graceMs, tracker, executor }: Making): void {
  if (tracker !== undefined) assertTracker(tracker)
  assertExecutorChoice(executor)
  if (interceptors !== undefined && !Array.isArray(interceptors))
    throw new TypeError(`interceptors is ${describeValue(interceptors)}. It takes a list.`)
  for (const one of interceptors ?? []) if (isPlainObject(one)) checkOptions('An interceptor', one, INTERCEPTOR_OPTIONS)
  if (graceMs !== undefined && !(graceMs >= 0))
    throw new RangeError(`graceMs is ${describeValue(graceMs)}; it takes milliseconds, 0 or more.`)
}

/** The `inspect` option of XState. */
export type Inspect = ((event: never) => void) | { readonly next?: (event: never) => void }

/**
 * Wraps an inspector: an error that it throws goes to the logger and does not reach the run.
 * @throws {TypeError} for a value that XState does not accept
 */
export function guarded(inspect: Inspect, { logger }: AppSystem): (event: never) => void {
  const next = typeof inspect === 'function' ? inspect : inspect?.next?.bind(inspect)
  if (typeof next !== 'function')
    throw new TypeError(`inspect is ${describeValue(inspect)}. It takes a function, or an observer with next.`)
  return (event) => {
    observe(next, event, (error) => logger.error('inspect threw.', error))
  }
}
