import { describeValue } from '../internal/guards.js'

/** A tracker, as far as a map needs to know it. */
export interface BranchTracker {
  /** Called with each event, in order. */
  readonly track: (event: never) => void
}

/** The step of a map, for a function that chooses who records its branches. */
export interface TrackedMap {
  /** The application that the map belongs to. */
  readonly appId: string
  /** Where that application stands, printed; empty for the root. */
  readonly path: string
  /** The map. */
  readonly action: string
  readonly sequenceId: number
}

/** Who records the branches of a map: as the application, nobody, or a tracker of their own. */
export type TrackerChoice = 'cascade' | null | BranchTracker

/**
 * Refuses what is no tracker.
 * @throws {TypeError}
 */
export function assertTracker(value: unknown, more = ''): void {
  if (typeof value === 'object' && value !== null && 'track' in value && typeof value.track === 'function') return
  throw new TypeError(`tracker is ${describeValue(value)}. It takes a tracker, { track(event) {} }${more}.`)
}

/**
 * Refuses what says nothing of who records.
 * @throws {TypeError}
 */
export function assertTrackerChoice(value: unknown): void {
  if (value !== undefined && value !== null && value !== 'cascade') assertTracker(value, ", 'cascade' or null")
}
