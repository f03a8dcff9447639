import type { AnyActorRef, InspectionEvent, Observer } from 'xstate'
import type { ActionContext, Path } from '../action/context.js'
import type { ExecutorChoice } from '../action/executor.js'
import type { CancelAnswer, Delivery, Message } from '../action/message.js'
import type { Halt } from '../graph/runnable.js'
import type { Clock } from '../internal/clock.js'
import type { Args, Given, Name, OneOrMany } from '../internal/type-tools.js'
import type { ActionFacts } from '../lifecycle/event-facts.js'
import type { AppEvent, Dropped, Subscription } from '../lifecycle/events.js'
import type { Interceptor } from '../lifecycle/interceptor.js'
import type { Logger } from '../lifecycle/logger.js'
import type { Due, Pending } from '../lifecycle/pending.js'
import type { Limit } from '../parallel/limit.js'
import type { GivenTo } from '../state/spec.js'
import type { Tracker } from '../tracking/tracker.js'
import type { WhenWaiting } from './active-run.js'
import type { EventFilter } from './filter.js'
import { LiveApplication } from './live-application.js'
import type { RunOutcome, StepBelow, StepOf, Waiting } from './outcome.js'
import type { PersistOptions } from './persisting.js'
import type { Graph, GraphInputs, HaltedAt, InitialKeys, RunInputs, TagsOf } from './runnable.js'

/** Options of a run. */
export type RunOptions<Inputs, After, Before, When = WhenWaiting> = {
  /** Halts after one of these actions has committed: names, or `{ tag }`. */
  readonly haltAfter?: OneOrMany<After>
  /**
   * Halts when one of these actions would run next; at least one step runs first. Takes precedence over `haltAfter`.
   */
  readonly haltBefore?: OneOrMany<Before>
  /** Cancels the run: it rejects with the signal's reason, after everything has ended. Committed steps are kept. */
  readonly signal?: AbortSignal
  /** Fails the run with a `MaxStepsError` when it would take more steps. Default: no limit. */
  readonly maxSteps?: number
  /**
   * `'return'`: resolves with the status `waiting` when everything left waits for messages from outside, for the end of
   * a sleep, or for the delay before an attempt. Default `'stay'`: keeps waiting.
   *
   * After `'return'` the run stays suspended. The next `run` (`step`, `iterate`, `stream`) joins it instead of starting
   * another; `inputs`, halts and `maxSteps` may then be omitted, or repeated unchanged.
   */
  readonly whenWaiting?: When
} & Given<Inputs>

type HaltType<A, After, Before> = [Before] extends [never] ? HaltedAt<A, After> : Name<A>
/** The outcome type of `run` and its variants. */
export type OutcomeOf<S, A, After, Before, When = 'stay'> =
  | RunOutcome<S, Name<A>, HaltType<A, After, Before>>
  | MaybeWaiting<S, A, When>
/** Included only on request, so that other callers need not narrow. */
type MaybeWaiting<S, A, When> = 'return' extends When ? Waiting<S, Name<A>> : never

/** Options of `stream`, in addition to those of a run. */
export interface StreamOptions<Type, At> extends EventFilter<Type, At> {
  /**
   * Keeps the run going when the loop is left: nothing paces it any more, `on` and `events` still observe it, and
   * `ended()` resolves with its outcome. Default: the run is cancelled.
   */
  readonly detach?: boolean
}

