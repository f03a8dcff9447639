import type { Executor } from '../../action/executor.js'
import { defined } from '../../internal/defined.js'
import { checkOptions } from '../../internal/options.js'
import { type JobExecutorOptions, jobExecutor } from '../../jobs/job-executor.js'
import { driverOf } from './bullmq-driver.js'
import { type BullmqDriverOptions, DRIVER_OPTIONS } from './bullmq-options.js'

/** Options of {@link bullmq}. */
export interface BullmqOptions extends BullmqDriverOptions, JobExecutorOptions {}

/**
 * An executor whose branches are jobs of BullMQ: workers on any machine take them, each made by {@link createWorker}.
 *
 * This process keeps what belongs to the branches, and stores what they do; workers need no store. A branch whose worker
 * dies goes on in another one from its last commit, `lockMs` + `stalledMs` later at the most. A stored application that goes
 * on in another process finds its jobs again: its store has to be one that other machines can open, such as PostgreSQL,
 * unless `requiresStore` is false.
 *
 * Closing it closes its connections. Jobs of stored applications stay.
 * @throws {TypeError} for an unknown option, or a connection that is none
 * @throws {RangeError} with every invalid option
 *
 * @example
 * ```ts no-run
 * await using executor = bullmq({ connection: 'redis://127.0.0.1:6379', queue: 'support' })
 * console.log(executor.name) // bullmq support
 * ```
 */
export function bullmq(options: BullmqOptions): Executor {
  checkOptions('bullmq', options, `${DRIVER_OPTIONS} sweepMs logger requiresStore maxDeliveries maxFrameBytes`)
  const { sweepMs, logger, requiresStore, maxDeliveries, maxFrameBytes, ...driver } = options
  const rest = { sweepMs, logger, requiresStore, maxDeliveries, maxFrameBytes }
  return jobExecutor(driverOf('bullmq', driver), defined(rest))
}
