import type { Executor } from '../action/executor.js'
import { systemClock } from '../internal/clock.js'
import { defined } from '../internal/defined.js'
import { describeValue } from '../internal/guards.js'
import { checkOptions } from '../internal/options.js'
import { consoleLogger, type Logger, safeLogger } from '../lifecycle/logger.js'
import { createExecutor, type ExecutorOptions } from '../remote/create-executor.js'
import type { EngineDriver } from './engine-driver.js'
import { JobDriver } from './job-driver.js'

/** Options of {@link jobExecutor}. */
export interface JobExecutorOptions extends ExecutorOptions {
  /**
   * How often the jobs of branches that have not ended are looked up in the engine, milliseconds. Texts of an engine may
   * be lost; this finds out. A number above 0. Default 500.
   */
  readonly sweepMs?: number
  /** Gets a warning when the engine cannot be reached. Default: warnings and errors on the console. */
  readonly logger?: Logger
}

/**
 * An executor whose branches are jobs of an engine, such as BullMQ: workers on any machine take them, each made by
 * `createJobWorker`. A runnable has to be in a registry that the workers are given.
 *
 * This process keeps what belongs to the branches: their journals, their messages, their retries. A worker never opens the
 * store. It asks for the branch of a job that it has taken, and this process grants it to one worker at a time, so a worker
 * that has lost its job cannot commit anything. A branch whose worker is lost goes on in another one from its last commit.
 * A stored application that goes on in another process finds its jobs again: an application that uses this executor needs a
 * store that other machines can open, such as PostgreSQL, unless `requiresStore` is false or its maps have `persister: null`.
 *
 * Closing it closes the driver.
 * @throws {TypeError} for a value that is no driver, or an unknown option
 * @throws {RangeError} for an invalid number
 *
 * @example
 * ```ts
 * const engine = memoryEngine() // in place of an engine for several machines
 * await using executor = jobExecutor(engine.connect(), { requiresStore: false })
 * console.log(executor.name) // memory
 * ```
 */
export function jobExecutor(driver: EngineDriver, options: JobExecutorOptions = {}): Executor {
  assertEngine('jobExecutor', driver)
  checkOptions('jobExecutor', options, 'maxDeliveries maxFrameBytes requiresStore sweepMs logger')
  const { sweepMs, logger = consoleLogger, maxDeliveries, maxFrameBytes, requiresStore } = options
  if (sweepMs !== undefined && !(typeof sweepMs === 'number' && sweepMs > 0 && sweepMs < Number.POSITIVE_INFINITY))
    throw new RangeError(`sweepMs is ${describeValue(sweepMs)}; it takes milliseconds, a number above 0.`)
  const jobs = new JobDriver(driver, { sweepMs, clock: systemClock, logger: safeLogger(logger) })
  return createExecutor(jobs, defined({ maxDeliveries, maxFrameBytes, requiresStore }))
}

/** @throws {TypeError} for a value that is no driver of an engine */
export function assertEngine(subject: string, driver: EngineDriver): void {
  if (typeof driver?.enqueue === 'function' && typeof driver.consume === 'function') return
  throw new TypeError(
    `${subject} takes the driver of an engine, { name, enqueue, lookup, … }, not ${describeValue(driver)}.`,
  )
}
