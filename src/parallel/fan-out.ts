import type { Accepts, ActionBody, AnyRunnable } from '../action/action.js'
import { assertExecutorChoice, chosen, type Executor, type ExecutorChoice } from '../action/executor.js'
import type { Inputs } from '../action/inputs.js'
import { type FailurePolicy, type LoosePolicy, parseGrace, parsePolicy, type Retry } from '../action/retry.js'
import { describeValue } from '../internal/guards.js'
import type { Name } from '../internal/type-tools.js'
import type { State } from '../state/freeze.js'
import { assertTrackerChoice, type TrackedMap, type TrackerChoice } from './branch-tracker.js'
import type { Entries, KeyedEntry } from './entries.js'
import { compileFold, type Fold, type LooseFold } from './fold.js'
import { checkCount, type Limit, type Permits, semaphoreOf } from './limit.js'
import { checkPolicy, policyName, type SettlePolicy } from './settle.js'
import type { BranchFallback } from './source.js'
import type { BranchTask } from './task.js'
import { type BranchType, type CompiledWatch, compileWatch, type WatchOption } from './watch.js'

/** The part of a persister that a map needs. */
export interface BranchPersister {
  readonly name: string
  readonly driver: object
}

/** @throws {TypeError} for a value that is not a valid `persister` option */
function assertPersister(given: unknown): unknown {
  if (given === undefined || given === 'cascade') return undefined
  if (given === null || (typeof given === 'object' && 'journal' in given)) return given
  throw new TypeError(`persister is ${describeValue(given)}. It takes 'cascade', null or a persister.`)
}

type StateOfBranch<B> = B extends BranchType<infer State, unknown> ? State : never

/** Options shared by all kinds of map actions. */
export interface FanOutOptions<S, W extends keyof S, P extends SettlePolicy, Tag extends string, T, M = unknown> {
  /** State keys of the parent that the fold returns: all of them, and no other. */
  readonly writes: readonly W[]
  /** Names shared by several actions, for halting. Default: none. */
  readonly tags?: readonly Tag[]
  /**
   * Name of the map when it runs as a branch by itself. Its key in a graph or in a record of branches takes precedence.
   * Default: the name of the map above.
   */
  readonly name?: string
  /** When the map stops waiting for branches; see {@link SettlePolicy}. Default `'all'`. */
  readonly settle?: P
  /**
   * Maximum number of live branches (default 64; `Infinity`: no limit); or a {@link Limit} shared with other maps: then
   * at most 64 branches live, and the limit bounds their running actions. A branch that waits for a message from
   * outside does not count: the next one starts, so that all requests for a person are made at once. Once answered, it
   * resumes when there is room, before any new branch starts.
   */
  readonly concurrency?: number | Limit
  /**
   * Time that cancelled branches may take to end, in milliseconds, before they are abandoned as leaked. Default: the
   * application's `graceMs`. A shorter deadline from above cuts it short.
   */
  readonly graceMs?: number
  /**
   * Where the branches, and everything below them, are stored: with the application (`'cascade'`, the default), nowhere
   * (`null`), or in a persister of their own, even when the application has none. Without an application persister,
   * resuming needs a stable `appId`.
   */
  readonly persister?: 'cascade' | null | BranchPersister
  /**
   * Tracker of the branches and everything below them: that of the application (`'cascade'`, the default), none
   * (`null`), or a tracker of their own, which takes effect only when the application has one too. A function is called
   * at each visit of the map.
   */
  readonly tracker?: TrackerChoice | ((map: TrackedMap) => TrackerChoice)
  /**
   * Where the branches run: with the application (`'cascade'`, the default), in this process (`null`), or in an
   * executor. That of an entry, and that of a runnable graph, take precedence.
   */
  readonly executor?: ExecutorChoice
  /**
   * Default for the branches: how often a branch retries a failed step from its last committed state. A failed `reduce`
   * is also called again this often, with the same results. Default: never.
   */
  readonly retry?: Retry
  /**
   * Default for the branches: fails a branch with a {@link TimeoutError} this many milliseconds after its first step
   * began, over all attempts, excluding time in the queue. Default: no limit.
   */
  readonly timeoutMs?: number
  /**
   * Default for the branches: turns a failure of a branch, but not a cancel, into a success. Must be written after the
   * sources, for type inference. Default: none.
   */
  readonly fallback?: BranchFallback<Name<T>, StateOfBranch<T[Name<T>]>>
  /**
   * Called synchronously for each chunk, committed step, message and end of a branch. May cancel branches, except under
   * `settle: 'all'`. Not awaited; a throw emits a `fault`, and the map continues. After a resume it gets the stored
   * ends first. With `{ memory, on }` each visit of the map has its own memory. Must be written after the sources, for
   * type inference.
   */
  readonly watch?: WatchOption<T, P, M>
}

