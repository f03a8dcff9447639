import type { Hosted } from '../../host/hosted.js'
import { defined } from '../../internal/defined.js'
import { checkOptions } from '../../internal/options.js'
import { startRunQueue } from '../../jobs/run-queue.js'
import type { RunQueue, RunQueueOptions } from '../../jobs/run-queue-api.js'
import type { Persister } from '../../persistence/persister.js'
import { driverOf } from './bullmq-driver.js'
import type { BullmqDriverOptions } from './bullmq-options.js'

// Owns: the queue of whole applications beside a queue of branches.

/** Options of {@link createRunQueue}. */
export interface BullmqRunQueueOptions<Graphs>
  extends Pick<BullmqDriverOptions, 'connection' | 'queue' | 'prefix' | 'timeoutMs'>,
    Omit<RunQueueOptions<Graphs>, 'driver'> {
  /** Whether the store has to be one that other machines can open. Default true. */
  readonly requiresStore?: boolean
}

/** @throws {TypeError} for a store that workers on other machines cannot open, unless that is not required */
export function assertSharedRuns(subject: string, persister: Persister | undefined, requiresStore = true): void {
  if (!requiresStore || persister?.driver === undefined || persister.driver.shared === true) return
  throw new TypeError(
    `${subject}: other machines cannot open the store "${persister.name}", so their workers do not find its runs. Give persister: postgresPersister({ url }) or redisPersister({ connection }); or requiresStore: false, when all workers open the same store on this machine.`,
  )
}

/** The queue of whole applications beside a queue of branches: a run holds no slot that its branches need. */
export const runsBeside = (queue = 'teasel'): string => `${queue}.runs`

/**
 * Makes a queue of whole applications over BullMQ: any process starts runs with it, and the workers of
 * {@link createWorker} with the same `graphs` run them, on any machine. Give it the same `connection`, `queue`, `prefix`
 * and store as those.
 *
 * It takes the same `graphs` as `createHost`. The store is the truth: a run that was accepted is not lost with Redis.
 * Closing it closes its connections. The persister stays open.
 * @throws {TypeError | RangeError} for invalid options, and for a store that other machines cannot open, unless
 * `requiresStore` is false
 *
 * @example
 * ```ts no-run
 * await using queue = createRunQueue({ connection: 'redis://127.0.0.1:6379', queue: 'support', persister, graphs })
 * await queue.enqueueRun('refunds', { appId: 'order-7', state: { order: '7' } })
 * const { status } = await queue.attach('order-7').outcome
 * ```
 */
export function createRunQueue<
  const G extends { readonly [name: string]: Hosted<object, object> } = Record<never, never>,
>(options: BullmqRunQueueOptions<G>): RunQueue<G> {
  checkOptions(
    'createRunQueue',
    options,
    'connection queue prefix timeoutMs persister graphs pollMs logger clock requiresStore',
  )
  const { connection, queue, prefix, timeoutMs, requiresStore, ...rest } = options
  assertSharedRuns('createRunQueue', rest.persister, requiresStore)
  const driver = driverOf('createRunQueue', { connection, queue: runsBeside(queue), ...defined({ prefix, timeoutMs }) })
  return startRunQueue({ ...rest, driver }, () => driver.close())
}
