import type { Flat, KeysOf } from '../internal/type-tools.js'
import type { NotDeclaredInWrites, Reads, ReadsOf, Refuse, WritesOf } from '../state/keys.js'
import type { StateSchema } from '../state/schema.js'
import type { GivenTo } from '../state/spec.js'
import type { ActionContext } from './context.js'
import type { InputSpec, Inputs, InputsOut } from './inputs.js'
import type { FailurePolicy, Retry } from './retry.js'

/** What `run` is given. `signal` and `context` are made when first touched. */
export interface ActionArgs<State, Inputs = Record<never, never>> {
  /** The keys that it reads, and no other: frozen. Reading another one is a {@link ContractError}. */
  readonly state: Readonly<State>
  /** Its inputs, parsed, defaults filled in. */
  readonly inputs: Inputs
  /**
   * Fires when this step is cancelled or its `timeoutMs` is over, with the reason. Hand it on to whatever you await.
   */
  readonly signal: AbortSignal
  /** What the action can ask of the application that runs it. */
  readonly context: ActionContext
}

/** What `run` may return: the update, a promise of it, or a stream of chunks that ends with it. */
export type Returned<Update, Chunk> = Update | Promise<Update> | AsyncGenerator<Chunk, Update, void>

/** Refuses, by name, what the update `U` holds beyond `Keys`: a property that the code in question must not have. */
export type Exact<Code extends string, U, Keys extends PropertyKey> = [Beyond<U, Keys>] extends [never]
  ? unknown
  : { readonly [C in Code]: (args: never) => Returned<Refuse<Beyond<U, Keys>>, unknown> }
/** Nothing is beyond keys that are just texts: those of a state that is known from data alone. */
type Beyond<U, Keys extends PropertyKey> = string extends Keys ? never : Exclude<KeysOf<U>, Keys>

/** Whatever can run as a branch, on any state that holds what it needs. */
export interface Runnable<in Needs, in Inputs = Record<never, never>, out Chunk = never> {
  readonly kind: 'action' | 'graph'
  /** Types only, absent at run time. */ readonly '~needs': (needs: Needs) => void
  /** Types only, absent at run time. */ readonly '~inputs': (inputs: Inputs) => void
  /** Types only, absent at run time. */ readonly '~chunk': Chunk
}

/**
 * A unit of work. Its type speaks only of what it reads, writes and takes as inputs, so it fits every state that has
 * those keys.
 */
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
   * A copy with some inputs fixed. A bound input wins over what a run gives.
   * @throws {TypeError} for a name that is no input, or is bound already
   */
  bind<K extends keyof Inputs>(
    inputs: Pick<Inputs, K> & Partial<Inputs>,
  ): Action<Reads, Writes, Flat<Omit<Inputs, K>>, Chunk, Tag>
  /**
   * A copy that takes inputs from keys of the state: those keys become reads.
   * @throws {TypeError} for a name that is no input, or is bound already
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
 * Any action, whatever it reads, writes and takes. Fits `actions` of every graph: for graphs that are built from data,
 * where `{ [name: string]: AnyAction }` holds the actions and {@link DynamicTransitions} the ways between them. The
 * compiler then checks neither; making the graph and running it do.
 */
export type AnyAction = Action<never, unknown, never, unknown, string>
/** Whatever can run as a branch, its types forgotten. */
export type AnyRunnable = Runnable<never, never, unknown>
/** What is taken for an action or a runnable graph by mistake: plain code, and a graph without an entrypoint. */
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

