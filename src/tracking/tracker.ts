import type { AnyRunnable } from '../action/action.js'
import type { ActionContext, Path } from '../action/context.js'
import type { AnyEvent, RunEnd } from '../lifecycle/events.js'
import type { State } from '../state/freeze.js'

/** A run of a root application, as a tracker sees it before its first event. */
export interface TrackedRun {
  /** `runId` of the events that follow. */
  readonly eventsOf: string
  /** The id of the root application; the same in every run of it. */
  readonly appId: string
  readonly partitionKey: string | null
  /** How often a process has opened it, from 0. Without a persister always 0. */
  readonly incarnation: number
  /** Grows with each rewind. */
  readonly epoch: number
  /** The name of its graph in a host. */
  readonly name?: string
  /** The graph that it runs: `toMermaid(graph)` draws it. The same object in each run of one graph. */
  readonly graph?: AnyRunnable
  /** A text for people. */
  readonly title?: string
  readonly labels: { readonly [name: string]: string }
  /** What {@link Tracker.carryRun} gave along where a host or a queue of runs started it. */
  readonly carried?: Readonly<Record<string, string>> | undefined
  /** The state from which it goes on. Absent for the tracker of a map, which records only what is below. */
  readonly state?: State
  /** The number of the last committed step; -1 before the first. */
  readonly sequenceId: number
  /** The last committed action. */
  readonly position?: string
  /** The action that runs next. */
  readonly next?: string
  /** When a run that is resumed was created, epoch milliseconds. */
  readonly createdAt?: number | undefined
  /** When it first began. */
  readonly startedAt?: number | undefined
}

/** A run that is started for the process that will take it. */
export interface CarriedRun {
  readonly appId: string
  readonly partitionKey: string | null
  /** The name of its graph. */
  readonly name: string
}

/** A branch that is handed to a worker. */
export interface CarriedBranch {
  readonly runId: string
  readonly appId: string
  readonly path: Path
}

/** An attempt at a step of a branch that runs in a worker. */
export interface CarriedStep extends CarriedBranch {
  readonly sequenceId: number
  readonly attempt: number
}

/**
 * Records the events of an application and everything below it.
 *
 * Pass it to `createApplication` or `resumeOrCreate`. A map may set another `tracker` for its branches; without a
 * tracker of the application nothing below is recorded.
 * @see Burr burr/tracking/base.py (SyncTrackingClient)
 */
export interface Tracker {
  /** Name used in reports of its faults. */
  readonly name?: string
  /**
   * Called synchronously before the first event of each run; of a tracker of a map, before its first branch. A throw or
   * a rejection is reported as one of `track` is.
   */
  begin?(run: TrackedRun): void
  /**
   * Called synchronously with each event, in the order of `seq`. After a resume the events of an application have the
   * same `appId` and a higher `incarnation`. Not awaited. A throw or a rejection is reported as a `fault` event of the
   * root application and to the logger; the run continues.
   */
  track(event: AnyEvent): void
  /**
   * Called synchronously with the end of a run, of a tracker of a map that was told of it: its `track` gets only what is
   * below the map. A throw or a rejection is reported as one of `track` is.
   */
  end?(event: RunEnd): void
  /**
   * Surrounds the code of an action, so that the context of a platform follows it: that of OpenTelemetry, for example.
   * It calls `code` once, at once, and returns its result. Called after the `step.start` or `span.start` was tracked. A
   * throw of its own is reported, and the code is called anyway.
   * @param span id of the span that the code belongs to; absent for the step itself
   */
  within?<T>(context: ActionContext, code: () => T, span?: string): T
  /**
   * The texts that are stored with a run that a host or a queue of runs starts, such as the W3C `traceparent` of the caller:
   * every process that runs it finds them in `carried` of its {@link TrackedRun}. Called synchronously in `start` of a host
   * and `enqueueRun`. A throw is logged, and the run starts without them.
   */
  carryRun?(run: CarriedRun): Readonly<Record<string, string>> | undefined
  /**
   * The texts that go with a branch to its worker, such as a W3C `traceparent`. Called when the branch is handed over,
   * with its address.
   */
  carry?(branch: CarriedBranch): Readonly<Record<string, string>> | undefined
  /**
   * The texts of one attempt at a step in a worker, laid over those of its branch. Called where code in the worker needs
   * them, as with `joinTraces` of `teasel/otel`, after the `step.start` was tracked. The code of the attempt starts when
   * they have arrived. A throw is reported, and the code has the texts of the branch.
   */
  carryStep?(step: CarriedStep): Readonly<Record<string, string>> | undefined
}
