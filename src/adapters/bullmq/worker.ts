import { defined } from '../../internal/defined.js'
import { checkOptions } from '../../internal/options.js'
import { type JobWorker, WORKER_OPTIONS } from '../../jobs/job-worker.js'
import { WORKER_RUNS } from '../../jobs/run-kind.js'
import { type CreateJobWorkerOptions, createJobWorker } from '../jobs/job-worker.js'
import { driverOf } from './bullmq-driver.js'
import type { BullmqDriverOptions } from './bullmq-options.js'
import { assertSharedRuns, runsBeside } from './runs.js'

/** Options of {@link createWorker}. */
export interface BullmqWorkerOptions
  extends Omit<BullmqDriverOptions, 'concurrency'>,
    Omit<CreateJobWorkerOptions, 'driver' | 'runDriver'> {
  /** Whether the store of its runs has to be one that other machines can open. Default true. */
  readonly requiresStore?: boolean
}

const OWN_OPTIONS = 'connection queue prefix lockMs stalledMs timeoutMs requiresStore'

/**
 * Starts a worker: it takes the jobs of a queue of BullMQ, and runs their branches from the registries that it is given.
 * Give it the same `connection`, `queue` and `prefix` as {@link bullmq}.
 *
 * With `graphs` and a `persister` it also runs whole applications, of {@link createRunQueue}.
 *
 * Any number of workers share the jobs, on any number of machines. Code that calculates for longer than `lockMs` loses its
 * job: `isolation: 'thread'` runs branches in threads. `health`, `metrics` and `handler` are for the platform that runs it.
 * @throws {TypeError} for an unknown option, a connection that is none, or a store of runs that other machines cannot
 * open, unless `requiresStore` is false
 * @throws {RangeError} with every invalid option
 *
 * @example
 * ```ts no-run
 * const worker = createWorker({
 *   connection: 'redis://127.0.0.1:6379',
 *   queue: 'support',
 *   registries: [registry],
 *   concurrency: 16,
 *   signals: ['SIGTERM'], // then it drains
 * })
 * await worker.closed
 * ```
 */
export function createWorker(options: BullmqWorkerOptions): JobWorker {
  checkOptions('createWorker', options, `${OWN_OPTIONS} isolation pool ${WORKER_OPTIONS} ${WORKER_RUNS}`)
  const { connection, queue, prefix, lockMs, stalledMs, timeoutMs, requiresStore, ...worker } = options
  assertSharedRuns('createWorker', worker.persister, requiresStore)
  const driver = driverOf('createWorker', { connection, ...defined({ queue, prefix, lockMs, stalledMs, timeoutMs }) })
  if (worker.graphs === undefined) return createJobWorker({ ...worker, driver })
  const beside = defined({ prefix, lockMs, stalledMs, timeoutMs })
  const runDriver = driverOf('createWorker', { connection, queue: runsBeside(queue), ...beside })
  return createJobWorker({ ...worker, driver, runDriver })
}
