import { checkOptions } from '../../internal/options.js'
import type { EngineDriver } from '../../jobs/engine-driver.js'
import { assertEngine } from '../../jobs/job-executor.js'
import { type JobWorker, type JobWorkerOptions, startWorker, WORKER_OPTIONS } from '../../jobs/job-worker.js'

/** Options of {@link createJobWorker}. */
export interface CreateJobWorkerOptions extends JobWorkerOptions {
  /** The engine whose jobs it takes. Closing the worker closes it. */
  readonly driver: EngineDriver
}

/**
 * Starts a worker: it takes jobs of an engine, and runs their branches from the registries that it is given.
 *
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
  checkOptions('createJobWorker', options, `driver ${WORKER_OPTIONS}`)
  const { driver, ...rest } = options
  assertEngine('createJobWorker', driver)
  return startWorker(driver, rest)
}
