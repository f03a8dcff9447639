import type { ExecutorDriver } from '../../executor/driver.js'
import { isRegistry, type Registry } from '../../executor/registry.js'
import { defined } from '../../internal/defined.js'
import { describeValue } from '../../internal/guards.js'
import { list } from '../../internal/nearest.js'
import { checkOptions } from '../../internal/options.js'
import type { EngineDriver } from '../../jobs/engine-driver.js'
import { assertEngine } from '../../jobs/job-executor.js'
import { type JobWorker, type JobWorkerOptions, startWorker, WORKER_OPTIONS } from '../../jobs/job-worker.js'
import { kindOfRuns, WORKER_RUNS, type WorkerRuns } from '../../jobs/run-kind.js'
import type { PoolOptions } from '../../pool/pool-options.js'
import { processPool } from '../processes/processes.js'
import { threadPool } from '../threads/threads.js'
import { defaultWorkers } from '../worker/surroundings.js'

/** The threads or processes of a worker. */
export type IsolationPool = Omit<PoolOptions, 'concurrency' | 'maxDeliveries' | 'maxFrameBytes'>

/** Where a worker runs its branches. */
export interface IsolationOptions {
  /**
   * Where branches run: `'inline'` in the process of the worker; `'thread'` and `'process'` in threads or processes that it
   * starts, so that code that calculates does not cost it its jobs, and can be ended. Each registry then needs a `module`.
   * Default `'inline'`.
   */
  readonly isolation?: 'inline' | 'thread' | 'process'
  /** The threads or processes. Default: as many as leave one processor free, with room for all jobs. */
  readonly pool?: IsolationPool
}

/** Options of {@link createJobWorker}. */
export interface CreateJobWorkerOptions extends JobWorkerOptions, IsolationOptions, WorkerRuns {
  /** The engine whose jobs it takes. Closing the worker closes it. */
  readonly driver: EngineDriver
  /** The engine of whole applications, with a queue of its own. Needed with `graphs`. Closing the worker closes it. */
  readonly runDriver?: EngineDriver
}

/**
 * Starts a worker: it takes jobs of an engine, and runs their branches from the registries that it is given.
 *
 * It needs no store: the owner of a branch, the process with the application, grants it, and stores what it does. Any number
 * of workers share the jobs. One that is lost costs no branch: each goes on in another worker from its last commit. With
 * `graphs` it also runs whole applications, and those have a store: see {@link createRunQueue}.
 * `handler` and `fetch` answer `/healthz` and `/metrics`.
 * @throws {TypeError} for an unknown option, or a value that is no driver
 * @throws {RangeError} with every invalid option
 *
 * @example
 * ```ts
 * const engine = memoryEngine() // in place of an engine for several machines
 * const kit = defineState<{ text: string; words: number }>()
 * const count = kit.action({
 *   reads: ['text'],
 *   writes: ['words'],
 *   run: ({ state }) => ({ words: state.text.split(' ').length }),
 * })
 * const registry = defineRegistry({ name: 'texts', graphs: { count } })
 * await using worker = createJobWorker({ driver: engine.connect(), registries: [registry], concurrency: 8 })
 * await worker.ready
 * console.log((await worker.health()).status) // ready
 * ```
 */
export function createJobWorker(options: CreateJobWorkerOptions): JobWorker {
  checkOptions('createJobWorker', options, `driver runDriver isolation pool ${WORKER_OPTIONS} ${WORKER_RUNS}`)
  const { driver, runDriver, isolation, pool, ...both } = options
  const { graphs, persister, runConcurrency, leaseMs, sweepMs, maxCrashes, ...rest } = both
  assertEngine('createJobWorker', driver)
  const runs = defined({ graphs, persister, runConcurrency, leaseMs, sweepMs, maxCrashes })
  const kind = kindOfRuns(runs, rest.drainMs, runDriver)
  return startWorker(driver, rest, { place: placeOf({ isolation, pool }, rest), kinds: kind && [kind] })
}

/**
 * The place where a worker runs its branches.
 * @returns undefined for its own process
 * @throws {RangeError} for options that do not fit
 */
function placeOf(
  { isolation = 'inline', pool = {} }: { readonly [K in keyof IsolationOptions]: IsolationOptions[K] | undefined },
  { registries = [], concurrency = 32 }: JobWorkerOptions,
): ExecutorDriver | undefined {
  if (!['inline', 'thread', 'process'].includes(isolation))
    throw new RangeError(
      `isolation of the worker is ${describeValue(isolation)}; it takes 'inline', 'thread' or 'process'.`,
    )
  if (isolation === 'inline') return undefined
  assertModules(isolation, registries)
  const { workers = defaultWorkers() } = pool
  const tasksPerWorker = Math.max(1, Math.ceil(concurrency / Math.max(1, workers)))
  const options = { workers, tasksPerWorker, ...pool }
  return isolation === 'thread' ? threadPool('pool', options) : processPool('pool', options)
}

function assertModules(isolation: string, registries: readonly Registry[]): void {
  const without = registries.filter((one) => isRegistry(one) && one.module === undefined).map(({ name }) => name)
  if (without.length === 0) return
  throw new RangeError(
    `isolation: '${isolation}' loads registries by their modules, and ${list(without)} ${without.length === 1 ? 'has' : 'have'} none. Add module: import.meta.url to defineRegistry.`,
  )
}
