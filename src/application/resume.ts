import type { Plan } from '../graph/plan.js'
import { describeValue } from '../internal/guards.js'
import { suggest } from '../internal/nearest.js'
import { checkOptions } from '../internal/options.js'
import type { Name } from '../internal/type-tools.js'
import type { Journal } from '../persistence/journal.js'
import type { AppRef, Persister } from '../persistence/persister.js'
import type { StoredRecord } from '../persistence/replay.js'
import type { StartFacts } from '../persistence/scope-settings.js'
import { clockOf } from '../runtime/system.js'
import { freezeAll } from '../state/freeze.js'
import { applySchema, refuseUnknownKeys, type StateRules } from '../state/schema.js'
import type { GivenTo } from '../state/spec.js'
import type { Application, ApplicationOptions } from './application.js'
import { LiveApplication, type LooseOptions, OPTIONS } from './live-application.js'
import { journalFor } from './persisting.js'
import { compiledGraphOf, type Graph, type InitialKeys } from './runnable.js'

// Owns: continuing a stored application, or starting from a step of another one.
// Does not own: reading records (persistence/replay.ts), resuming a map (persistence/durable-task-feed.ts).
// U1  The tree is claimed before it is read, so that no other runner changes it afterwards.
// U2  A resume at a named action or at the entrypoint begins a new epoch: earlier branches are not found again.
// U3  A new application is stored before the caller gets it, unless it is saved by hand only.

/** A past step of another application to start from. */
export interface ForkFrom<S> extends AppRef {
  /** Default: the last stored step. */
  readonly sequenceId?: number
  /** The epoch of that step, if several have it. Default: the newest. */
  readonly epoch?: number
  /**
   * Update over the state of that step; the next action is then chosen anew, by the transitions of that step's action.
   * Default: none, and the next action is the one chosen then.
   */
  readonly patch?: Partial<S>
}

/** Options of {@link resumeOrCreate}, besides the graph. */
export type ResumeOptions<S, Names, Entry, Needed extends keyof S, In extends GivenTo<S> = S> = Omit<
  ApplicationOptions<S, Names, Entry, Needed, In>,
  'parent' | 'key' | 'persister' | 'appId'
> & {
  /** Id under which the application is stored. */
  readonly appId: string
  /** Store of the application and everything below it. */
  readonly persister: Persister
  /**
   * Where a stored application continues. Default `'next'`: at the action chosen when it was stored, or chosen anew
   * where a rewind or a fork has patched its state. Any other action begins a new epoch: earlier branches are not found
   * again.
   */
  readonly resumeAt?: 'next' | 'entrypoint' | { readonly action: Names }
  /** Start of a new application, instead of `state`: a step of another application or branch. */
  readonly forkFrom?: ForkFrom<In>
  /**
   * `'take'` (default): the last one that opens the application runs it. `'free'`: rejects with a `PersistenceError`
   * (`held`), which names the other runner and the end of its lease, while a run of another process goes on.
   */
  readonly claim?: 'take' | 'free'
}

export interface LooseResume extends LooseOptions {
  readonly resumeAt?: unknown
  readonly forkFrom?: ForkFrom<Record<string, unknown>> | undefined
  readonly claim?: 'take' | 'free' | undefined
  readonly start?: StartFacts | undefined
  /** Whether a new application stays claimed until it runs: its lease does not end when it is stored. */
  readonly keepsLease?: boolean | undefined
}

/**
 * Makes an application that continues from its stored state, with everything below it; or a new one when none is
 * stored.
 *
 * The calling runner takes over the application: another one that still runs it fails at its next step; with
 * `claim: 'free'` it is left to a runner that still holds it. A new application is stored at once, so that it is listed
 * as `queued`. Nothing runs until `run`. One that {@link Application.cancel} has ended runs no more,
 * unless `resumeAt` names where it begins again. Done branches are not run again; unfinished ones continue at their next step. `entrypoint` and `state`
 * apply to a new application; stored values take precedence.
 * @throws {GraphError} for the faults of {@link createApplication}
 * @throws {TypeError} for invalid options
 * @throws {RangeError} when the step of `forkFrom` is not stored
 * @throws {SnapshotError} when the graph lacks the action to continue at, or the record is newer than the code
 * @throws {PersistenceError} when the store is unavailable, a record cannot be read, or another runner holds it and
 *   `claim` is `'free'`
 *
 * @example
 * ```ts
 * const counter = defineState<{ n: number }>()
 * const add = counter.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
 * const graph = counter.graph({ actions: { add }, transitions: { add: 'add' } })
 * const persister = memoryPersister()
 * const options = { appId: 'counter', entrypoint: 'add', state: { n: 0 }, persister } as const
 * await (await resumeOrCreate(graph, options)).step()
 * const again = await resumeOrCreate(graph, options)
 * again.state.n // 1
 * ```
 * @see Burr `initialize_from` in burr/core/application.py
 */
