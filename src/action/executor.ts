import { describeValue } from '../internal/guards.js'

/**
 * Runs branches somewhere: in this process ({@link inProcess}), or wherever the driver of {@link createExecutor} takes
 * them. Pass it as `executor` to an application, a map action, `graph.runnable`, an entry or a task: the most specific
 * one wins.
 */
export interface Executor extends AsyncDisposable {
  /** Its name in messages: `threads`. */
  readonly name: string
  /**
   * Ends it: tasks that still run are lost, and their branches fail with a `WorkerLostError`. A branch that is given to
   * it later fails at once. Resolves when nothing of it is left.
   */
  close(): Promise<void>
  /** @hidden */
  readonly '~branches': BranchesOf
}

/** The branches that an executor makes. */
export interface BranchesOf {
  /** The function that makes a branch elsewhere; undefined where branches run in this process. */
  readonly make: unknown
  /** Whether an application needs a store that processes on other machines can open. */
  readonly needsStore?: boolean
}

/** Where the branches of a map run: with the application (`'cascade'`), in this process (`null`), or in an executor. */
export type ExecutorChoice = 'cascade' | null | Executor

/** True for a value that an executor makes. */
const isExecutor = (value: unknown): value is Executor =>
  typeof value === 'object' && value !== null && '~branches' in value

/** @throws {TypeError} for a value that is no executor, `'cascade'` or `null` */
export function assertExecutorChoice(value: unknown): asserts value is ExecutorChoice | undefined {
  if (value === undefined || value === null || value === 'cascade' || isExecutor(value)) return
  throw new TypeError(`executor is ${describeValue(value)}. It takes an executor, 'cascade', or null for this process.`)
}

/** What an option chooses: undefined leaves the choice to the level above. */
export const chosen = (choice: ExecutorChoice | undefined): Executor | null | undefined =>
  choice === 'cascade' ? undefined : choice

const HERE: Executor = /* @__PURE__ */ Object.freeze({
  name: 'in process',
  '~branches': { make: undefined },
  close: () => Promise.resolve(),
  [Symbol.asyncDispose]: () => Promise.resolve(),
})

/**
 * The executor of this process, which is the default: each branch is an actor on the event loop, and may use closures.
 * Closing it has no effect.
 *
 * @example
 * ```ts
 * const kit = defineState<{ n: number; sum: number }>()
 * const add = kit.action({ reads: ['n'], writes: ['sum'], run: ({ state }) => ({ sum: state.n }) })
 * const all = kit.mapStates({
 *   reads: [],
 *   writes: ['sum'],
 *   action: add,
 *   executor: inProcess(),
 *   states: [{ n: 1 }, { n: 2 }],
 *   reduce: ({ results }) => ({ sum: results.reduce((sum, { state }) => sum + state.sum, 0) }),
 * })
 * ```
 * @see Burr `MultiThreadedExecutor`, its default
 */
export const inProcess = (): Executor => HERE
