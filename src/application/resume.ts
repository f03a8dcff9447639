import { describeValue } from '../internal/guards.js'
import { suggest } from '../internal/nearest.js'
import { checkOptions } from '../internal/options.js'
import type { Name } from '../internal/type-tools.js'
import { refuseBranch } from '../persistence/faults.js'
import type { Journal } from '../persistence/journal.js'
import type { AppRef, Persister } from '../persistence/persister.js'
import type { StoredRecord } from '../persistence/replay.js'
import { clockOf } from '../runtime/hub.js'
import { freezeAll } from '../state/freeze.js'
import { applySchema, refuseUnknownKeys, type StateRules } from '../state/schema.js'
import type { GivenTo } from '../state/spec.js'
import type { Application, ApplicationOptions } from './application.js'
import { LiveApplication, type LooseOptions, OPTIONS } from './live-application.js'
import { journalFor } from './persisting.js'
import { compiledGraphOf, type Graph, type InitialKeys } from './runnable.js'

// Owns: an application that goes on from what is stored of it, or of another one.
// Does not own: how records are read (persistence/replay.ts), what a resumed map does (persistence/kept-feed.ts).
// U1  The tree is claimed before it is read, so that what is read stays true.
// U2  A resume that begins elsewhere than where it is stored begins a new epoch: nothing below is found again.

/** Which past step of which application to start from. */
export interface ForkFrom<S> extends AppRef {
  /** Default: where it stands. */
  readonly sequenceId?: number
  /**
   * Laid over the state of that step; the action that runs next is then chosen anew, by the transitions of the last one.
   * Default: nothing, and it goes on at the action that was chosen then.
   */
  readonly patch?: Partial<S>
}

/** What {@link resumeOrCreate} takes beside the graph. */
export type ResumeOptions<S, Names, Entry, Needed extends keyof S, In extends GivenTo<S> = S> = Omit<
  ApplicationOptions<S, Names, Entry, Needed, In>,
  'parent' | 'key' | 'persister' | 'appId'
> & {
  /** Under which it is stored. */
  readonly appId: string
  /** Where it is stored, with all that is below it. */
  readonly persister: Persister
  /**
   * Where a stored application goes on. Default `'next'`: at the action that was chosen when it was stored, or is chosen
   * anew where a rewind or a fork has patched its state. Elsewhere
   * begins a new epoch: branches of before are not found again.
   */
  readonly resumeAt?: 'next' | 'entrypoint' | { readonly action: Names }
  /** Where a new one starts, if not at `state`: a step of another application, also of a branch. */
  readonly forkFrom?: ForkFrom<In>
}

interface LooseResume extends LooseOptions {
  readonly resumeAt?: unknown
  readonly forkFrom?: ForkFrom<Record<string, unknown>> | undefined
}

/**
 * Makes an application that goes on from where it is stored, with all that is below it; or a new one where nothing is.
 *
 * It is this runner's from now on: another one that still runs it fails at its next step. Nothing is run until `run`.
 * A branch that is done is not run again, one that is half done goes on at its next step. `entrypoint` and `state` are
 * for a new one; what is stored wins over them.
 * @throws {GraphError} as {@link createApplication} throws it
 * @throws {TypeError} for options that cannot be
 * @throws {RangeError} when the step of `forkFrom` is not stored
 * @throws {SnapshotError} when the graph lacks the action where it would go on, or the record is newer than the code
 * @throws {PersistenceError} when the store does not answer, or a record cannot be read
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
  checkOptions('resumeOrCreate', options, `${OPTIONS.replace(' parent key', '')} resumeAt forkFrom`)
  const { resumeAt, forkFrom, ...rest } = options
  const { appId } = rest
  if (typeof appId !== 'string')
    throw new TypeError(`appId is ${describeValue(appId)}. resumeOrCreate finds an application by it.`)
  const journal = journalFor(rest, appId, clockOf(rest))
  if (journal === undefined) throw new TypeError('resumeOrCreate needs a persister: it looks there for what is stored.')
  const begin = beginAt(graph, resumeAt, options.entrypoint)
  if (forkFrom !== undefined) refuseOwn(appId, forkFrom, journal)
  await journal.scope.claim() // U1
  const found = await journal.load()
  refuseBranch(appId, journal.scope.settings.writer, found)
  const stored =
    found ??
    (forkFrom === undefined ? undefined : await fork(journal, forkFrom, rest.persister, compiledGraphOf(graph).rules))
  if (found !== undefined) journal.adopt(found)
  const at = begin === undefined ? stored : stored && { ...stored, chooses: false }
  const app = new LiveApplication(graph, rest, { journal, stored: at })
  if (begin !== undefined && stored !== undefined) await app.beginAt(begin) // U2
  return app
}

/** The action to go on at, where that is said. */
function beginAt(graph: object, resumeAt: unknown, entrypoint: string): string | undefined {
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
    patch = {},
  }: ForkFrom<Record<string, unknown>>,
  persister: Persister | undefined,
  rules: StateRules,
): Promise<StoredRecord> {
  const from = await persister?.load({
    appId,
    partitionKey,
    ...(sequenceId === undefined ? {} : { sequenceId }),
  })
  if (from === undefined || !from.based)
    throw new RangeError(`forkFrom: no step ${sequenceId ?? ''} of the application "${appId}" is stored.`)
  const { position, next, visits } = from
  const keys = Object.keys(patch)
  refuseUnknownKeys(rules, 'The patch of forkFrom', keys)
  freezeAll(patch, 'The patch of forkFrom')
  const laid = Object.freeze({ ...from.state, ...patch })
  const state = applySchema(rules, 'The patch of forkFrom', laid, keys)
  journal.oneWay = new Set([...from.oneWay, ...(rules.schema?.oneWay ?? [])])
  const at = { position, next, visits, sequenceId: from.sequenceId, chooses: keys.length > 0 }
  await journal.place('fork', state, at, { appId, sequenceId: from.sequenceId })
  const stored = await journal.load()
  if (stored === undefined) throw new TypeError('A fork that was stored is gone.')
  journal.adopt(stored)
  return stored
}
