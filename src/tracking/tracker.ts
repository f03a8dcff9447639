import type { ActionContext, Path } from '../action/context.js'
import type { AnyEvent } from '../lifecycle/events.js'

/** A branch that is handed to a worker. */
export interface CarriedBranch {
  readonly runId: string
  readonly appId: string
  readonly path: Path
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
   * Called synchronously with each event, in the order of `seq`. After a resume the events of an application have the
   * same `appId` and a higher `incarnation`. Not awaited. A throw or a rejection is reported as a `fault` event of the
   * root application and to the logger; the run continues.
   */
  track(event: AnyEvent): void
  /**
   * Surrounds the code of an action, so that the context of a platform follows it: that of OpenTelemetry, for example.
   * It calls `code` once, at once, and returns its result. Called after the `step.start` or `span.start` was tracked. A
   * throw of its own is reported, and the code is called anyway.
   * @param span id of the span that the code belongs to; absent for the step itself
   */
  within?<T>(context: ActionContext, code: () => T, span?: string): T
  /**
   * The texts that go with a branch to its worker, such as a W3C `traceparent`. Called when the branch is handed over,
   * with its address.
   */
  carry?(branch: CarriedBranch): Readonly<Record<string, string>> | undefined
}