export async function resumeOrCreate<S extends object, A, D, In extends GivenTo<S>, const Entry extends Name<A>>(
  graph: Graph<S, A, D, In>,
  options: ResumeOptions<S, Name<A>, Entry, Extract<InitialKeys<A, Entry, D>, keyof S>, In>,
): Promise<Application<S, A>> {
  return (await resume(graph, options as unknown as LooseResume)) as unknown as Application<S, A>
}

async function resume(graph: object, options: LooseResume): Promise<LiveApplication> {
  checkOptions('resumeOrCreate', options, `${OPTIONS.replace(' parent key', '')} resumeAt forkFrom claim`)
  return resumeLoose(graph, options)
}

/** The same without types. A stored application needs no `state`. */
export async function resumeLoose(graph: object, options: LooseResume): Promise<LiveApplication> {
  const { resumeAt, forkFrom, claim, start, keepsLease = false, ...rest } = options
  const { appId } = rest
  if (typeof appId !== 'string')
    throw new TypeError(`appId is ${describeValue(appId)}. resumeOrCreate needs the id of the stored application.`)
  const journal = journalFor(rest, appId, clockOf(rest), { claim, start })
  if (journal === undefined) throw new TypeError('resumeOrCreate needs a persister to load from.')
  const begin = beginAt(graph, resumeAt, options.entrypoint)
  if (forkFrom !== undefined) refuseOwn(appId, forkFrom, journal)
  await journal.scope.claim() // U1
  if (keepsLease) journal.scope.lease.keep()
  const found = await journal.load()
  journal.scope.refuseBranch(found)
  const stored =
    found ??
    (forkFrom === undefined ? undefined : await fork(journal, forkFrom, rest.persister, compiledGraphOf(graph).rules))
  if (found !== undefined) {
    journal.adopt(found)
    await journal.status.restore()
  }
  const at = begin === undefined ? stored : stored && { ...stored, chooses: false }
  const fit = (plan: Plan): StoredRecord => {
    journal.opened = true
    return journal.scope.fit(at as StoredRecord, plan)
  }
  const app = new LiveApplication(graph, rest, { journal, stored: at && fit })
  if (begin !== undefined && stored !== undefined) await app.beginAt(begin) // U2
  if (stored === undefined && journal.scope.settings.policy !== 'manual') await app.save() // U3
  return app
}

/** The action to continue at, if `resumeAt` names one. */
export function beginAt(graph: object, resumeAt: unknown, entrypoint: string): string | undefined {
  if (resumeAt === undefined || resumeAt === 'next') return undefined
  if (resumeAt === 'entrypoint') return entrypoint
  const action = typeof resumeAt === 'object' && resumeAt !== null && 'action' in resumeAt ? resumeAt.action : undefined
  if (typeof action !== 'string')
    throw new TypeError(`resumeAt is ${describeValue(resumeAt)}. It takes 'next', 'entrypoint' or { action }.`)
  const { nodes } = compiledGraphOf(graph)
  if (!nodes.has(action))
    throw new TypeError(`resumeAt: there is no action "${action}". ${suggest(action, nodes.keys(), 'actions')}`)
  return action
}

/** @throws {TypeError} when an application would be forked from itself, stored or not */
function refuseOwn(appId: string, { appId: from, partitionKey }: AppRef, { scope: { settings } }: Journal): void {
  if (from === appId && (partitionKey === undefined || partitionKey === settings.partitionKey))
    throw new TypeError(`forkFrom is the application "${appId}" itself. Rewind it, or fork it under another appId.`)
}

async function fork(
  journal: Journal,
  {
    appId,
    partitionKey = journal.scope.settings.partitionKey,
    sequenceId,
    epoch,
    patch = {},
  }: ForkFrom<Record<string, unknown>>,
  persister: Persister | undefined,
  rules: StateRules,
): Promise<StoredRecord> {
  const from = await persister?.load({
    appId,
    partitionKey,
    ...(sequenceId === undefined ? {} : { sequenceId }),
    ...(epoch === undefined ? {} : { epoch }),
  })
  if (from === undefined || !from.hasState)
    throw new RangeError(`forkFrom: no step ${sequenceId ?? ''} of the application "${appId}" is stored.`)
  const { position, next, visits } = from
  const keys = Object.keys(patch)
  refuseUnknownKeys(rules, 'The patch of forkFrom', keys)
  freezeAll(patch, 'The patch of forkFrom')
  const patched = Object.freeze({ ...from.state, ...patch })
  const state = applySchema(rules, 'The patch of forkFrom', patched, keys)
  journal.oneWay = new Set([...from.oneWay, ...(rules.schema?.oneWay ?? [])])
  const at = { position, next, visits, sequenceId: from.sequenceId, chooses: keys.length > 0 }
  await journal.saveState('fork', state, at, { appId, sequenceId: from.sequenceId })
  const stored = await journal.load()
  if (stored === undefined) throw new TypeError('The stored fork has been deleted.')
  journal.adopt(stored)
  return stored
}
