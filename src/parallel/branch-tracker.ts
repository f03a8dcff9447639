import { describeValue } from '../internal/guards.js'

/** The part of a tracker that a map needs. */
export interface BranchTracker {
  /** Called with each event, in order. */
  readonly track: (event: never) => void
}

/** The step of a map, passed to a function that chooses the tracker of its branches. */
export interface TrackedMap {
  /** The id of the application that runs the map. */
  readonly appId: string
  /** The printed path of that application; empty for the root. */
  readonly path: string
  /** The name of the map. */
  readonly action: string
  readonly sequenceId: number
}

/** The tracker of a map's branches: that of the application, none, or one of their own. */
export type TrackerChoice = 'cascade' | null | BranchTracker

/** @throws {TypeError} for a value that is not a tracker */
export function assertTracker(value: unknown, more = ''): void {
  if (typeof value === 'object' && value !== null && 'track' in value && typeof value.track === 'function') return
  throw new TypeError(`tracker is ${describeValue(value)}. It takes a tracker, { track(event) {} }${more}.`)
}

/** @throws {TypeError} for a value that is not a {@link TrackerChoice} */
export function assertTrackerChoice(value: unknown): void {
  if (value !== undefined && value !== null && value !== 'cascade') assertTracker(value, ", 'cascade' or null")
}
