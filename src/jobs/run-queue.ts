import type { StartedRun } from '../host/host-events.js'
import type { Hosted } from '../host/hosted.js'
import { storeRun } from '../host/open-run.js'
import { type Clock, systemClock } from '../internal/clock.js'
import { describeValue } from '../internal/guards.js'
import { createId } from '../internal/ids.js'
import { checkOptions } from '../internal/options.js'
import { consoleLogger, type Logger, safeLogger } from '../lifecycle/logger.js'
import { type AttachSettings, StoredRunView } from './attached-run.js'
import { jobOf } from './run-jobs.js'
import type { AttachedRun, EnqueueOptions, RunQueue, RunQueueOptions } from './run-queue-api.js'
import type { RunReading } from './run-reading.js'
import { checkRuns } from './run-settings.js'
import { heard } from './run-texts.js'

// Owns: starting runs that workers take.
// Q1  A run is stored before its job: what was accepted is not lost. A job that cannot be enqueued is left to the sweep
//     of a worker.
// Q2  Enqueueing an id again starts nothing, and enqueues a job if the run is due: one that was lost is repaired.

type Graphs = Readonly<Record<string, Hosted>>

class StoreRunQueue implements RunQueue<Graphs> {
  readonly #options: RunQueueOptions<Graphs>
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #channel = `reader ${createId()}`
  readonly #readings = new Map<string, RunReading>()
  readonly #attached = new Set<AttachedRun>()
  #listening: Promise<(() => Promise<void>) | undefined> | undefined
  /** Texts are read in their order, large ones too. */
  #hearing = Promise.resolve()
  readonly #onClosed: () => Promise<void>
  #closed: Promise<void> | undefined

  /** @param closed called once it is closed */
  constructor(options: RunQueueOptions<Graphs>, closed: () => Promise<void>) {
    this.#options = options
    this.#onClosed = closed
    this.#clock = options.clock ?? systemClock
    this.#logger = safeLogger(options.logger ?? consoleLogger)
  }