/** Options of `events`. */
export interface EventsOptions<Type, At> extends EventFilter<Type, At> {
  /** Maximum number of unread events before chunks are dropped. Default: 1 000. */
  readonly buffer?: number
  /** Ends the iteration: it rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

/** Options of `iterate`, in addition to those of a run. */
export interface IterateOptions<Depth> {
  /** Also yields the steps of applications up to this many levels below. Default: 0, only its own. */
  readonly depth?: Depth
}

type TypeOf<S, A> = AppEvent<S, A>['type']
type EventsAbout<S, A, At extends keyof A> = [At] extends [never]
  ? AppEvent<S, A>
  : Extract<AppEvent<S, Pick<A, At>>, ActionFacts>
/** The events that pass `include` and `actions`; `never` stands for an omitted option. */
export type EventOf<S, A, Type = never, At extends keyof A = never> = [Type] extends [never]
  ? EventsAbout<S, A, At>
  : Extract<EventsAbout<S, A, At>, { readonly type: Type }>
/** The events that `events` yields: {@link EventOf}, and `dropped` where chunks can be lost. */
export type ReadEventOf<S, A, Type = never, At extends keyof A = never> =
  | EventOf<S, A, Type, At>
  | ([Type] extends [never] ? Dropped : 'chunk' extends Type ? Dropped : never)
/** The steps that `iterate` yields: narrow with `'path' in step` when steps below are included. */
export type IteratedStep<S, A, Depth> = StepOf<S, A> | (Depth extends 0 ? never : StepBelow<Name<A>>)

/**
 * A graph with a state and an identity, and the actor that runs it.
 *
 * One run at a time: a second one is refused with a {@link BusyError}. Dispose of it (`await using`) to cancel the run
 * and stop its actor. `A` is the type of the graph's actions; name the application type as `ReturnType<typeof make>` of
 * the function that makes it.
 * @see Burr `Application` in burr/core/application.py
 */
export interface Application<in out S extends object, in out A> extends AsyncDisposable {
  readonly appId: string
  /** The state after the last committed step. A key that nothing has written yet is unset, whatever its type. */
  readonly state: Readonly<S>
  /** The last committed action; undefined before the first. */
  readonly position: Name<A> | undefined
  /** The action that runs next; undefined when the graph has finished. */
  readonly next: Name<A> | undefined
  /** The number of the last committed step; -1 before the first. */
  readonly sequenceId: number
  /** The open questions of the run, here and below: actions that wait for a message from outside. */
  readonly pending: readonly Pending[]
  /**
   * The times at which the run goes on by itself, here and below, the earliest first: ends of sleeps, of waits, of
   * delays before an attempt, and of time limits of branches.
   */
  readonly due: readonly Due[]
  /** The XState actor, for `getSnapshot`, `subscribe`, selectors and inspection. */
  readonly actor: AnyActorRef
  /**
   * Runs one step. Resolves with undefined when no step is left, or when it was cancelled by anything but the signal.
   * @throws the errors of {@link Application.run}
   */
  step<When extends WhenWaiting = 'stay'>(
    ...args: Args<
      GraphInputs<A>,
      Pick<RunOptions<unknown, never, never, When>, 'signal' | 'whenWaiting'> & Given<GraphInputs<A>>
    >
  ): Promise<StepOf<S, A> | MaybeWaiting<S, A, When> | undefined>
  /**
   * Runs from the end of the last run until a halt, the end, or a cancel; resolves `finished` at once when nothing is
   * left, and `cancelled` after a cancel by {@link Application.cancel}. Resolves when everything below has ended, or was abandoned after `graceMs`.
   * @throws {ActionError} when an action fails; committed steps are kept, and another run tries the failed step again
   * @throws {ParallelError} when a map cannot settle under its policy
   * @throws {ContractError | InputError | MaxStepsError} directly, not wrapped in an {@link ActionError}
   * @throws {GraphError} for an unknown halt
   * @throws {BusyError} while another run is in progress, and after disposal
   * @throws `signal.reason` when the given signal aborts
   */
  run<
    const After extends Halt<Name<A>, TagsOf<A>> = never,
    const Before extends Halt<Name<A>, TagsOf<A>> = never,
    When extends WhenWaiting = 'stay',
  >(
    ...args: Args<GraphInputs<A>, RunOptions<RunInputs<A, Before>, After, Before, When>>
  ): Promise<OutcomeOf<S, A, After, Before, When>>
  /**
   * Yields each step after it has committed; the next step starts at the next `next()`. Leaving the loop cancels the
   * run, and waits for its end. The return value is the outcome, and a failure rejects.
   *
   * With a `depth`, also yields the steps of branches, in order of commit: `path` is the application, `source` its
   * action there, `action` the action of the iterated application. An application that committed a step within this
   * depth pauses until the reader, which holds that step, asks for another. Deeper applications are not held back.
   */
  iterate<
    const After extends Halt<Name<A>, TagsOf<A>> = never,
    const Before extends Halt<Name<A>, TagsOf<A>> = never,
    const Depth extends number = 0,
    When extends WhenWaiting = 'stay',
  >(
    ...args: Args<GraphInputs<A>, RunOptions<RunInputs<A, Before>, After, Before, When> & IterateOptions<Depth>>
  ): AsyncGenerator<IteratedStep<S, A, Depth>, OutcomeOf<S, A, After, Before, When>, void>
  /**
   * Yields the events of a run and of its branches, in order: chunks of parallel branches interleave as they are
   * produced. The run starts at the first `next()`; the return value is its outcome, and a failure rejects.
   *
   * The reader sets the pace: while 64 matching events are unread, every producer waits after its current chunk, and
   * every application at its step border; a cancel releases them. Events excluded by `include`, `actions`, `keys` or
   * `depth` hold nothing back. Leaving the loop (`break`, `return`, a throw) cancels the run and waits for its end;
   * with `detach` the run continues.
   *
   * An action may create an application (`parent: context`). The events of that application are included, with the name
   * of that action, and typed as the action's own chunks: the compiler cannot know their types. To tell them apart,
   * check `path`, which is longer by one segment, or `source`; or set `depth`.
   *
   * @throws {TypeError} at once, for an unknown event type or action, or a filter that no event can pass
   * @throws {BusyError} at the first `next()`, when another run is in progress
   */
  stream<
    const After extends Halt<Name<A>, TagsOf<A>> = never,
    const Before extends Halt<Name<A>, TagsOf<A>> = never,
    const Type extends TypeOf<S, A> = never,
    const At extends Name<A> = never,
    When extends WhenWaiting = 'stay',
  >(
    ...args: Args<GraphInputs<A>, RunOptions<RunInputs<A, Before>, After, Before, When> & StreamOptions<Type, At>>
  ): AsyncGenerator<EventOf<S, A, Type, At>, OutcomeOf<S, A, After, Before, When>, void>
  /**
   * Iterates over events, run after run, as an additional reader. It listens from this call on, not from the first
   * `next()`, until the loop is left, its signal aborts, or the application is disposed.
   *
   * It holds nothing back. While `buffer` events (1 000) are unread, further chunks are dropped, and one `dropped`
   * event takes their place; other events are never lost. Leaving the loop only ends the listening.
   * @throws `signal.reason` when the given signal aborts
   */
  events<const Type extends TypeOf<S, A> = never, const At extends Name<A> = never>(
    options?: EventsOptions<Type, At>,
  ): AsyncGenerator<ReadEventOf<S, A, Type, At>, void, void>
  /**
   * Calls a listener synchronously for each event of a type, `'*'` for all, in the application and below it, run after
   * run. The listener is not awaited and holds nothing back. An error that it throws goes to the logger.
   * @throws {TypeError} for an unknown event type
   */
  on<T extends AppEvent<S, A>['type'] | '*'>(
    type: T,
    listener: (event: T extends '*' ? AppEvent<S, A> : Extract<AppEvent<S, A>, { readonly type: T }>) => void,
  ): Subscription
  /**
   * Waits for the current run, and settles as its `run` would: with the outcome, or a rejection. Without a current run,
   * settles as the last run did; undefined when there was none. So the outcome of a run whose reader left it (`detach`)
   * is not lost.
   */
  ended(): Promise<RunOutcome<S, Name<A>, Name<A>> | undefined>
  /**
   * Sends a message from outside to the running application, or to the one at `path` below, which may still be queued;
   * {@link ActionContext.receive} reads it. Delivered immediately, and never rejects because of a race: see
   * {@link Delivery}. With a persister the message is stored before this resolves, also while nothing runs.
   * @throws {TypeError} for a value that is not a message
   * @throws {PersistenceError} when it cannot be stored
   */
  send(message: Message, options?: { readonly path?: string | Path }): Promise<Delivery>
  /**
   * Cancels the run, or the application at `path` below (`compare/gpt4`): its signals abort at once. Resolves when the
   * target has ended, or was abandoned after `graceMs`, and is stored. Without a path the run resolves with the status
   * `cancelled`, and so does each further run, at once, also after a resume. A branch is cancelled permanently, too.
   *
   * With `map` it cancels a map at which that application stands, as paths print it (`compare`, from its second visit
   * `compare#2`): all its branches that have not settled, also queued ones, and its source gives no more. Each of them is
   * cancelled permanently, as one by one; how the map ends is up to its `settle`. Under `all` its step fails.
   *
   * Does nothing when nothing runs, or the path or the map is unknown. Default reason: a {@link CancelledError}.
   * @returns the outcome, a {@link CancelAnswer}
   * @throws {PersistenceError} when it cannot be stored: the run rejects with the same error, and is interrupted. Cancel
   * it again.
   *
   * Do not await it in an action of the same application: the run ends only when that action has ended, so they would
   * wait for each other until the grace period expires.
   */
  cancel(options?: {
    readonly path?: string | Path
    readonly map?: string
    readonly reason?: unknown
  }): Promise<CancelAnswer>
  /**
   * Cancels the run so that it can be resumed: interrupted branches continue after a resume. The run resolves with the
   * status `cancelled`; this resolves when everything has ended and is stored. For SIGTERM.
   */
  shutdown(reason?: unknown): Promise<void>
  /**
   * Stores the current state, whatever the `save` option. Records of a running step are kept.
   * @throws {TypeError} without a persister
   * @throws {PersistenceError} when it cannot be stored
   */
  save(): Promise<void>
}

/** Options of `createApplication`, besides the graph. */
export interface ApplicationOptions<S, Names, Entry, Needed extends keyof S, In extends GivenTo<S> = S>
  extends PersistOptions<S, Names> {
  /** The action that runs first. */
  readonly entrypoint: Entry
  /**
   * The initial state: the reads of the entrypoint, and keys that some action reads and none writes. More keys may be
   * given.
   */
  readonly state: Pick<In, Needed> & Partial<In>
  /** Its id: set it to find the application in a store. Default: random, or with `parent` a hash of its position. */
  readonly appId?: string
  /**
   * Maximum number of running leaf actions, in all maps below together; a {@link Limit} shares it with other
   * applications. Default: only the limit of each map, 64 branches.
   */
  readonly concurrency?: number | Limit
  /** Awaited around runs, steps and branches, here and below. Default: none; with `parent`, those of the parent. */
  readonly interceptors?: readonly Interceptor[]
  /** Records every event here and below; with `parent`, the tracker of the parent does. Default: none. */
  readonly tracker?: Tracker
  /**
   * Where the branches of its maps run, here and below: `inProcess()`, or threads, or processes. A map, a runnable graph
   * and an entry may choose another one. Default: this process; with `parent`, that of the parent.
   */
  readonly executor?: ExecutorChoice
  /** Destination of warnings and `context.log`. Default {@link consoleLogger}, which prints warnings and errors. */
  readonly logger?: Logger
  /** Clock for timeouts, waits and events. Default {@link systemClock}; `ManualClock` of `teasel/testing` for tests. */
  readonly clock?: Clock
  /** Source of random numbers from 0 to 1, for retry delays. Default `Math.random`; replace it in tests. */
  readonly random?: () => number
  /** Time that cancelled code may take to end, in milliseconds (default 5 000), before it is abandoned as leaked. */
  readonly graceMs?: number
  /**
   * XState's inspection of the whole actor system: a function or an observer, such as `inspector.inspect` of
   * `@statelyai/inspect`. An error that it throws goes to the logger. Snapshots and events are plain data.
   */
  readonly inspect?: ((event: InspectionEvent) => void) | Observer<InspectionEvent>
  /**
   * The context of the action that makes this application: places it below that step, for cancels, limits, events and
   * identity. It ends with the step. Interceptors, persister, tracker, logger, clock and `graceMs` are then those of
   * the parent; giving one of the first three here too throws a `TypeError`.
   */
  readonly parent?: ActionContext
  /** With `parent`: its name among the applications that this step makes. Required when there are several. */
  readonly key?: string
}

/**
 * Makes an application from a graph. Nothing runs until `run`, `step`, `iterate` or `stream`. To continue a stored one,
 * use {@link resumeOrCreate}.
 *
 * @throws {GraphError} with every fault: unknown entrypoint, missing initial state, reads that nothing can have written
 *
 * @example
 * ```ts
 * const counter = defineState<{ n: number }>()
 * const add = counter.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
 * const graph = counter.graph({ actions: { add }, transitions: { add: [{ to: 'add', when: ({ state }) => state.n < 3 }] } })
 * await using app = createApplication(graph, { entrypoint: 'add', state: { n: 0 } })
 * const { status, state } = await app.run() // 'finished', { n: 3 }
 * ```
 * @see Burr `ApplicationBuilder` in burr/core/application.py
 */
export function createApplication<S extends object, A, D, In extends GivenTo<S>, const Entry extends Name<A>>(
  graph: Graph<S, A, D, In>,
  options: ApplicationOptions<S, Name<A>, Entry, Extract<InitialKeys<A, Entry, D>, keyof S>, In>,
): Application<S, A> {
  return new LiveApplication(graph, options) as unknown as Application<S, A>
}
