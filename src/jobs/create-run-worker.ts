import type { HostEvent, HostHealth, HostRun } from '../host/host-events.js'
import type { Hosted } from '../host/hosted.js'
import type { Clock } from '../internal/clock.js'
import type { Logger } from '../lifecycle/logger.js'
import type { Persister } from '../persistence/persister.js'
import type { EngineDriver } from './engine-driver.js'
import { checkRuns } from './run-settings.js'
import { type RunWorkerSettings, StoreRunWorker } from './run-worker.js'

/** Options of {@link createRunWorker}. */
export interface RunWorkerOptions {
  /** The engine of the jobs: the queue that {@link createRunQueue} has. */
  readonly driver: EngineDriver
  /** The store of the runs, the same one for all queues and workers. */
  readonly persister: Persister
  /** The graphs by name, as for a host. Runs of other names are left to other workers. */
  readonly graphs: { readonly [name: string]: Hosted<object, object> }
  /** Maximum number of runs at a time (default 16). */
  readonly concurrency?: number
  /**
   * Length of the lease of a run, in milliseconds (default 30 000): after a kill, another worker takes it when that is
   * over. It is renewed each third.
   */
  readonly leaseMs?: number
  /** Interval at which the store is asked for due runs that have no job, in milliseconds. Default 1 000. */
  readonly sweepMs?: number
  /** Time that `drain` gives to runs, in milliseconds (default 10 000). */
  readonly drainMs?: number
  /** A run fails after its process has died this often in the same step (default 3). */
  readonly maxCrashes?: number
  /** Signals of the process at which the worker drains. Default `['SIGTERM', 'SIGINT']`; `[]`: none. */
  readonly signals?: readonly string[]
  /** Number of events of each run that are kept for readers elsewhere. Default 1 000. */
  readonly buffer?: number
  /** For faults of the worker, and for applications whose graph gives none. Default: of warnings and errors, the console. */
  readonly logger?: Logger
  /** For intervals and for applications; what is due is decided by the clock of the store. For tests. */
  readonly clock?: Clock
}

/** Runs whole applications that a {@link RunQueue} has started, together with other workers. */
export interface RunWorker extends AsyncDisposable {
  /**
   * What happens here, from the first read on, until the worker is closed. Any number of readers; a slow one loses events
   * of runs, and gets `dropped`. Leaving it ends no run.
   * @throws the reason of `signal`, once that aborts
   */
  events(options?: { readonly signal?: AbortSignal }): AsyncIterableIterator<HostEvent>
  /** Its state now: what it holds, and its last sweep. Asks nothing, and never throws. */
  health(): HostHealth
  /**
   * Takes nothing more, interrupts what it holds, gives its jobs back at once, and waits until that is stored, at most
   * `drainMs`. Other workers resume the runs. Never rejects; a second call is the same one.
   * @returns the runs that did not end in time
   */
  drain(): Promise<readonly HostRun[]>
  /** Drains, and ends the readers of events. The driver and the persister stay open. */
  close(): Promise<void>
}

/**
 * Makes a worker that runs whole applications, from the queue of {@link createRunQueue}. It begins at once.
 *
 * It takes the same `graphs` as `createHost`. The store is the truth and a job is an invitation: a run goes on from its
 * last commit in another worker when the process of this one dies, is claimed by one worker at a time, and is found
 * again by a sweep when its job is lost. Runs have a queue of their own: on the queue of their branches they would hold
 * the slots that those need. A run has the thread of its worker; actions that compute for long belong to an executor.
 * @throws {TypeError | RangeError} for invalid options
 *
 * @example
 * ```ts
 * const engine = memoryEngine() // in place of an engine for several machines
 * const kit = defineState<{ n: number }>()
 * const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
 * const graphs = { sums: hosted(kit.graph({ actions: { add } }), { entrypoint: 'add' }) }
 * await using worker = createRunWorker({ driver: engine.connect(), persister: memoryPersister(), graphs })
 * worker.health().running // 0
 * ```
 */
export function createRunWorker(options: RunWorkerOptions): RunWorker {
  checkRuns(
    'createRunWorker',
    options,
    'driver persister graphs concurrency leaseMs sweepMs drainMs maxCrashes signals buffer logger clock',
  )
  return new StoreRunWorker(options as unknown as RunWorkerSettings)
}
