import type { Flat, KeysOf } from '../internal/type-tools.js'
import type { NotDeclaredInWrites, Reads, ReadsOf, Refuse, WritesOf } from '../state/keys.js'
import type { StateSchema } from '../state/schema.js'
import type { GivenTo } from '../state/spec.js'
import type { ActionContext } from './context.js'
import type { InputSpec, Inputs, InputsOut } from './inputs.js'
import type { FailurePolicy, Retry } from './retry.js'

/** Arguments of `run`. `signal` and `context` are created on first access. */
export interface ActionArgs<State, Inputs = Record<never, never>> {
  /** The keys that the action declares in `reads`, frozen. Reading any other key throws a {@link ContractError}. */
  readonly state: Readonly<State>
  /** Parsed inputs, with defaults filled in. */
  readonly inputs: Inputs
  /** Aborts when the step is cancelled or its `timeoutMs` expires, with the reason. Pass it to everything you await. */
  readonly signal: AbortSignal
  /** The application that runs the action. */
  readonly context: ActionContext
}

/** Return type of `run`: an update, a promise of one, or an async generator that yields chunks and returns one. */
export type Returned<Update, Chunk> = Update | Promise<Update> | AsyncGenerator<Chunk, Update, void>

/** Rejects, by name, every key of the update `U` outside `Keys`: requires a property that user code must not have. */
export type Exact<Code extends string, U, Keys extends PropertyKey> = [Beyond<U, Keys>] extends [never]
  ? unknown
  : { readonly [C in Code]: (args: never) => Returned<Refuse<Beyond<U, Keys>>, unknown> }
/** `never` when `Keys` is just `string`: a state whose keys are known only at run time. */
type Beyond<U, Keys extends PropertyKey> = string extends Keys ? never : Exclude<KeysOf<U>, Keys>

/** Anything that can run as a branch, on every state that holds the keys it needs. */
export interface Runnable<in Needs, in Inputs = Record<never, never>, out Chunk = never> {
  readonly kind: 'action' | 'graph'
  /** Types only, absent at run time. */ readonly '~needs': (needs: Needs) => void
  /** Types only, absent at run time. */ readonly '~inputs': (inputs: Inputs) => void
  /** Types only, absent at run time. */ readonly '~chunk': Chunk
}

/** A unit of work. Its type mentions only its reads, writes and inputs, so it fits every state with those keys. */
export interface Action<
  in Reads,
  out Writes,
  in Inputs = Record<never, never>,
  out Chunk = never,
  out Tag extends string = never,
> extends Runnable<Reads, Inputs, Chunk> {
  readonly kind: 'action'
  /** As declared: `'history?'` may be unset. */
  readonly reads: readonly string[]
  readonly writes: readonly string[]
  readonly tags: readonly Tag[]
  /** Types only, absent at run time. */ readonly '~writes': Writes
  /**
   * Returns a copy with some inputs fixed. A bound input takes precedence over the inputs of a run.
   * @throws {TypeError} for a name that is not an input, or already bound
   */
  bind<K extends keyof Inputs>(
    inputs: Pick<Inputs, K> & Partial<Inputs>,
  ): Action<Reads, Writes, Flat<Omit<Inputs, K>>, Chunk, Tag>
  /**
   * Returns a copy that takes inputs from keys of the state; those keys become reads.
   * @throws {TypeError} for a name that is not an input, or already bound
   */
  bindState<const From extends { readonly [K in keyof Inputs]?: string }>(
    from: From & { readonly [K in Exclude<keyof From, keyof Inputs>]: never },
  ): Action<
    Flat<Reads & { [K in keyof From & keyof Inputs as Extract<From[K], string>]: Inputs[K] }>,
    Writes,
    Flat<Omit<Inputs, keyof From>>,
    Chunk,
    Tag
  >
}

/**
 * Any action, with any reads, writes and inputs. Assignable to `actions` of every graph: for graphs built from data,
 * where `{ [name: string]: AnyAction }` holds the actions and {@link DynamicTransitions} the transitions. Such a graph
 * is checked when it is made and run, not by the compiler.
 */
export type AnyAction = Action<never, unknown, never, unknown, string>
/** Any {@link Runnable}. */
export type AnyRunnable = Runnable<never, never, unknown>
/** Values easily mistaken for an action or a runnable graph: a plain function, or a graph without an entrypoint. */
export type Mistaken = ((...args: never) => unknown) | BareGraph
export interface BareGraph {
  readonly actions: unknown
  readonly runnable: (...args: never) => unknown
}
export type NeedsOf<B> = B extends { readonly '~needs': (needs: infer N) => void } ? N : never
export type InputsOf<B> = B extends { readonly '~inputs': (inputs: infer I) => void } ? I : never
export type ChunkOf<B> = B extends { readonly '~chunk': infer C } ? C : never
export type WrittenBy<B> = B extends { readonly '~writes': infer W } ? W : never
export type TagOf<B> = B extends { readonly tags: readonly (infer T)[] } ? T : never

