import type { AnyEvent } from '../lifecycle/events.js'

/**
 * Records what happens in an application and in all that is below it.
 *
 * Give it to `createApplication` or `resumeOrCreate`. A map may say `tracker` of its branches; without a tracker of the
 * application nothing is recorded anywhere below.
 * @see Burr burr/tracking/base.py (SyncTrackingClient)
 */
export interface Tracker {
  /** Names it in reports of its faults. */
  readonly name?: string
  /**
   * Called with each event in the moment it becomes true, in the order of `seq`. After a resume the events of an
   * application come under the same `appId`, with a higher `incarnation`. Not awaited. What it throws, or a promise of
   * it rejects with, is reported as a `fault` event of the root application and to the logger; the run goes on.
   */
  track(event: AnyEvent): void
}
