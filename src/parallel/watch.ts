import type { Path } from '../action/context.js'
import type { Received } from '../action/message.js'
import { describeValue, isPlainObject } from '../internal/guards.js'
import type { Name, OneOrMany } from '../internal/type-tools.js'
import type { DoneBranch, SettledBranch } from './results.js'
import type { SettlePolicy } from './settle.js'

/** Results given to `reduce`: only done branches under `all`, else every kind. */
export type Settled<P, State, Key extends string> = P extends 'all' ? DoneBranch<State, Key> : SettledBranch<State, Key>

/** Per branch key, its final state and the chunks it yields. */
export interface BranchType<State, Chunk> {
  readonly state: State
  readonly chunk: Chunk
}
export type ResultOf<T, P, K extends string> = K extends keyof T
  ? T[K] extends BranchType<infer S, unknown>
    ? Settled<P, S, K>
    : never
  : never

/** A branch committed a step. */
export interface WatchedStep<Key extends string, State> {
  readonly type: 'step.end'
  readonly key: Key
  /** The committed action, by its name in the branch. */
  readonly action: string
  /** The state of the branch after the step. */
  readonly state: Readonly<State>
}
/** A branch, or an application below it, yielded a chunk. */
export interface WatchedChunk<Key extends string, Chunk> {
  readonly type: 'chunk'
  readonly key: Key
  readonly chunk: Chunk
}
/** A branch has settled. */
export interface WatchedEnd<Key extends string, State> {
  readonly type: 'branch.settled'
  readonly key: Key
  readonly result: SettledBranch<State, Key>
}
/** A branch received a message. `key` is the sender, undefined for a message from outside. */
export interface WatchedMessage<Key extends string> {
  readonly type: 'message'
  readonly key: Key | undefined
  readonly message: Received
}
type WatchedBy<K extends string, B> =
  B extends BranchType<infer S, infer C>
    ? WatchedStep<K, S> | WatchedEnd<K, S> | ([C] extends [never] ? never : WatchedChunk<K, C>)
    : never

/** The status of a branch while its map runs. */
export type BranchStatus = 'queued' | 'running' | 'waiting' | 'retrying' | 'done' | 'failed' | 'cancelled'

/** Arguments of `watch`, called synchronously for each event of a branch. */
export interface WatchArgs<T> {
  readonly event: { [K in Name<T>]: WatchedBy<K, T[K]> }[Name<T>] | WatchedMessage<Name<T>>
  readonly branches: { readonly [K in Name<T>]: { readonly key: K; readonly status: BranchStatus } }
  /** The id of the application that runs the map. */
  readonly appId: string
  /** The id of the run. */
  readonly runId: string
  /** The path of the application that runs the map. */
  readonly path: Path
}

/** Controls for `watch`, under every policy but `settle: 'all'`. */
export interface WatchControl<Keys> {
  /**
   * Cancels branches, including queued ones: their signals abort at once. Final: results that they return later are
   * ignored. Settled branches and unknown keys are skipped.
   * @param reason reason of their signals and results; default a {@link CancelledError}
   */
  cancel(key: OneOrMany<Keys>, reason?: unknown): void
  /** Cancels every unsettled branch, and reduces. */
  settle(): void
}

/** The type of controls that exist only under other policies. `Instead`: the code to write. */
export interface NotUnderAll<Instead extends string> {
  readonly instead: Instead & never
}
/** Under `'all'` a cancelled branch fails the step, so there are no controls here. */
export interface WatchAll {
  readonly cancel: NotUnderAll<"settle: 'collect', 'any', 'first' or { atLeast: n }">
  readonly settle: NotUnderAll<"settle: 'collect', 'any', 'first' or { atLeast: n }">
}

type WatchFunction<T, P, More> = (
  args: WatchArgs<T> & (P extends 'all' ? WatchAll : WatchControl<Name<T>>) & More,
) => void

/**
 * The `watch` option: a function, or an object with a memory that is created for each visit of the map, in each run.
 */
export type WatchOption<T, P extends SettlePolicy, M = unknown> =
  | WatchFunction<T, P, unknown>
  | {
      /**
       * Creates the memory of one visit: a count, a budget. After a resume it is created anew, and `on` gets the stored
       * ends first.
       */
      readonly memory: () => M
      /** Called like the function form, with the memory. */
      readonly on: WatchFunction<T, P, { readonly memory: NoInfer<M> }>
    }

/**
 * Compiles the `watch` option.
 * @throws {TypeError} for a value of neither form
 */
export function compileWatch(given: unknown): CompiledWatch | undefined {
  if (given === undefined) return undefined
  if (typeof given === 'function') return { on: given as CompiledWatch['on'], memory: undefined }
  const { memory, on } = (isPlainObject(given) ? given : {}) as Partial<CompiledWatch>
  if (typeof memory === 'function' && typeof on === 'function') return { memory, on }
  throw new TypeError(
    `watch is ${describeValue(given)}. It takes a function, ({ event, branches }) => { … }, or { memory: () => value, on: ({ event, memory }) => { … } }.`,
  )
}

/** A `watch` option without its types. */
export interface CompiledWatch {
  readonly on: (args: object) => unknown
  readonly memory: (() => unknown) | undefined
}
