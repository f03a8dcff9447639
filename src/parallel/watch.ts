import type { Path } from '../action/context.js'
import type { Received } from '../action/message.js'
import { describeValue, isPlainObject } from '../internal/guards.js'
import type { Name, OneOrMany } from '../internal/type-tools.js'
import type { DoneBranch, SettledBranch } from './results.js'
import type { SettlePolicy } from './settle.js'

/** Under `all` reduce gets done branches only; else all. */
export type Settled<P, State, Key extends string> = P extends 'all' ? DoneBranch<State, Key> : SettledBranch<State, Key>

/** Per branch key, the state in which it ends and the chunks it yields. */
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
  /** The action that committed, by its name in the branch. */
  readonly action: string
  /** The state of the branch after it. */
  readonly state: Readonly<State>
}
/** A branch, or something below it, yielded a chunk. */
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
/** `key` is the sender, undefined where the message came from outside. */
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

/** What `watch` is given, once for each event of a branch, in the moment it becomes true. */
export interface WatchArgs<T> {
  readonly event: { [K in Name<T>]: WatchedBy<K, T[K]> }[Name<T>] | WatchedMessage<Name<T>>
  readonly branches: { readonly [K in Name<T>]: { readonly key: K; readonly status: BranchStatus } }
  /** The id of the application that the map belongs to. */
  readonly appId: string
  /** The id of the run. */
  readonly runId: string
  /** Where the application that the map belongs to stands below the root. */
  readonly path: Path
}

/** What `watch` can do, where reduce gets branches that did not get done: not under `settle: 'all'`. */
export interface WatchControl<Keys> {
  /**
   * Cancels branches, queued ones too: their signals fire at once. Final: what they return later is ignored. Does
   * nothing for those that have settled, and for keys that there are not.
   * @param reason what their signals carry, and their results; default a {@link CancelledError}
   */
  cancel(key: OneOrMany<Keys>, reason?: unknown): void
  /** Enough: cancels every branch that has not settled, and reduces. */
  settle(): void
}

/** The type of what `watch` has under other policies alone. `Instead`: what to write. */
export interface NotUnderAll<Instead extends string> {
  readonly instead: Instead & never
}
/** Under `'all'`, a branch that is cancelled fails the step: nothing here may do that. */
export interface WatchAll {
  readonly cancel: NotUnderAll<"settle: 'collect', 'any', 'first' or { atLeast: n }">
  readonly settle: NotUnderAll<"settle: 'collect', 'any', 'first' or { atLeast: n }">
}

type WatchFunction<T, P, More> = (
  args: WatchArgs<T> & (P extends 'all' ? WatchAll : WatchControl<Name<T>>) & More,
) => void

/** `watch`: a function; or with a memory, which is made afresh for each visit of the map, in each run. */
export type WatchOption<T, P extends SettlePolicy, M = unknown> =
  | WatchFunction<T, P, unknown>
  | {
      /** Makes the memory of one visit: a count, a budget. After a resume it is made anew, and told of stored ends. */
      readonly memory: () => M
      /** Called as the function form is, with the memory. */
      readonly on: WatchFunction<T, P, { readonly memory: NoInfer<M> }>
    }

/**
 * Reads the option.
 * @throws {TypeError} for what is neither form
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

/** `watch`, its types forgotten. */
export interface CompiledWatch {
  readonly on: (args: object) => unknown
  readonly memory: (() => unknown) | undefined
}
