import { CancelledError, TimeoutError } from '../../errors.js'
import { isInstance } from '../../internal/guards.js'
import type { CancelCause } from '../../lifecycle/events.js'

/** Why, and by whom, something was cancelled. One object for all that it reaches. */
export interface Cancellation {
  /** What the signals fire with. */
  readonly reason: unknown
  /** A sibling's key, `watch`, `app`, `settle`, `parent` … */
  readonly by: string
  readonly cause: CancelCause
  /** When, in milliseconds on the clock that never goes back. */
  readonly at: number
}

/** Makes a cancellation; without a reason its signals fire with a {@link CancelledError}. */
export function createCancellation(cause: CancelCause, by: string, at: number, reason?: unknown): Cancellation {
  return Object.freeze({ reason: reason === undefined ? new CancelledError(cause, by) : reason, by, cause, at })
}

/** What a cancel is to an application below the one that it was meant for. */
export function belowCancellation({ at, reason }: Cancellation): Cancellation {
  return createCancellation('parent', 'parent', at, reason)
}

/** Who cancels a branch whose time is over: it counts as failed. */
export const TIMEOUT = 'timeout'

/** What a branch failed with whose time was over. */
export function timeoutOf({ by, reason }: Cancellation): TimeoutError | undefined {
  return by === TIMEOUT && isInstance(reason, TimeoutError) ? reason : undefined
}
