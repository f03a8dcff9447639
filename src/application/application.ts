import type { AnyActorRef, InspectionEvent, Observer } from 'xstate'
import type { ActionContext, Path } from '../action/context.js'
import type { CancelAnswer, Delivery, Message } from '../action/message.js'
import type { Halt } from '../graph/runnable.js'
import type { Clock } from '../internal/clock.js'
import type { Args, Given, Name, OneOrMany } from '../internal/type-tools.js'
import type { ActionFacts } from '../lifecycle/event-facts.js'
import type { AppEvent, Dropped, Subscription } from '../lifecycle/events.js'
import type { Interceptor } from '../lifecycle/interceptor.js'
import type { Logger } from '../lifecycle/logger.js'
import type { Limit } from '../parallel/limit.js'
import type { GivenTo } from '../state/spec.js'
import type { Tracker } from '../tracking/tracker.js'
import type { WhenWaiting } from './active-run.js'
import type { EventFilter } from './filter.js'
import { LiveApplication } from './live-application.js'
import type { RunOutcome, StepBelow, StepOf, Waiting } from './outcome.js'
import type { PersistOptions } from './persisting.js'
import type { Graph, GraphInputs, HaltedAt, InitialKeys, RunInputs, TagsOf } from './runnable.js'

/** What a run takes. */
export type RunOptions<Inputs, After, Before, When = WhenWaiting> = {
  /** Halt after these have committed: names, or `{ tag }`. */
  readonly haltAfter?: OneOrMany<After>
  /** Halt when one of these would be next; at least one step runs first. Wins over `haltAfter`. */
  readonly haltBefore?: OneOrMany<Before>
  /** Cancels the run: it rejects with the signal's reason, after everything has ended. What was committed stays. */
  readonly signal?: AbortSignal
  /** Fails the run with a `MaxStepsError` when it would take more steps. Default: no bound. */
  readonly maxSteps?: number
  /**
   * `'return'`: resolves with the status `waiting` when all that is left waits for messages from outside. Default
   * `'stay'`: waits on.
   *
   * After `'return'` the run stays as it is. The next `run` (`step`, `iterate`, `stream`) starts nothing anew but comes
   * back to it; `inputs`, halts and `maxSteps` can then be left out, or say the same again.
   */
  readonly whenWaiting?: When
} & Given<Inputs>

type HaltType<A, After, Before> = [Before] extends [never] ? HaltedAt<A, After> : Name<A>
/** What `run` and its kin resolve with. */
export type OutcomeOf<S, A, After, Before, When = 'stay'> =
  | RunOutcome<S, Name<A>, HaltType<A, After, Before>>
  | MaybeWaiting<S, A, When>
/** Only where it was asked for, so that nobody else narrows. */
type MaybeWaiting<S, A, When> = 'return' extends When ? Waiting<S, Name<A>> : never

/** What `stream` takes beside what a run takes. */
export interface StreamOptions<Type, At> extends EventFilter<Type, At> {
  /**
   * Leaves the run alone when the loop is left: nobody paces it any more, `on` and `events` still hear it, and
   * `ended()` resolves with its outcome. Default: the run is cancelled.
   */
  readonly detach?: boolean
}

