import type { LiveApplication } from '../application/live-application.js'
import { resumeLoose } from '../application/resume.js'
import { encode } from '../codec/encode.js'
import { type Clock, systemClock } from '../internal/clock.js'
import { describeValue, isPlainObject } from '../internal/guards.js'
import { createId } from '../internal/ids.js'
import { suggest } from '../internal/nearest.js'
import { consoleLogger, type Logger, safeLogger } from '../lifecycle/logger.js'
import { cancelStored, failStored } from '../persistence/cancel-stored.js'
import { isEnded } from '../persistence/due.js'
import type { Persister } from '../persistence/persister.js'
import { runRequestIn } from '../persistence/requests.js'
import type { StartFacts } from '../persistence/scope-settings.js'
import type { StoredRun } from '../persistence/summary.js'
import { PersistenceError } from '../store-errors.js'
import type { Tracker } from '../tracking/tracker.js'
import { hostFacts } from './held-run.js'
import type { StartOptions } from './host-api.js'
import type { HostRun } from './host-events.js'
import type { Hosted } from './hosted.js'

// Owns: storing a new run, and opening a stored one, in the process that runs it.
// Does not own: which runs a process opens (host.ts, jobs/run-holder.ts), the run that it holds then (held-run.ts).

/** What opening a run takes. */
export interface RunOpening {
  readonly persister: Persister
  readonly graphs: Readonly<Record<string, Hosted>>
  readonly leaseMs?: number | undefined
  readonly logger?: Logger | undefined
  readonly clock?: Clock | undefined
  readonly pollMs?: number | undefined
  readonly maxCrashes?: number | undefined
}

/** A run that is stored. */
export interface StoredStart {
  readonly run: HostRun
  /** The application; undefined when its id was stored before. */
  readonly app: LiveApplication | undefined
  readonly inputs: Readonly<Record<string, unknown>>
}

/** What opening a stored run has come to. */
export type Opened =
  | {
      readonly status: 'open'
      readonly app: LiveApplication
      readonly inputs: Readonly<Record<string, unknown>>
      readonly why: 'interrupted' | 'due'
    }
  /** Another process had asked for that. It is cancelled now. */
  | { readonly status: 'cancelled' }
  /** Its process has died too often. It has failed now. */
  | { readonly status: 'failed'; readonly error: Error }
  /** Another process has it. */
  | { readonly status: 'held' }

/** @throws {TypeError} when there is no such graph */
export function hostedOf({ graphs }: Pick<RunOpening, 'graphs'>, name: string): Hosted {
  if (Object.hasOwn(graphs, name)) return graphs[name] as Hosted
  throw new TypeError(`There is no graph "${name}". ${suggest(name, Object.keys(graphs), 'graphs')}`)
}

export function appOptions(
  { persister, leaseMs, logger, clock }: RunOpening,
  { options }: Hosted,
  { runId, partitionKey, name }: HostRun,
) {
  return {
    ...(logger && { logger }),
    ...(clock && { clock }),
    ...options,
    ...{ appId: runId, partitionKey, name, persister, claim: 'free' as const, state: undefined },
    ...(leaseMs !== undefined && { leaseMs }),
  }
}

/**
 * Stores a run, if its id is not stored.
 * @param about `partitionKey`: its partition; `keepsLease`: whether this process runs it next; the rest is stored with it
 */
export async function storeRun(
  opening: RunOpening,
  name: string,
  { appId = createId(), state, labels, title, inputs = {} }: StartOptions<Hosted>,
  about: { readonly partitionKey: string | null; readonly keepsLease: boolean } & Omit<StartFacts, 'inputs'>,
): Promise<StoredStart> {
  const { partitionKey, keepsLease, ...facts } = about
  const { persister, clock = systemClock, pollMs = 1_000 } = opening
  const hosted = hostedOf(opening, name)
  if (!isPlainObject(inputs)) throw new TypeError(`inputs is ${describeValue(inputs)}. It takes values by name.`)
  const run: HostRun = { runId: appId, partitionKey, name }
  const carried = carriedFor(opening, hosted, run)
  const start = { ...facts, inputs: encode(inputs, 'inputs'), carried }
  const root = { partitionKey, rootId: appId }
  for (;;) {
    if (await persister.driver.find(root)) return { run, app: undefined, inputs }
    try {
      const options = { ...appOptions(opening, hosted, run), state, labels, title, start, keepsLease }
      return { run, app: await resumeLoose(hosted.graph, options), inputs }
    } catch (error) {
      if (!PersistenceError.is(error) || error.fault !== 'held') throw error
    }
    // Another process stores it now, or has died before it was stored.
    if (await persister.driver.find(root)) return { run, app: undefined, inputs }
    await new Promise<void>((resolve) => void clock.setTimeout(resolve, pollMs))
  }
}

/** What the tracker of a graph gives along with a new run. */
function carriedFor({ logger = consoleLogger }: RunOpening, { options }: Hosted, run: HostRun): StartFacts['carried'] {
  const { tracker } = options as { readonly tracker?: Tracker }
  const { runId: appId, partitionKey, name } = run
  try {
    return tracker?.carryRun?.({ appId, partitionKey, name })
  } catch (error) {
    safeLogger(logger).error(`The tracker of "${name}" threw. Run "${appId}" starts without what it carries.`, error)
    return undefined
  }
}

/**
 * Opens a stored run by a free claim; or ends it, where that is due.
 * @throws {PersistenceError | SnapshotError | TypeError} when the store is unavailable, or this code cannot resume it
 */
export async function openRun(opening: RunOpening, run: HostRun, stored: StoredRun): Promise<Opened> {
  const { persister, maxCrashes = 3 } = opening
  const ref = { appId: run.runId, partitionKey: run.partitionKey }
  const { inputs, crashes, start } = hostFacts(stored)
  const { partitionKey, runId: rootId } = run
  const request =
    stored.summary !== undefined && isEnded(stored.summary.status)
      ? undefined
      : runRequestIn(rootId, await persister.driver.inbox({ partitionKey, rootId }))
  if (request !== undefined) {
    await cancelStored({ persister, ...ref, reason: request.reason })
    return { status: 'cancelled' }
  }
  if (crashes >= maxCrashes) {
    const error = new TypeError(
      `The process of run "${run.runId}" died ${crashes} times in the step after ${stored.last?.sequenceId ?? -1}. Find the cause, then rewind the run and resume it.`,
    )
    return (await failStored(persister, ref, error)) ? { status: 'failed', error } : { status: 'held' }
  }
  const hosted = hostedOf(opening, run.name)
  try {
    const app = await resumeLoose(hosted.graph, { ...appOptions(opening, hosted, run), start })
    const waits = stored.summary?.status === 'waiting' || stored.summary?.status === 'queued'
    return { status: 'open', app, inputs, why: waits ? 'due' : 'interrupted' }
  } catch (error) {
    if (PersistenceError.is(error) && error.fault === 'held') return { status: 'held' }
    throw error
  }
}
