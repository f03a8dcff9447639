import type { Hosted } from '../host/hosted.js'
import { messageOf } from '../internal/guards.js'
import type { Persister } from '../persistence/persister.js'
import type { EngineDriver, JobEnd } from './engine-driver.js'
import type { JobKind, KindSetup } from './job-kind.js'
import { counter, gauge } from './metrics.js'
import { checkRuns } from './run-settings.js'
import { type RunWorkerSettings, StoreRunWorker } from './run-worker.js'

// Owns: the whole applications of a worker that runs branches too.
// Does not own: how they run (run-worker.ts).
// U1  Runs have a queue of their own. A run waits for its branches, so on their queue it would hold a slot that they need.

/** The whole applications that a worker runs, besides branches. */
export interface WorkerRuns {
  /**
   * The graphs of whole applications, by name, as for `createHost`: runs of {@link createRunQueue} with these names. Default:
   * none, it runs branches only.
   */
  readonly graphs?: { readonly [name: string]: Hosted<object, object> }
  /** The store of the runs, the same one for all queues and workers. Needed with `graphs`. */
  readonly persister?: Persister
  /** Maximum number of runs at a time, besides `concurrency`. Default 16. */
  readonly runConcurrency?: number
  /** Length of the lease of a run, in milliseconds: after a kill, another worker takes it then. Default 30 000. */
  readonly leaseMs?: number
  /** Interval at which the store is asked for due runs that have no job, in milliseconds. Default 1 000. */
  readonly sweepMs?: number
  /** A run fails after its process has died this often in the same step. Default 3. */
  readonly maxCrashes?: number
}

export const WORKER_RUNS = 'graphs persister runConcurrency leaseMs sweepMs maxCrashes'

/** How long a job of a run in the queue of branches is left, in milliseconds. */
const AGAIN_MS = 1_000

/**
 * The runs of a worker, as a kind of its jobs.
 * @param driver the engine of the runs, with a queue of their own; undefined where there are none. Closed with the worker
 * @returns undefined without `graphs`
 * @throws {TypeError | RangeError} for invalid options
 */
export function kindOfRuns(
  { graphs, persister, runConcurrency, ...rest }: WorkerRuns,
  drainMs: number | undefined,
  driver: EngineDriver | undefined,
): ((setup: KindSetup) => JobKind) | undefined {
  if (graphs === undefined) {
    const orphan = Object.entries({ persister, runConcurrency, ...rest }).find(([, value]) => value !== undefined)?.[0]
    if (orphan !== undefined)
      throw new TypeError(`${orphan} of the worker needs graphs: it is about whole applications.`)
    return undefined
  }
  if (driver === undefined)
    throw new TypeError(
      'graphs of the worker need runDriver: an engine with a queue of its own for whole applications.',
    )
  if (persister === undefined)
    throw new TypeError(
      'graphs of the worker need persister: the store of their runs. Give postgresPersister({ url }).',
    )
  const given = { driver, persister, graphs, ...rest }
  checkRuns('The worker', { ...given, runConcurrency }, `driver ${WORKER_RUNS}`)
  const settings = { ...given, concurrency: runConcurrency, drainMs, signals: [] }
  return ({ logger }) => new RunKind(driver, () => new StoreRunWorker({ ...settings, logger } as RunWorkerSettings))
}

class RunKind implements JobKind {
  readonly kind = 'run'
  readonly #driver: EngineDriver
  readonly #start: () => StoreRunWorker
  #worker: StoreRunWorker | undefined

  constructor(driver: EngineDriver, start: () => StoreRunWorker) {
    this.#driver = driver
    this.#start = start
  }

  /** It begins at once, and tries again while its engine or its store is away. */
  async open(): Promise<void> {
    this.#worker = this.#start()
  }

  /** A job of a run in the queue of branches is left to a worker of another arrangement (U1). */
  run(): Promise<JobEnd> {
    return Promise.resolve({ againInMs: AGAIN_MS })
  }

  async beginDrain(): Promise<void> {
    void this.#worker?.drain()
  }

  async giveBack(): Promise<void> {
    await this.#worker?.drain()
  }

  fault(): string | undefined {
    const { status, error } = this.#worker?.health() ?? { status: 'ok', error: undefined }
    return status === 'unavailable' ? `Runs: ${messageOf(error)}` : undefined
  }

  metrics(): readonly string[] {
    const { running, concurrency } = this.#worker?.health() ?? { running: 0, concurrency: 0 }
    return [
      ...gauge('teasel_runs_running', 'Whole applications that run.', running),
      ...gauge('teasel_runs_concurrency', 'The most whole applications that run at a time.', concurrency),
      ...counter('teasel_runs_taken_total', 'Whole applications that were taken.', this.#worker?.taken ?? 0),
    ]
  }

  async close(): Promise<void> {
    await this.#worker?.close()
    await this.#driver.close()
  }
}
