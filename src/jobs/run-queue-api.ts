import type { Path } from '../action/context.js'
import type { Message } from '../action/message.js'
import type { GraphInputsOf, GraphStateOf } from '../host/host-api.js'
import type { StartedRun } from '../host/host-events.js'
import type { Clock } from '../internal/clock.js'
import type { Given } from '../internal/type-tools.js'
import type { Logger } from '../lifecycle/logger.js'
import type { Persister } from '../persistence/persister.js'
import type { CancelData, ErrorData } from '../read/error-data.js'
import type { DescribeOptions } from '../read/reader.js'
import type { Pending, RunTree } from '../read/tree.js'
import type { WirePath } from '../read/wire-path.js'
import type { EngineDriver } from './engine-driver.js'
import type { RunEvent } from './run-reading.js'

/** Options of {@link createRunQueue}. */
export interface RunQueueOptions<Graphs> {
  /** The engine of the jobs. Runs have a queue of their own: branches that wait behind runs would hold those up. */
  readonly driver: EngineDriver
  /** The store of the runs. The workers have the same one. */
  readonly persister: Persister
  /** The graphs by name, as for a host. Default: none, for a queue that only looks at runs. */
  readonly graphs?: Graphs
  /** Interval at which the store is asked about a run that is looked at, in milliseconds. Default 1 000. */
  readonly pollMs?: number
  /** For faults. Default: of warnings and errors, the console. */
  readonly logger?: Logger
  /** For delays and intervals. For tests. */
  readonly clock?: Clock
}

/** Options of {@link RunQueue.enqueueRun}. */
export type EnqueueOptions<H> = {
  /** Its id. Enqueueing an id again starts nothing, and repairs its job. Default: random. */
  readonly appId?: string | undefined
  /** Default null. */
  readonly partitionKey?: string | null | undefined
  /** The initial state: the keys that the entrypoint reads, and more if you like. */
  readonly state: GraphStateOf<H>
  /** Key and value, by which lists find the run. Stored without the state. Default: none. */
  readonly labels?: Readonly<Record<string, string>> | undefined
  /** A text for people, in lists and inboxes. Default: none. */
  readonly title?: string | undefined
  /** Milliseconds from now before which no worker takes it. Until then it reads `queued`. Default 0. */
  readonly delayMs?: number | undefined
  /**
   * Lower numbers come first, a whole number from 1 to 2 097 152. Runs without one come before all that have one. It
   * holds whenever the run is taken.
   */
  readonly priority?: number | undefined
} & Given<GraphInputsOf<H>>

/** How a run has ended. */
export interface RunEnd {
  readonly status: 'halted' | 'finished' | 'failed' | 'cancelled'
  /** The state after the last committed step. */
  readonly state: Readonly<Record<string, unknown>>
  /** The number of the last committed step; -1 when there is none. */
  readonly sequenceId: number
  /** Why it failed. */
  readonly error?: ErrorData
  /** Why it was cancelled. */
  readonly cancelled?: CancelData
}

/** A run of a queue, looked at from any process. Looking changes nothing, and leaving ends nothing. */
export interface AttachedRun extends AsyncDisposable {
  readonly runId: string
  readonly partitionKey: string | null
  /**
   * How the run ends, by what is stored: a failure is an outcome too. Asked for from the first read of this property on.
   * Rejects with a `RangeError` when there is no such run, and with a `TypeError` once this is closed. While the store is
   * unavailable it waits.
   */
  readonly outcome: Promise<RunEnd>
  /**
   * The events of the run, from whichever worker holds it, and again from the next one, until it is over.
   *
   * Reading begins with the first `next()`. The first events are those of the claim that holds the run then, as far as
   * its worker keeps them; without one, those of the next claim. Events of earlier claims do not come. A claim that is
   * over before the worker gets the request of the reader can be missed: a worker keeps the events of a released run for
   * 5 s, and only until it takes that run again. A slow reader, or the death of a worker, loses events: the reader gets
   * `dropped`. Any number of readers.
   * @throws {RangeError} when there is no such run
   * @throws the reason of `signal`, once that aborts
   */
  events(options?: { readonly signal?: AbortSignal }): AsyncIterableIterator<RunEvent>
  /**
   * Sends a message, wherever the run is; to the `path` of a question. A run that waits for it goes on.
   * @returns `queued` once it is stored; `dropped` when there is no such run or path, or it has ended
   * @throws {PersistenceError} when the store is unavailable: send it again
   */
  send(message: Message, to?: { readonly path?: string | Path | WirePath | undefined }): Promise<'queued' | 'dropped'>
  /**
   * Cancels the run for good.
   * @param options `reason`: stored with the cancel, and the reason of the signals below
   * @returns `cancelled`: it has ended; `requested`: a worker holds it, and ends it soon; `ended`: it had ended before;
   * `unknown`: there is no such run
   * @throws {PersistenceError} when the store is unavailable
   */
  cancel(options?: { readonly reason?: unknown }): Promise<'cancelled' | 'requested' | 'ended' | 'unknown'>
  /** The run and what is below it, as the store has it. Undefined when there is no such run. */
  describe(options?: DescribeOptions): Promise<RunTree | undefined>
  /** The open questions of the run, oldest first, at most 1 000. */
  pending(): Promise<readonly Pending[]>
  /** Ends the readers of events. The run goes on. */
  close(): Promise<void>
}

/** Starts runs that workers take, and looks at them. */
export interface RunQueue<Graphs> extends AsyncDisposable {
  /**
   * Stores a run, then enqueues a job that invites a worker to run it. The store is the truth: once this resolves, the
   * run is not lost, whatever becomes of its job.
   * @returns once the run is stored; with `created: false` when its id was stored before
   * @throws {TypeError | RangeError} for an unknown name or invalid options
   * @throws {ContractError | GraphError} for a state that does not fit, or lacks a key; nothing is stored then
   * @throws {PersistenceError} when the store is unavailable; the run may then be stored: enqueue it again with the same id
   */
  enqueueRun<N extends keyof Graphs & string>(name: N, options: EnqueueOptions<Graphs[N]>): Promise<StartedRun>
  /** A run, whichever process started it and whichever has it. Asks nothing yet. */
  attach(appId: string, options?: { readonly partitionKey?: string | null }): AttachedRun
  /** Closes the runs that were attached. The driver and the persister stay open. */
  close(): Promise<void>
}
