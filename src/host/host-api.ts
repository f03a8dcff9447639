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
  /**
   * Length of the lease of a run, in milliseconds (default 30 000): after a kill, another host takes it when that is over.
   * It is renewed each third.
   */
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
  /** For faults of the host, and for applications whose graph gives none. Default: of warnings and errors, the console. */
  readonly logger?: Logger
  /** For intervals and for applications; what is due is decided by the clock of the store. For tests. */
  readonly clock?: Clock
}

/** Options of {@link Host.start}. */
export type StartOptions<H> = {
  /** Its id. Starting an id again changes nothing. Default: random. */
  readonly appId?: string | undefined
  /** Default null, or the partition of the host. */
  readonly partitionKey?: string | null | undefined
  /** The initial state: the keys that the entrypoint reads, and more if you like. */
  readonly state: GraphStateOf<H>
  /** Key and value, by which lists find the run. Stored without the state. Default: none. */
  readonly labels?: Readonly<Record<string, string>> | undefined
  /** A text for people, in lists and inboxes. Default: none. */
  readonly title?: string | undefined
} & Given<GraphInputsOf<H>>

/** Identifies a run to a host. */
export interface RunRef {
  readonly runId: string
  /** Default null, or the partition of the host. */
  readonly partitionKey?: string | null | undefined
}

/** Identifies an application of a run to a host. */
export interface PlaceRef extends RunRef {
  /** Its path below the root, in any form: that of an open question fits. Default: the root. */
  readonly path?: string | Path | WirePath | undefined
}

/**
 * Runs stored applications in this process, together with other hosts on the same store.
 *
 * It starts what is given to it, resumes what was interrupted or whose process died, and wakes what is answered or due.
 */
export interface Host<Graphs> extends AsyncDisposable {
  /** The store of its runs. */
  readonly persister: Persister
  /** Its graphs by name. */
  readonly graphs: Graphs
  /**
   * Stores a run, and runs it when a slot is free: here, or in another host.
   * @returns once the run is stored; with `created: false` when its id was stored before
   * @throws {TypeError} for an unknown name, for invalid options, and once the host drains: see {@link Host.health}
   * @throws {ContractError | GraphError} for a state that does not fit, or lacks a key; nothing is stored then. Inputs are
   * checked by the action that takes them.
   * @throws {PersistenceError} when the store is unavailable; the run may then be stored: start it again with the same id
   */
  start<N extends keyof Graphs & string>(name: N, options: StartOptions<Graphs[N]>): Promise<StartedRun>
  /**
   * Sends a message from outside, wherever the run is; to the `path` of a question.
   * @returns `delivered` to an action that waits here; `queued` here or in the store, until an action asks for its kind;
   * `dropped`: there is no such run or path, or it has ended; `refused`: 1 000 messages are queued there
   * @throws {PersistenceError} when the store is unavailable: send it again
   */
  send(message: Message, ref: PlaceRef): Promise<Delivery>
  /**
   * Cancels a run for good, wherever it is. With a `path` it cancels a branch, with a `map` a map of the run or of that
   * branch, if this host holds the run.
   * @param ref `reason`: stored with the cancel, and the reason of the signals below
   * @returns `cancelled`: it has ended, or ends now; `requested`: another process holds it, and ends it at its next
   * heartbeat at the latest; `ended` or `settled`: it had ended before; `unknown`: there is no such run or path
   * @throws {PersistenceError} when the store is unavailable: the run goes on when it is back. Cancel it again
   */
  cancel(
    ref: PlaceRef & { readonly map?: string; readonly reason?: unknown },
  ): Promise<CancelAnswer | 'cancelled' | 'requested' | 'ended' | 'unknown'>
  /**
   * Runs a run again that has failed or halted, at the step after its last one; done branches stay done. It takes a slot at
   * once. A run that was interrupted is taken without it.
   * @returns `resumed`; `held` while this host or another process has it; `ended` when it has finished or was cancelled for
   * good; `unknown` when nothing is stored
   * @throws {TypeError} for a run of a graph that this host lacks, and once the host drains
   * @throws {PersistenceError | SnapshotError} when the store is unavailable, or this code cannot resume the run
   */
  resume(ref: RunRef): Promise<'resumed' | 'held' | 'ended' | 'unknown'>
  /**
   * Calls back, in turn, for each event of a run while this host holds it. A listener that throws is logged.
   * @returns a function that ends it
   */
  on(ref: RunRef, listener: (event: HostEvent) => void): () => void
  /**
   * What happens here, from the first read on, until the host is closed. Any number of readers; a slow one loses events
   * of runs, and gets `dropped`. Leaving it ends no run.
   * @throws the reason of `signal`, once that aborts
   */
  events(options?: { readonly signal?: AbortSignal }): AsyncIterableIterator<HostEvent>
  /** Its state now: what it holds, and its last look at the store. Asks the store nothing, and never throws. */
  health(): HostHealth
  /**
   * Takes nothing more, interrupts what is held, and waits until it is stored, at most `drainMs`. Other hosts resume it.
   * Never rejects; a second call is the same one. `send` and `cancel` still work, by the store.
   * @returns the runs that did not end in time
   */
  drain(): Promise<readonly HostRun[]>
  /** Drains, and ends the readers of events. The persister stays open. */
  close(): Promise<void>
}
