import type { Path } from '../action/context.js'
import type { CancelAnswer, Delivery, Message } from '../action/message.js'
import type { Clock } from '../internal/clock.js'
import type { Given } from '../internal/type-tools.js'
import type { Logger } from '../lifecycle/logger.js'
import type { Persister } from '../persistence/persister.js'
import type { WirePath } from '../read/wire-path.js'
import type { HostEvent, HostHealth, HostRun, StartedRun } from './host-events.js'
import type { Hosted } from './hosted.js'

/** The state with which a run of a hosted graph starts. */
export type GraphStateOf<H> = H extends Hosted<infer State, infer _Inputs> ? State : never
/** The inputs that the actions of a hosted graph take. */
export type GraphInputsOf<H> = H extends Hosted<infer _State, infer Inputs> ? Inputs : never

/** Options of {@link createHost}. */
export interface HostOptions<Graphs> {
  /** The store of the runs, which other hosts may share. */
  readonly persister: Persister
  /** The graphs by name. Runs of other names are left to other hosts. */
  readonly graphs: Graphs
  /** Maximum number of runs at a time (default 16). More of them wait in the store. */
  readonly concurrency?: number
  /** Only runs of this partition. Default: of all. */
  readonly partitionKey?: string | null
  /** See `leaseMs` of an application. Default 30 000. */
  readonly leaseMs?: number
  /** Interval at which the store is asked for due runs, in milliseconds. Default 1 000. */
  readonly pollMs?: number
  /** Time that `drain` gives to runs, in milliseconds (default 10 000). */
  readonly drainMs?: number
  /** A run fails after its process has died this often in the same step (default 3). */
  readonly maxCrashes?: number
  /** Signals of the process at which the host drains. Default `['SIGTERM', 'SIGINT']`; `[]`: none. */
  readonly signals?: readonly string[]
  /** Maximum number of unread events of each reader before events of runs are dropped. Default 10 000. */
  readonly buffer?: number
  readonly logger?: Logger
  readonly clock?: Clock
}

/** Options of {@link Host.start}. */
export type StartOptions<H> = {
  /** Its id. Starting an id again changes nothing. Default: random. */
  readonly appId?: string
  /** Default null, or the partition of the host. */
  readonly partitionKey?: string | null
  readonly state: GraphStateOf<H>
  readonly labels?: Readonly<Record<string, string>>
  readonly title?: string
} & Given<GraphInputsOf<H>>

/** Identifies a run to a host. */
export interface RunRef {
  readonly runId: string
  /** Default null, or the partition of the host. */
  readonly partitionKey?: string | null
}

/** Identifies an application of a run to a host. */
export interface PlaceRef extends RunRef {
  /** Its path below the root, in any form: that of an open question fits. Default: the root. */
  readonly path?: string | Path | WirePath
}

/**
 * Runs stored applications in this process, together with other hosts on the same store.
 *
 * It starts what is given to it, resumes what was interrupted or whose process died, and wakes what is answered or due.
 */
export interface Host<Graphs> extends AsyncDisposable {
  /**
   * Stores a run, and runs it when a slot is free: here, or in another host.
   * @returns once the run is stored; with `created: false` when its id was stored before
   * @throws {TypeError} for an unknown name, and invalid options
   * @throws {PersistenceError} when the store is unavailable; the run may then be stored: start it again with the same id
   */
  start<N extends keyof Graphs & string>(name: N, options: StartOptions<Graphs[N]>): Promise<StartedRun>
  /** Sends a message from outside, wherever the run is; to the `path` of a question. @returns `queued` or `delivered`, or `dropped` for nobody */
  send(message: Message, ref: PlaceRef): Promise<Delivery>
  /**
   * Cancels a run for good, wherever it is.
   * @returns `requested` when another process holds it: that is asked to end it, at its next heartbeat at the latest
   */
  cancel(
    ref: PlaceRef & { readonly reason?: unknown },
  ): Promise<CancelAnswer | 'cancelled' | 'requested' | 'ended' | 'unknown'>
  /** Calls back for each event of a run while this host holds it. @returns a function that ends it */
  on(ref: RunRef, listener: (event: HostEvent) => void): () => void
  /**
   * What happens here, from the first read on, until the host is closed. Any number of readers; a slow one loses events of runs,
   * and gets `dropped`. Rejects with the reason of `signal`.
   */
  events(options?: { readonly signal?: AbortSignal }): AsyncIterableIterator<HostEvent>
  /** Its state now: what it holds, and its last look at the store. Asks the store nothing, and never throws. */
  health(): HostHealth
  /**
   * Takes nothing more, interrupts what is held, and waits until it is stored, at most `drainMs`. Other hosts resume it.
   * @returns the runs that did not end in time
   */
  drain(): Promise<readonly HostRun[]>
  /** Drains, and ends the readers of events. The persister stays open. */
  close(): Promise<void>
}
