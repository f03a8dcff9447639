import type { Accepts, ActionBody, AnyRunnable, Outlined } from '../action/action.js'
import type { Inputs } from '../action/inputs.js'
import {
  type FailurePolicy,
  type LoosePolicy,
  NO_POLICY,
  overPolicy,
  parseGrace,
  parsePolicy,
  type Retry,
} from '../action/retry.js'
import { describeValue } from '../internal/guards.js'
import type { Name } from '../internal/type-tools.js'
import type { State } from '../state/freeze.js'
import { assertTrackerChoice, type TrackedMap, type TrackerChoice } from './branch-tracker.js'
import type { Entries, Placed } from './entries.js'
import { compileFold, type Fold, type LooseFold } from './fold.js'
import { checkCount, type Limit, semaphoreOf } from './limit.js'
import { checkPolicy, type SettlePolicy } from './settle.js'
import type { BranchFallback } from './source.js'
import type { BranchTask } from './task.js'
import { type BranchType, type CompiledWatch, compileWatch, type WatchOption } from './watch.js'

/** A persister, as far as a map needs to know it. */
export interface BranchPersister {
  readonly name: string
  readonly driver: object
}

/** @throws {TypeError} for what is none */
function assertPersister(given: unknown): unknown {
  if (given === undefined || given === 'cascade') return undefined
  if (given === null || (typeof given === 'object' && 'journal' in given)) return given
  throw new TypeError(`persister is ${describeValue(given)}. It takes 'cascade', null or a persister.`)
}

type StateOfBranch<B> = B extends BranchType<infer State, unknown> ? State : never

/** Said once, the same for every way to fan out. */
export interface FanOutOptions<S, W extends keyof S, P extends SettlePolicy, Tag extends string, T, M = unknown> {
  /** The keys of the parent's state that its fold returns: all of them, and no other. */
  readonly writes: readonly W[]
  /** Names shared by several actions, for halting. Default: none. */
  readonly tags?: readonly Tag[]
  /**
   * What it is called where it is a branch by itself. Its key in a graph or in a record of branches comes first.
   * Default: the name of the map above.
   */
  readonly name?: string
  /** When the map has enough; see {@link SettlePolicy}. Default `'all'`. */
  readonly settle?: P
  /**
   * How many branches live at once (default 64; `Infinity`: all of them); or a {@link Limit} shared with other maps:
   * then no more than 64 live, and as many of their actions run as the limit lets. A branch that waits for a message
   * from outside does not count: the next one begins, so that all that need a person ask at once. Once it is answered it
   * goes on when there is a place for it, before a new branch begins.
   */
  readonly concurrency?: number | Limit
  /**
   * How long cancelled branches may take to end, in milliseconds, before they are given up as leaked. Default: the
   * application's `graceMs`. A deadline of whatever is above cuts it short.
   */
  readonly graceMs?: number
  /**
   * Where the branches are stored, and all below them: as the application is (`'cascade'`, the default), nowhere
   * (`null`), or in a persister of their own, whether the application has one or not. Where it has none, a fan-out that
   * was cut off is found again by the `appId` of the application, so give it one that stays.
   */
  readonly persister?: 'cascade' | null | BranchPersister
  /**
   * Who records the branches, and all below them: whoever records the application (`'cascade'`, the default), nobody
   * (`null`), or a tracker of their own, which takes effect where the application has one too. A function is asked at
   * each visit of the map.
   */
  readonly tracker?: TrackerChoice | ((map: TrackedMap) => TrackerChoice)
  /**
   * How often a branch goes on at a step that failed, with its last committed state: the default of the branches. A
   * `reduce` that fails is called again as often, over the results it has. Default: never.
   */
  readonly retry?: Retry
  /**
   * Fails a branch with a {@link TimeoutError} this many milliseconds after its first step began, over all attempts,
   * the time in the queue not counted: the default of the branches. Default: no limit.
   */
  readonly timeoutMs?: number
  /**
   * Makes a success of a branch that failed, not of one that was cancelled: the default of the branches. Stands after
   * the sources. Default: a failure stays one.
   */
  readonly fallback?: BranchFallback<Name<T>, StateOfBranch<T[Name<T>]>>
  /**
   * Called for each chunk, committed step, message and end of a branch, in the moment it becomes true. May cancel
   * branches on it, not under `settle: 'all'`. What it throws is a `fault`, and the map goes on; it is not awaited.
   * After a resume it gets the ends that are stored first. With `{ memory, on }` it has a memory of its own for each
   * visit of the map. Stands after the sources.
   */
  readonly watch?: WatchOption<T, P, M>
}