/** Options of `kit.action({ … })`. */
export interface ActionOptions<
  S,
  R extends string,
  W extends keyof S,
  I extends InputSpec,
  U,
  C,
  Tag extends string,
  In extends GivenTo<S> = S,
> {
  /** State keys visible to `run`. `'key'` must be set when the step starts; `'key?'` may be unset. */
  readonly reads: readonly R[]
  /** State keys that `run` returns: all of them, and no other. */
  readonly writes: readonly W[]
  /** Inputs from the caller, as a record of Standard Schemas. Default: none. */
  readonly inputs?: I
  /** Names shared by several actions, for halting: `haltAfter: { tag: 'slow' }`. Default: none. */
  readonly tags?: readonly Tag[]
  /**
   * Name of the action when it runs as a branch by itself: in events, errors, leaks and history. Its key in a graph or
   * in a record of branches takes precedence. Default: the name of its map.
   */
  readonly name?: string
  /**
   * The work: a function, an async function, or an async generator that yields chunks and returns the update. When the
   * step is cancelled its `signal` aborts, the engine waits for it to end, and its result is ignored.
   */
  readonly run: (args: ActionArgs<ReadsOf<S, R>, InputsOut<NoInfer<I>>>) => Returned<U, C>
  /** Attempts of `run` for one step, until one succeeds. Default: one. */
  readonly retry?: Retry
  /**
   * Time limit of one attempt, in milliseconds. When it expires, the signal aborts with a {@link TimeoutError}, and the
   * attempt fails once the code has ended or was abandoned after `graceMs`. So code that ignores its signal costs both,
   * for each attempt. Default: no limit. Code that blocks synchronously cannot be stopped.
   */
  readonly timeoutMs?: number
  /**
   * Time that the code may take to end after its signal aborted, in milliseconds, before it is abandoned as leaked. `0`
   * abandons it at once. Default: the application's `graceMs`. A map or an application above that is cancelled with a
   * shorter grace period cuts it short.
   */
  readonly graceMs?: number
  /**
   * Returns the update of a step whose last attempt failed, synchronously. Not called after a cancel, nor for errors in
   * the code itself: a violated contract, a bad input. Rethrow the given error to decline; throwing any other error
   * fails the step with both. For asynchronous recovery use an `onError` transition.
   */
  readonly fallback?: (
    args: FallbackArgs<ReadsOf<S, R>, InputsOut<NoInfer<I>>>,
  ) => WritesOf<In, NoInfer<W>> & { readonly [K in Exclude<keyof S, NoInfer<W>>]?: NotDeclaredInWrites }
}

/** Arguments of a `fallback`. */
export interface FallbackArgs<State, Inputs> {
  /** The error of the last attempt. */
  readonly error: unknown
  readonly state: Readonly<State>
  readonly inputs: Inputs
}

/** The body of an action, as the engine sees it: plain code, or a kind added by a later room (a fan-out). */
export interface ActionBody {
  readonly kind: 'run' | 'fan-out'
  /** Inputs that the body passes to branches. */
  readonly accepts?: Accepts
}

/** Plain code. */
export interface RunBody extends ActionBody {
  readonly kind: 'run'
  readonly run: (args: ActionArgs<never, never>) => unknown
  /** Its retries, time limits and fallback. */
  readonly policy: FailurePolicy
}

/** The parts of an action. */
export interface ActionParts {
  readonly reads: Reads
  readonly writes: readonly string[]
  readonly spec: InputSpec
  readonly tags: readonly string[]
  /** Its declared name, used when it runs as a branch by itself. */
  readonly name: string | undefined
  readonly body: ActionBody
  /** Schema of the state over which it was declared; validates when it runs by itself, as a branch. */
  readonly schema: StateSchema | undefined
  /** Inputs fixed by `bind`, unparsed. */
  readonly bound: Inputs
  /** Inputs taken from state keys by `bindState`: input name → key. */
  readonly fromState: Readonly<Record<string, string>>
  /** Identity shared by all copies made by `bind`; key of the compilation cache. */
  readonly origin: object
}

/** Names of inputs that an action passes on besides its own; `open` when they are known only at run time. */
export interface Accepts {
  readonly names: ReadonlySet<string>
  readonly open: boolean
}
