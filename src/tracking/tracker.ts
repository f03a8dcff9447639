import type { AnyEvent } from '../lifecycle/events.js'

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
}