/** What `chat.action({ … })` takes. */
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
  /** The state keys that `run` sees. `'key'` must hold a value when the step starts, `'key?'` may hold none. */
  readonly reads: readonly R[]
  /** The state keys that `run` returns: all of them, and no other. */
  readonly writes: readonly W[]
  /** What a caller gives beside the state: a record of Standard Schemas. Default: nothing. */
  readonly inputs?: I
  /** Names shared by several actions, for halting: `haltAfter: { tag: 'slow' }`. Default: none. */
  readonly tags?: readonly Tag[]
  /**
   * What it is called where it is a branch by itself: in events, errors, leaks, history. Its key in a graph or in a
   * record of branches comes first. Default: the name of its map.
   */
  readonly name?: string
  /**
   * The work: a function, an async function, or an async generator that yields chunks and returns the update. When the
   * step is cancelled its `signal` fires, and it is waited for; what it returns then is ignored.
   */
  readonly run: (args: ActionArgs<ReadsOf<S, R>, InputsOut<NoInfer<I>>>) => Returned<U, C>
  /** How often `run` is called for one step, until it succeeds. Default: once. */
  readonly retry?: Retry
  /**
   * How long one attempt may take, in milliseconds: then its signal fires with a {@link TimeoutError}, and once the code
   * has ended, or was given up after `graceMs`, the attempt has failed with that: code that ignores its signal costs
   * both, for each attempt. Default: no limit. Code that never waits cannot be stopped.
   */
  readonly timeoutMs?: number
  /**
   * How long the code may take to end after its signal fired, in milliseconds, before it is given up as leaked. `0`
   * gives it up at once. Default: the application's `graceMs`. A map or an application above that is cancelled and gives
   * less time cuts it short.
   */
  readonly graceMs?: number
  /**
   * Makes a success of a step whose last attempt failed: gives its update, at once. Not asked after a cancel, nor for
   * what is broken in the code itself: a contract, an input. One that throws what it was given declines; throwing
   * anything else fails with both errors. For work that waits, go on with an `onError` transition.
   */
  readonly fallback?: (
    args: FallbackArgs<ReadsOf<S, R>, InputsOut<NoInfer<I>>>,
  ) => WritesOf<In, NoInfer<W>> & { readonly [K in Exclude<keyof S, NoInfer<W>>]?: NotDeclaredInWrites }
}

/** What a `fallback` is given. */
export interface FallbackArgs<State, Inputs> {
  /** What the last attempt threw. */
  readonly error: unknown
  readonly state: Readonly<State>
  readonly inputs: Inputs
}

/** The body of an action, as the engine knows it: plain code, or what a later room adds (a fan-out). */
export interface ActionBody {
  readonly kind: 'run' | 'fan-out'
  /** Inputs that the body hands on to branches. */
  readonly accepts?: Accepts
  /** Its branches, as far as they are known before it runs: for pictures. */
  readonly outline?: readonly Outlined[]
}

/** A branch that a fan-out will have. */
export interface Outlined {
  /** Its key; `*` stands for any number of branches alike. */
  readonly key: string
  readonly branch: AnyRunnable
  /** Its key in a record of actions. */
  readonly named?: string | undefined
}

/** Plain code. */
export interface RunBody extends ActionBody {
  readonly kind: 'run'
  readonly run: (args: ActionArgs<never, never>) => unknown
  /** What becomes of its failure. */
  readonly policy: FailurePolicy
}

/** What an action is made of. */
export interface ActionParts {
  readonly reads: Reads
  readonly writes: readonly string[]
  readonly spec: InputSpec
  readonly tags: readonly string[]
  /** What it is called as a branch by itself, where its options say that. */
  readonly name: string | undefined
  readonly body: ActionBody
  /** Of the state that it was declared over: asked where it runs by itself, as a branch. */
  readonly schema: StateSchema | undefined
  /** Inputs fixed by `bind`, unparsed. */
  readonly bound: Inputs
  /** Inputs taken from state keys by `bindState`: input name → key. */
  readonly fromState: Readonly<Record<string, string>>
  /** The same for all copies made by `bind`: what is compiled once. */
  readonly origin: object
}

/** Names of inputs that an action hands on beside its own; `open` when they are known only while it runs. */
export interface Accepts {
  readonly names: ReadonlySet<string>
  readonly open: boolean
}
