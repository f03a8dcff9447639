import type { CancelData, ErrorData } from './error-data.js'
import type { BranchCounts, RunStatus } from './status.js'
import type { WirePath } from './wire-path.js'

/** Identifies a run: the application at its root, from its creation until it can go no further. */
export interface RunRef {
  /** The id of its root application. */
  readonly runId: string
  /** The partition of its records; null is one too. */
  readonly partitionKey: string | null
}

/** The process that runs a run, or the worker that runs a branch. */
export interface WorkerInfo {
  /** The id of its runner, random. */
  readonly id: string
  /** The executor that placed a branch there. */
  readonly executor?: string
  /** The name of its machine. */
  readonly host?: string
  readonly pid?: number
  /** The number of its thread in that process; absent for the main thread. */
  readonly thread?: number
  /** The version of its program. */
  readonly version?: string
  /** End of its lease, by the clock of the store, epoch milliseconds. */
  readonly leaseUntil?: number
  /** Its last heartbeat, epoch milliseconds. */
  readonly seenAt?: number
}

/** A run, without its state: one row of a list. Times are epoch milliseconds. */
export interface RunSummary extends RunRef {
  /** The name of its graph in a host. */
  readonly name?: string
  /** The hash of its graph. */
  readonly graph?: string
  /** A text for people. */
  readonly title?: string
  readonly labels: { readonly [name: string]: string }
  readonly status: RunStatus
  /** When the status began. */
  readonly since: number
  readonly createdAt: number
  readonly startedAt?: number
  /** When anything of it was last stored, or happened. */
  readonly updatedAt: number
  readonly endedAt?: number
  /** The last committed action. */
  readonly position?: string
  /** The action that runs next, or runs now. */
  readonly next?: string
  /** The number of the last committed step; -1 before the first. */
  readonly sequenceId: number
  /** Grows with each rewind. */
  readonly epoch: number
  /** How often a process has opened it, from 0. */
  readonly incarnation: number
  /** The branches of the map at which it stands. */
  readonly branches?: BranchCounts
  /** Open questions, here and below. */
  readonly pending: number
  /** Applications between two attempts, here and below. */
  readonly retrying: number
  /** Abandoned code, here and below. */
  readonly leaked: number
  /** The earliest time that something waits for, here or below. */
  readonly nextAt?: number
  readonly error?: ErrorData
  readonly cancelled?: CancelData
  /** The process that has it. */
  readonly heldBy?: WorkerInfo
  readonly forkedFrom?: { readonly appId: string; readonly sequenceId: number }
  /** For a branch that runs elsewhere, and is a root of its own in the store: the run above. */
  readonly partOf?: RunRef & { readonly path: WirePath }
}
