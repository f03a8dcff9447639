import { CancelledError, TimeoutError } from '../../errors.js'
import { isInstance } from '../../internal/guards.js'
import type { CancelCause, CancelEvent } from '../../lifecycle/events.js'
import { isFinal } from '../../lifecycle/final.js'
import type { AppJournal } from '../../persistence/app-journal.js'

/** The reason and the source of a cancel. Everything that the cancel reaches shares one object. */
export interface Cancellation {
  /** The reason of the signals. */
  readonly reason: unknown
  /** A sibling's key, `watch`, `app`, `settle`, `parent` … */
  readonly by: string
  readonly cause: CancelCause
  /** Milliseconds on the monotonic clock. */
  readonly at: number
}

/** Makes a cancellation; without a reason its signals fire with a {@link CancelledError}. */
export function createCancellation(cause: CancelCause, by: string, at: number, reason?: unknown): Cancellation {
  return Object.freeze({ reason: reason === undefined ? new CancelledError(cause, by) : reason, by, cause, at })
}

/** A cancel as it reaches applications below its target. */
export function belowCancellation({ at, reason }: Cancellation): Cancellation {
  return createCancellation('parent', 'parent', at, reason)
}

/** The source of the cancel of a branch that timed out: the branch counts as failed. */
export const TIMEOUT = 'timeout'

/** The error of a branch that timed out. */
export function timeoutOf({ by, reason }: Cancellation): TimeoutError | undefined {
  return by === TIMEOUT && isInstance(reason, TimeoutError) ? reason : undefined
}

/** A cancelled application, and its store. */
interface StoredApp {
  readonly parent: object | undefined
  readonly journal: AppJournal | undefined
}

/** What the cancel of a root tells of its store. Nothing without one, and where the cancel is for good. */
export function storedAfter({ parent, journal }: StoredApp, { cause }: Cancellation): Pick<CancelEvent, 'stored'> {
  return parent !== undefined || journal === undefined || isFinal(cause) ? {} : { stored: journal.status.cutOff }
}
