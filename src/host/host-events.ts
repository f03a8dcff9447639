import type { AnyEvent } from '../lifecycle/events.js'
import type { Due, Pending } from '../lifecycle/pending.js'

/** A run, as a host names it. */
export interface HostRun {
  /** The id of its root application. */
  readonly runId: string
  /** The partition of its records. */
  readonly partitionKey: string | null
  /** The name of its graph. */
  readonly name: string
}

/**
 * What happens in a host.
 *
 * - `taken`: the host runs it now. `why`: it was `started` here, `interrupted` elsewhere or by a dead process, or `due`:
 *   answered, or at its time.
 * - `event`: an event of the run, as `app.on` has it. Its `runId` is the id of the run in this process only.
 * - `released`: the host holds it no more. A `waiting` one is taken again when it is answered or due, an `interrupted`
 *   one by any host; a `lost` one goes on in another process, or is taken again once the store answers. The others have
 *   ended. `error`: why a run `failed` or was `lost`.
 * - `refused`: it cannot be resumed here now, and stays as it is; the host looks at it again at `againAt`.
 * - `unavailable`: the store did not answer; the host asks again.
 * - `draining`, `drained`: no run is taken any more; all are released, or have not ended in time.
 * - `dropped`: this reader was too slow, and so many events of runs are missing. Read the runs with `describe`.
 *
 * Times are epoch milliseconds.
 */
export type HostEvent =
  | { readonly type: 'taken'; readonly run: HostRun; readonly why: 'started' | 'interrupted' | 'due' }
  | { readonly type: 'event'; readonly run: HostRun; readonly event: AnyEvent }
  | {
      readonly type: 'released'
      readonly run: HostRun
      readonly status: 'waiting' | 'interrupted' | 'halted' | 'finished' | 'failed' | 'cancelled' | 'lost'
      readonly error?: unknown
      /** For a waiting run: when it goes on by itself. */
      readonly nextAt?: number
    }
  | { readonly type: 'refused'; readonly run: HostRun; readonly error: unknown; readonly againAt: number }
  | { readonly type: 'unavailable'; readonly error: unknown }
  | { readonly type: 'draining' }
  | { readonly type: 'drained' }
  | { readonly type: 'dropped'; readonly count: number }

/** A run that a host has accepted. It is stored. */
export interface StartedRun extends HostRun {
  /** False when the id was stored before: nothing was changed. */
  readonly created: boolean
}

/** The state of a host. */
export interface HostHealth {
  /** `unavailable`: the last look at the store failed. */
  readonly status: 'ok' | 'unavailable' | 'draining' | 'closed'
  /** Number of runs that it holds, and the most that it takes. */
  readonly running: number
  readonly concurrency: number
  /** The last look at the store that succeeded, epoch milliseconds; undefined before the first. */
  readonly lookedAt: number | undefined
  /** The error of the last look, if it failed. */
  readonly error: unknown
  /** What is held, with its open questions and due times. */
  readonly runs: readonly (HostRun & { readonly pending: readonly Pending[]; readonly due: readonly Due[] })[]
}

export const keyOf = (partitionKey: string | null, runId: string): string => JSON.stringify([partitionKey, runId])