  async enqueueRun(name: string, options: EnqueueOptions<Hosted>): Promise<StartedRun> {
    checkOptions('enqueueRun', options, 'appId partitionKey state labels title inputs delayMs priority')
    if (this.#closed !== undefined) throw new TypeError('The queue of runs is closed. Make another one.')
    const { delayMs = 0, priority, partitionKey = null, ...start } = options
    checkNumbers(delayMs, priority)
    const { persister, graphs = {}, pollMs } = this.#options
    const opening = { persister, graphs, pollMs, logger: this.#logger, clock: this.#clock }
    const at = delayMs > 0 ? this.#clock.now() + delayMs : undefined
    const about = { partitionKey, keepsLease: false, at, priority }
    const { run, app } = await storeRun(opening, name, start, about)
    await app?.[Symbol.asyncDispose]()
    await this.#enqueue(run.runId, partitionKey)
    return { ...run, created: app !== undefined }
  }

  /** Enqueues the job that a stored run needs (Q1). */
  async #enqueue(rootId: string, partitionKey: string | null): Promise<void> {
    const { driver, persister } = this.#options
    try {
      const run = await persister.driver.find({ partitionKey, rootId })
      const job = run && jobOf(run, this.#clock.now())
      if (job !== undefined) await driver.enqueue([job])
    } catch (error) {
      this.#logger.warn(
        `Run "${rootId}" is stored, but its job could not be enqueued: a worker finds it by its sweep.`,
        error,
      )
    }
  }

  attach(appId: string, options: { readonly partitionKey?: string | null } = {}): AttachedRun {
    checkOptions('attach', options, 'partitionKey')
    if (typeof appId !== 'string') throw new TypeError(`appId is ${describeValue(appId)}. It takes the id of a run.`)
    if (this.#closed !== undefined) throw new TypeError('The queue of runs is closed. Make another one.')
    const { driver, persister, pollMs = 1_000 } = this.#options
    const settings: AttachSettings = {
      driver,
      persister,
      clock: this.#clock,
      pollMs,
      channel: this.#channel,
      receive: (reading) => this.#receive(reading),
      closed: (run) => void this.#attached.delete(run),
    }
    const run = new StoredRunView({ partitionKey: options.partitionKey ?? null, rootId: appId }, settings)
    this.#attached.add(run)
    return run
  }

  async #receive(reading: RunReading): Promise<() => void> {
    const { driver } = this.#options
    this.#readings.set(reading.id, reading)
    const heardNext = (text: string): void => {
      this.#hearing = this.#hearing.then(() => this.#heard(text))
    }
    this.#listening ??= driver.listen(this.#channel, heardNext).catch(() => {
      this.#listening = undefined // the next reader tries again
      return undefined
    })
    await this.#listening
    return () => void this.#readings.delete(reading.id)
  }

  /** Never rejects. */
  async #heard(text: string): Promise<void> {
    const told = await heard(this.#options.driver, text)
    if (told !== undefined && 'lost' in told) this.#readings.get(told.reader)?.got(told)
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#attached].map((run) => run.close()))
    const unlisten = await this.#listening
    await unlisten?.().catch(() => {})
    await this.#onClosed()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

const MOST_PRIORITY = 2_097_152

/** @throws {RangeError} for a delay or a priority that is none */
function checkNumbers(delayMs: unknown, priority: unknown): void {
  if (typeof delayMs !== 'number' || !Number.isFinite(delayMs) || delayMs < 0)
    throw new RangeError(`delayMs is ${describeValue(delayMs)}; it takes milliseconds, 0 or more.`)
  const isPriority = Number.isInteger(priority) && (priority as number) >= 1 && (priority as number) <= MOST_PRIORITY
  if (priority !== undefined && !isPriority)
    throw new RangeError(
      `priority is ${describeValue(priority)}; it takes a whole number from 1 to ${MOST_PRIORITY}. Lower ones come first.`,
    )
}

/**
 * Makes a queue of runs: any process starts runs with it, and workers on other machines run them: see
 * {@link createRunWorker}.
 *
 * It takes the same `graphs` as `createHost`. A host runs in the process that starts runs, over the store alone; a queue
 * leaves them to workers, over an engine of jobs that starts them at once, by priority, on as many machines as you like.
 * @throws {TypeError | RangeError} for invalid options
 *
 * @example
 * ```ts
 * const engine = memoryEngine() // in place of an engine for several machines
 * const persister = memoryPersister() // in place of a store for several machines
 * const kit = defineState<{ order: string; refunded: boolean }>()
 * const refund = kit.action({ reads: ['order'], writes: ['refunded'], run: () => ({ refunded: true }) })
 * const graphs = { refunds: hosted(kit.graph({ actions: { refund } }), { entrypoint: 'refund' }) }
 * await using worker = createRunWorker({ driver: engine.connect(), persister, graphs })
 * await using queue = createRunQueue({ driver: engine.connect(), persister, graphs })
 * await queue.enqueueRun('refunds', { appId: 'order-7', state: { order: '7' }, priority: 1 })
 * const end = await queue.attach('order-7').outcome
 * end.status // 'finished'
 * ```
 */
export function createRunQueue<
  const G extends { readonly [name: string]: Hosted<object, object> } = Record<never, never>,
>(options: RunQueueOptions<G>): RunQueue<G> {
  return startRunQueue(options)
}

/** The same. @param closed called once it is closed */
export function startRunQueue<G>(
  options: RunQueueOptions<G>,
  closed: () => Promise<void> = () => Promise.resolve(),
): RunQueue<G> {
  checkRuns('createRunQueue', options, 'driver persister graphs pollMs logger clock')
  return new StoreRunQueue(options as unknown as RunQueueOptions<Graphs>, closed) as unknown as RunQueue<G>
}

/**
 * Stores a run, then enqueues its job: {@link RunQueue.enqueueRun} as a function.
 *
 * @example
 * ```ts
 * const kit = defineState<{ n: number }>()
 * const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
 * const graphs = { sums: hosted(kit.graph({ actions: { add } }), { entrypoint: 'add' }) }
 * const queue = createRunQueue({ driver: memoryEngine().connect(), persister: memoryPersister(), graphs })
 * const { created } = await enqueueRun(queue, 'sums', { appId: 'sum-1', state: { n: 1 }, delayMs: 60_000 })
 * created // true
 * ```
 */
export function enqueueRun<G, N extends keyof G & string>(
  queue: RunQueue<G>,
  name: N,
  options: EnqueueOptions<G[N]>,
): Promise<StartedRun> {
  return queue.enqueueRun(name, options)
}

/**
 * A run of a queue, whichever process started it: {@link RunQueue.attach} as a function.
 *
 * @example
 * ```ts
 * const queue = createRunQueue({ driver: memoryEngine().connect(), persister: memoryPersister() })
 * const run = attach(queue, 'order-7')
 * await run.cancel({ reason: 'withdrawn' }) // 'unknown'
 * ```
 */
export function attach(
  queue: Pick<RunQueue<unknown>, 'attach'>,
  appId: string,
  options?: { readonly partitionKey?: string | null },
): AttachedRun {
  return queue.attach(appId, options)
}