/** What the sources of a map are called with. */
export interface FanOutArgs {
  readonly subject: string
  readonly state: State
  readonly inputs: Inputs
  readonly signal: AbortSignal
}

/** How a map finds its branches: entries, and what each entry says. */
export interface TaskSource {
  readonly entries: Entries<Placed>
  readonly toTask: (placed: Placed, index: number) => BranchTask
  /** The key that an entry says itself; undefined where its position is the key. */
  readonly keyOf: (placed: Placed) => string | undefined
}

/** A compiled map action, `parallel` or sub-graph. */
export interface FanOut extends ActionBody {
  readonly kind: 'fan-out'
  readonly accepts: Accepts
  readonly open: (args: FanOutArgs) => TaskSource
  readonly policy: SettlePolicy
  readonly window: number
  readonly limit: Limit | undefined
  readonly graceMs: number | undefined
  /** What becomes of the failure of a branch that says nothing itself. */
  readonly defaults: FailurePolicy
  readonly watch: CompiledWatch | undefined
  readonly fold: Fold
  /** Where its branches are stored: as the application is, nowhere, or somewhere else. */
  readonly persister: unknown
  /** Who records its branches. */
  readonly tracker: unknown
  /** A sub-graph: one branch, whose failure is the action's own. */
  readonly single: boolean
}

const DEFAULT_WINDOW = 64

/** The options that all ways to fan out share, their types forgotten. */
interface Loose extends LooseFold, LoosePolicy {
  readonly settle?: unknown
  readonly concurrency?: number | Limit
  readonly watch?: unknown
  readonly persister?: unknown
  readonly tracker?: unknown
}

/**
 * Compiles what all ways to fan out share.
 * @throws {TypeError | RangeError} for options that cannot be
 */
export function createFanOut(
  options: Loose,
  accepts: Accepts,
  outline: readonly Outlined[],
  open: FanOut['open'],
  single = false,
): FanOut {
  const { concurrency = DEFAULT_WINDOW } = options
  const shared = typeof concurrency === 'object'
  if (shared) semaphoreOf(concurrency)
  if (typeof options.tracker !== 'function') assertTrackerChoice(options.tracker)
  const graceMs = parseGrace(options.graceMs) // of the whole map, its source and its fold too: no default of each branch
  const defaults = parsePolicy({ ...options, graceMs: undefined })
  return {
    kind: 'fan-out',
    accepts,
    outline,
    open: defaults === NO_POLICY ? open : (args) => withDefaults(open(args), defaults),
    defaults,
    policy: checkPolicy(options.settle),
    window: shared ? DEFAULT_WINDOW : checkCount('concurrency', concurrency),
    limit: shared ? concurrency : undefined,
    graceMs,
    watch: compileWatch(options.watch),
    persister: assertPersister(options.persister),
    tracker: options.tracker,
    fold: compileFold(options),
    single,
  }
}

/** A branch is told what holds by default where its own entry says nothing. */
function withDefaults(source: TaskSource, defaults: FailurePolicy): TaskSource {
  const { toTask } = source
  return {
    ...source,
    toTask: (placed, index) => {
      const task = toTask(placed, index)
      return { ...task, ...overPolicy(task, defaults) }
    },
  }
}

export function isFanOut(body: ActionBody): body is FanOut {
  return body.kind === 'fan-out'
}

/** Whether a value can be a branch. */
export function isBranch(value: unknown): value is AnyRunnable {
  return (
    typeof value === 'object' &&
    value !== null &&
    'kind' in value &&
    (value.kind === 'action' || value.kind === 'graph')
  )
}