/** Arguments for the sources of a map. */
export interface FanOutArgs {
  readonly subject: string
  readonly state: State
  readonly inputs: Inputs
  readonly signal: AbortSignal
}

/** How a map finds its branches: its entries, and the conversion of each. */
export interface TaskSource {
  readonly entries: Entries<KeyedEntry>
  readonly toTask: (placed: KeyedEntry, index: number) => BranchTask
  /** The explicit key of an entry; undefined when its position is the key. */
  readonly keyOf: (placed: KeyedEntry) => string | undefined
}

/** Where branches come from, as declared. */
export type BranchSource =
  | { readonly kind: 'actions'; readonly actions: unknown; readonly state: unknown }
  | { readonly kind: 'states'; readonly branch: AnyRunnable; readonly states: unknown }
  | { readonly kind: 'product'; readonly actions: unknown; readonly states: unknown }
  | { readonly kind: 'tasks'; readonly tasks: unknown }
  | { readonly kind: 'graph'; readonly branch: AnyRunnable; readonly state: unknown }

/** A compiled map action, `parallel` or sub-graph. */
export interface FanOut extends ActionBody {
  readonly kind: 'fan-out'
  readonly accepts: Accepts
  /** Where its branches come from: data, which {@link openSource} reads. */
  readonly source: BranchSource
  readonly policy: SettlePolicy
  readonly window: number
  readonly limit: Limit | undefined
  readonly graceMs: number | undefined
  /** Failure policy of branches without one of their own. */
  readonly defaults: FailurePolicy
  readonly watch: CompiledWatch | undefined
  readonly fold: Fold
  /** Where its branches are stored: with the application, nowhere, or in another persister. */
  readonly persister: unknown
  /** Tracker of its branches. */
  readonly tracker: unknown
  /** Where its branches run; null for this process; undefined where that of the application counts. */
  readonly executor: Executor | null | undefined
  /** True for a sub-graph: one branch, whose failure is the failure of the action. */
  readonly single: boolean
}

const DEFAULT_WINDOW = 64

/** What is told of a map: its kind, its settle policy and its limits, in the form of readers. */
export interface MapTraits {
  readonly kind: 'states' | 'actions' | 'product' | 'tasks' | 'subgraph'
  readonly policy: string
  readonly concurrency?: number
  readonly limit?: number
}

/** @param above the limit of its application, which counts where the map has none */
export function traitsOf(
  { source, window, limit }: FanOut,
  policy: SettlePolicy,
  above: Permits | undefined,
): MapTraits {
  const { max = Infinity } = limit ?? above ?? {}
  return {
    kind: source.kind === 'graph' ? 'subgraph' : source.kind,
    policy: policyName(policy).replaceAll("'", ''),
    ...(Number.isFinite(window) && { concurrency: window }),
    ...(Number.isFinite(max) && { limit: max }),
  }
}

/** Options shared by all kinds of map actions, without their types. */
interface Loose extends LooseFold, LoosePolicy {
  readonly settle?: unknown
  readonly concurrency?: number | Limit
  readonly watch?: unknown
  readonly persister?: unknown
  readonly tracker?: unknown
  readonly executor?: unknown
}

/**
 * Compiles the shared options of a map action.
 * @throws {TypeError | RangeError} for invalid options
 */
export function createFanOut(options: Loose, accepts: Accepts, source: BranchSource): FanOut {
  const { concurrency = DEFAULT_WINDOW } = options
  const shared = typeof concurrency === 'object'
  if (shared) semaphoreOf(concurrency)
  if (typeof options.tracker !== 'function') assertTrackerChoice(options.tracker)
  const { executor } = options
  assertExecutorChoice(executor)
  const graceMs = parseGrace(options.graceMs) // covers the whole map, with its source and fold, so it is no default of single branches
  const defaults = parsePolicy({ ...options, graceMs: undefined })
  return {
    kind: 'fan-out',
    accepts,
    source,
    defaults,
    policy: checkPolicy(options.settle),
    window: shared ? DEFAULT_WINDOW : checkCount('concurrency', concurrency),
    limit: shared ? concurrency : undefined,
    graceMs,
    watch: compileWatch(options.watch),
    persister: assertPersister(options.persister),
    tracker: options.tracker,
    executor: chosen(executor),
    fold: compileFold(options),
    single: source.kind === 'graph',
  }
}

export function isFanOut(body: ActionBody): body is FanOut {
  return body.kind === 'fan-out'
}

/** True for a value that can run as a branch. */
export function isBranch(value: unknown): value is AnyRunnable {
  return (
    typeof value === 'object' &&
    value !== null &&
    'kind' in value &&
    (value.kind === 'action' || value.kind === 'graph')
  )
}