/** What `events` takes. */
export interface EventsOptions<Type, At> extends EventFilter<Type, At> {
  /** How many unread events may lie here before chunks are lost. Default: 1 000. */
  readonly buffer?: number
  /** Ends the reading: it rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

/** What `iterate` takes beside what a run takes. */
export interface IterateOptions<Depth> {
  /** Also yields the steps of applications so many levels below. Default: 0, its own. */
  readonly depth?: Depth
}

type TypeOf<S, A> = AppEvent<S, A>['type']
type EventsAbout<S, A, At extends keyof A> = [At] extends [never]
  ? AppEvent<S, A>
  : Extract<AppEvent<S, Pick<A, At>>, ActionFacts>
/** The events that pass `include` and `actions`; `never` stands for an option that is not given. */
export type EventOf<S, A, Type = never, At extends keyof A = never> = [Type] extends [never]
  ? EventsAbout<S, A, At>
  : Extract<EventsAbout<S, A, At>, { readonly type: Type }>
/** What `events` yields: {@link EventOf}, and `dropped` where chunks can be lost. */
export type ReadEventOf<S, A, Type = never, At extends keyof A = never> =
  | EventOf<S, A, Type, At>
  | ([Type] extends [never] ? Dropped : 'chunk' extends Type ? Dropped : never)
/** What `iterate` yields: narrow with `'path' in step` where steps below are asked for. */
export type IteratedStep<S, A, Depth> = StepOf<S, A> | (Depth extends 0 ? never : StepBelow<Name<A>>)

/**
 * A graph with a state and an identity, and the actor that runs it.
 *
 * One run at a time: a second one is refused with a {@link BusyError}. Dispose of it (`await using`) to cancel what
 * runs and stop its actor. `A` is the type of the graph's actions; name the type of one by `ReturnType<typeof make>` of
 * the function that makes it.
 * @see Burr `Application` in burr/core/application.py
 */
export interface Application<in out S extends object, in out A> extends AsyncDisposable {
  readonly appId: string
  /** The state after the last committed step. A key that nothing has written yet is unset, whatever its type says. */
  readonly state: Readonly<S>
  /** The last committed action; undefined before the first. */
  readonly position: Name<A> | undefined
  /** The action that runs next; undefined when the graph has finished. */
  readonly next: Name<A> | undefined
  /** The number of the last committed step; -1 before the first. */
  readonly sequenceId: number
  /** The XState actor, for `getSnapshot`, `subscribe`, selectors and inspection. */
  readonly actor: AnyActorRef
  /**
   * Takes one step. Resolves with undefined when there is none left, or when it was cancelled otherwise than by the
   * signal.
   * @throws what {@link Application.run} throws
   */
  step<When extends WhenWaiting = 'stay'>(
    ...args: Args<
      GraphInputs<A>,
      Pick<RunOptions<unknown, never, never, When>, 'signal' | 'whenWaiting'> & Given<GraphInputs<A>>
    >
  ): Promise<StepOf<S, A> | MaybeWaiting<S, A, When> | undefined>
  /**
   * Runs until a halt, the end, or a cancel, from where the last run ended; resolves `finished` at once where nothing
   * is left. Resolves when everything below has ended, or was given up after `graceMs`.
   * @throws {ActionError} when an action fails; what was committed stays, and a further run tries that step again
   * @throws {ParallelError} when a map cannot settle as its policy asks; {@link ContractError}, {@link InputError} and
   * {@link MaxStepsError} stand for themselves too
   * @throws {GraphError} for a halt that there is not
   * @throws {BusyError} while another run goes on, and after disposal
   * @throws `signal.reason` when the given signal fires
   */
  run<
    const After extends Halt<Name<A>, TagsOf<A>> = never,
    const Before extends Halt<Name<A>, TagsOf<A>> = never,
    When extends WhenWaiting = 'stay',
  >(
    ...args: Args<GraphInputs<A>, RunOptions<RunInputs<A, Before>, After, Before, When>>
  ): Promise<OutcomeOf<S, A, After, Before, When>>
  /**
   * Yields each step when it has committed; the next starts when it is asked for. Leaving the loop cancels the run, and
   * waits for its end. The return value is the outcome, and a failure rejects.
   *
   * With a `depth`, also the steps of branches, in the order in which they committed: `path` says where, `source` its
   * action there, `action` the application's own. Whoever committed a step, at any of these depths, takes no further
   * one until the reader, which has that step in hand, asks for another. What is deeper is not held back.
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
   * Yields the events of a run, also those of its branches, in the order in which they became true: chunks of parallel
   * branches interleave as they are produced. The run starts at the first `next()`; the return value is its outcome,
   * and a failure rejects.
   *
   * The reader paces: while 64 of the events that it wants wait, every producer waits after the chunk in its hand, and
   * every application at its step border; a cancel lets them go. What `include`, `actions`, `keys` or `depth` keep out
   * holds nobody back. Leaving the loop (`break`, `return`, a throw) cancels the run and waits for its end; with
   * `detach` it leaves the run alone.
   *
   * An action may make an application by hand (`parent: context`). Its events come too, with the name of that action,
   * and the compiler cannot know of them: what it yields is typed as what that action yields itself. Where they may
   * differ, look at `path`, which is longer by one segment for the application below, or at `source`; or set `depth`.
   *
   * @throws {TypeError} at once, for a type of event or an action that there is not, or for a filter nothing can pass
   * @throws {BusyError} at the first `next()`, when another run goes on
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
   * Follows what happens, run after run, for a further reader. It listens from this call on, not from the first
   * `next()`, until it is left, its signal fires, or the application is disposed of; so leave it, or dispose.
   *
   * It holds nobody back. While `buffer` events (1 000) are unread, further chunks are lost, and one `dropped` event
   * stands where they were; other events are never lost. Leaving it only stops the listening.
   * @throws `signal.reason` when the given signal fires
   */
  events<const Type extends TypeOf<S, A> = never, const At extends Name<A> = never>(
    options?: EventsOptions<Type, At>,
  ): AsyncGenerator<ReadEventOf<S, A, Type, At>, void, void>
  /**
   * Calls a listener for each event of a type, `'*'` for all, here and below, from now on, run after run, in the moment
   * it becomes true. It is not awaited and holds nobody back. What it throws goes to the logger.
   * @throws {TypeError} for a type of event that there is not
   */
  on<T extends AppEvent<S, A>['type'] | '*'>(
    type: T,
    listener: (event: T extends '*' ? AppEvent<S, A> : Extract<AppEvent<S, A>, { readonly type: T }>) => void,
  ): Subscription
  /**
   * Waits for the run that goes on, and resolves as `run` would have: with its outcome, or it rejects. Without one, the
   * same of the last run; undefined when there was none. So the outcome of a run whose reader left it (`detach`) is
   * not lost.
   */
  ended(): Promise<RunOutcome<S, Name<A>, Name<A>> | undefined>
  /**
   * Sends a message from outside into the running application, or to the one at `path` below, also to a branch that is
   * queued; {@link ActionContext.receive} gets it. Delivered at once, and never rejects for a race: see what
   * {@link Delivery} it was. With a persister it is stored before this resolves, and also while nothing runs.
   * @throws {TypeError} for what is no message
   * @throws {PersistenceError} when it cannot be stored
   */
  send(message: Message, options?: { readonly path?: string | Path }): Promise<Delivery>
  /**
   * Cancels what runs, or the application at `path` below (`compare/gpt4`): its signals fire at once. Resolves when
   * that has ended, or was given up after `graceMs`, and is stored. Without a path the run itself resolves with the
   * status `cancelled`; a branch is cancelled for good. Does nothing where nothing runs, or nothing stands at the path.
   * Default reason: a {@link CancelledError}.
   * @returns what became of it: a {@link CancelAnswer}
   *
   * An action of the same application calls it without awaiting it: the run ends only when that action has ended, so
   * they would wait for each other until the grace period is over.
   */
  cancel(options?: { readonly path?: string | Path; readonly reason?: unknown }): Promise<CancelAnswer>
  /**
   * Cancels what runs, to go on later: after a resume, branches that were cut off go on where they were. The run
   * resolves with the status `cancelled`, and this when everything has ended and is stored. For SIGTERM.
   */
  shutdown(reason?: unknown): Promise<void>
  /**
   * Stores where the application stands now, whatever `save` says. What its next step has begun stays stored, also while
   * it runs.
   * @throws {TypeError} without a persister
   * @throws {PersistenceError} when it cannot be stored
   */
  save(): Promise<void>
}

/** What `createApplication` takes beside the graph. */
export interface ApplicationOptions<S, Names, Entry, Needed extends keyof S, In extends GivenTo<S> = S>
  extends PersistOptions<S, Names> {
  /** The action that runs first. */
  readonly entrypoint: Entry
  /** The first state: what the entrypoint reads, and what some action reads and none writes. More keys may be given. */
  readonly state: Pick<In, Needed> & Partial<In>
  /**
   * Its id: say it to find the application again in a store. Default: random, or with `parent` a hash of where it
   * hangs.
   */
  readonly appId?: string
  /**
   * How many leaf actions run at once, in all maps below together; a {@link Limit} to share it with other applications.
   * Default: no limit but that of each map, 64 branches.
   */
  readonly concurrency?: number | Limit
  /** Awaited around runs, steps and branches, here and below. Default: none; with `parent`, those of the parent. */
  readonly interceptors?: readonly Interceptor[]
  /** Records every event here and below; with `parent`, whoever records the parent does. Default: nobody, also below. */
  readonly tracker?: Tracker
  /** Where warnings and `context.log` go. Default {@link consoleLogger}, which prints warnings and errors. */
  readonly logger?: Logger
  /**
   * The time for time-outs, waits and events. Default {@link systemClock}; `ManualClock` of `teasel/testing` for tests.
   */
  readonly clock?: Clock
  /** Chance, as a number from 0 to 1, for the waits before another attempt. Default `Math.random`; give one for tests. */
  readonly random?: () => number
  /** How long cancelled code may take to end, in milliseconds (default 5 000), before it is given up as leaked. */
  readonly graceMs?: number
  /**
   * XState's inspection of the whole actor system: a function or an observer, such as `inspector.inspect` of
   * `@statelyai/inspect`. What it throws goes to the logger. Snapshots and events are plain data.
   */
  readonly inspect?: ((event: InspectionEvent) => void) | Observer<InspectionEvent>
  /**
   * The context of the action that makes this application: hangs it below that step, for cancels, limits, events and
   * identity. It ends with the step. Interceptors, persister, tracker, logger, clock and `graceMs` are then those of
   * the parent; the first three, given here too, are refused with a `TypeError`.
   */
  readonly parent?: ActionContext
  /** With `parent`: its name among the applications that this step makes. Needed where there are several. */
  readonly key?: string
}

/**
 * Makes an application of a graph. Nothing runs until `run`, `step`, `iterate` or `stream`. To go on with one that is
 * stored, {@link resumeOrCreate}.
 *
 * @throws {GraphError} with everything that cannot work: unknown entrypoint, missing initial state, reads that nothing
 * can have written
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
