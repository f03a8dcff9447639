import type { ExecutorDriver } from '../executor/driver.js'
import { isRegistry, type Registry } from '../executor/registry.js'
import { within } from '../host/service.js'
import { type Clock, systemClock } from '../internal/clock.js'
import { createDeferred } from '../internal/deferred.js'
import { describeValue, messageOf } from '../internal/guards.js'
import { createId } from '../internal/ids.js'
import { onSignal } from '../internal/platform.js'
import { consoleLogger, type Logger, safeLogger } from '../lifecycle/logger.js'
import { BranchJobs } from './branch-jobs.js'
import type { EngineDriver, JobConsumer, JobEnd, TakenJob } from './engine-driver.js'
import { type HttpRequest, type HttpResponse, respond, responseTo, type WorkerHealth } from './http-handler.js'
import { InlinePlace } from './inline-place.js'
import { readJob } from './job-data.js'
import type { JobKind, KindSetup } from './job-kind.js'
import { counter, gauge } from './metrics.js'
import { Slots } from './slots.js'

// Owns: the life of one worker: what it takes, its drain, its end.
// Does not own: what jobs do (branch-jobs.ts, and one part for each further kind).
// W1  A worker that drains takes no more jobs. What has not ended after `drainMs` goes to other workers.
// W2  A job of an unknown kind is left to other workers.

/** How long until another worker may have a look at a job, milliseconds. */
const UNKNOWN_MS = 1_000

/** Options of {@link createJobWorker}, for any place where branches run. */
export interface JobWorkerOptions {
  /** The registries whose branches it runs. A worker leaves other branches to other workers. */
  readonly registries?: readonly Registry[]
  /**
   * The most jobs that run at a time, a whole number above 0. One that waits for a message, or for jobs of its own, is not
   * counted; in threads and processes one that waits for jobs of its own is. Default 32.
   */
  readonly concurrency?: number
  /**
   * A branch whose code this worker lacks, or has in another build: `'wait'` leaves it to other workers, as a rolling
   * deployment needs; `'fail'` fails it with an error that shows the difference. Default `'wait'`.
   */
  readonly mismatch?: 'wait' | 'fail'
  /** How long a drain waits for jobs that run, milliseconds, before they go to other workers. Default 10 000. */
  readonly drainMs?: number
  /** Signals of the process at which it drains, and then closes. Default: none. */
  readonly signals?: readonly string[]
  /** How long an owner may be silent before its branches are stopped here, milliseconds. Default 60 000. */
  readonly orphanMs?: number
  /** Default: warnings and errors on the console. */
  readonly logger?: Logger
}

export const WORKER_OPTIONS = 'registries concurrency mismatch drainMs signals orphanMs logger'

/** A worker of an engine of jobs. */
export interface JobWorker extends AsyncDisposable {
  /** Its id. */
  readonly id: string
  /** Resolves when it takes jobs; rejects where the engine cannot be reached. */
  readonly ready: Promise<void>
  /** Resolves when it has closed. */
  readonly closed: Promise<void>
  /** Whether it works; asks the engine, for at most a second. Never rejects. */
  health(): Promise<WorkerHealth>
  /** Its figures, in the text format of Prometheus. */
  metrics(): string
  /** Answers `/healthz` and `/metrics`: `createServer(worker.handler).listen(9100)`. */
  readonly handler: (request: HttpRequest, response: HttpResponse) => void
  /** The same for a server that takes `(Request) => Response`. */
  readonly fetch: (request: Request) => Promise<Response>
  /**
   * Takes no more jobs, waits for those that run, hands back what has not ended, and closes the driver.
   * @param options drainMs: how long it waits, milliseconds. Default: that of the worker
   */
  close(options?: { readonly drainMs?: number }): Promise<void>
}

const CONCURRENCY = 32
const DRAIN_MS = 10_000
const ORPHAN_MS = 60_000
/** How long the engine has to answer a question about its health, milliseconds. */
const HEALTH_MS = 1_000

/** Other parts of a worker, which its package gives. */
export interface WorkerParts {
  /** Where branches run; undefined for this process. */
  readonly place?: ExecutorDriver | undefined
  /** Makes further kinds of jobs. */
  readonly kinds?: readonly ((setup: KindSetup) => JobKind)[] | undefined
  /** Default: the clock of the platform. */
  readonly clock?: Clock | undefined
}

/** Starts a worker. Its options are checked. @throws {RangeError} with every invalid option */
export function startWorker(driver: EngineDriver, options: JobWorkerOptions, parts: WorkerParts = {}): JobWorker {
  const { registries = [], concurrency = CONCURRENCY, mismatch = 'wait' } = options
  const { drainMs = DRAIN_MS, orphanMs = ORPHAN_MS, signals = [], logger = consoleLogger } = options
  assertOptions({ registries, concurrency, mismatch, drainMs, orphanMs, signals })
  return new Worker(driver, parts, {
    ...{ registries, concurrency, mismatch, drainMs, orphanMs, signals },
    logger: safeLogger(logger),
  })
}

function assertOptions(options: Omit<Required<JobWorkerOptions>, 'logger'>): void {
  const { registries, concurrency, mismatch, drainMs, orphanMs, signals } = options
  const isMs = (value: unknown): boolean => typeof value === 'number' && value >= 0
  const checks: readonly (readonly [string, unknown, boolean, string])[] = [
    [
      'registries',
      registries,
      Array.isArray(registries) && registries.every(isRegistry),
      'a list of what defineRegistry returns',
    ],
    ['concurrency', concurrency, Number.isInteger(concurrency) && concurrency >= 1, 'a whole number above 0'],
    ['mismatch', mismatch, mismatch === 'wait' || mismatch === 'fail', "'wait' or 'fail'"],
    ['drainMs', drainMs, isMs(drainMs), 'milliseconds'],
    ['orphanMs', orphanMs, isMs(orphanMs) && orphanMs > 0, 'milliseconds, more than 0'],
    [
      'signals',
      signals,
      Array.isArray(signals) && signals.every((one) => typeof one === 'string'),
      "a list: ['SIGTERM']",
    ],
  ]
  const faults = checks.filter(([, , ok]) => !ok)
  if (faults.length === 0) return
  throw new RangeError(
    faults
      .map(([name, value, , takes]) => `${name} of the worker is ${describeValue(value)}; it takes ${takes}.`)
      .join('\n'),
  )
}

class Worker implements JobWorker {
  readonly id = createId()
  readonly ready: Promise<void>
  readonly #driver: EngineDriver
  readonly #clock: Clock
  readonly #options: Required<JobWorkerOptions>
  readonly #slots: Slots
  readonly #branches: BranchJobs
  readonly #kinds = new Map<string, JobKind>()
  readonly #closed = createDeferred<void>()
  #closing: Promise<void> | undefined
  readonly #signals: (() => void)[] = []
  #consumer: JobConsumer | undefined
  #status: WorkerHealth['status'] = 'starting'
  #taken = 0

  constructor(
    driver: EngineDriver,
    { place, kinds, clock = systemClock }: WorkerParts,
    options: Required<JobWorkerOptions>,
  ) {
    const { registries, concurrency, logger, orphanMs, mismatch } = options
    this.#driver = driver
    this.#clock = clock
    this.#options = options
    this.#slots = new Slots(concurrency, (n) => this.#consumer?.setConcurrency(n))
    const shared = { driver, slots: this.#slots, session: this.id, logger }
    this.#branches = new BranchJobs({
      ...shared,
      ...{ registries, orphanMs, mismatch, clock },
      place: place ?? new InlinePlace(registries),
    })
    for (const one of [this.#branches, ...(kinds ?? []).map((make) => make(shared))]) this.#kinds.set(one.kind, one)
    for (const signal of options.signals) this.#signals.push(onSignal(signal, () => void this.close()))
    this.ready = this.#open()
    this.ready.catch(() => {})
  }

  readonly handler = (request: HttpRequest, response: HttpResponse): void => void respond(request, response, this)
  readonly fetch = (request: Request): Promise<Response> => responseTo(request, this)

  get closed(): Promise<void> {
    return this.#closed.promise
  }

  async #open(): Promise<void> {
    await Promise.all([...this.#kinds.values()].map((one) => one.open?.()))
    if (this.#status !== 'starting') return
    const { concurrency } = this.#options
    this.#consumer = await this.#driver.consume((job) => this.#run(job), { concurrency })
    this.#consumer.setConcurrency(this.#slots.allowed) // one may wait for a message by now
    if (this.#status === 'starting') this.#status = 'ready'
    else void this.#consumer.close()
  }

  #run(job: TakenJob): Promise<JobEnd> {
    this.#taken += 1
    const data = readJob(job.data)
    const kind = data && this.#kinds.get(data.kind)
    if (data === undefined || kind === undefined) return Promise.resolve({ againInMs: UNKNOWN_MS }) // W2
    return kind.run(job, data)
  }

  async health(): Promise<WorkerHealth> {
    const facts = { status: this.#status, running: this.#slots.running, paused: this.#slots.paused }
    if (this.#status !== 'ready') return { ok: false, ...facts, why: `The worker is ${this.#status}.` }
    const faults = [...this.#kinds.values()].map((one) => one.fault?.()).filter((one) => one !== undefined)
    const why = (await this.#engineFault()) ?? faults[0]
    return why === undefined ? { ok: true, ...facts } : { ok: false, ...facts, why }
  }

  async #engineFault(): Promise<string | undefined> {
    let timer: unknown
    const late = new Promise<string>((resolve) => {
      timer = systemClock.setTimeout(() => resolve(`${this.#driver.name} does not answer.`), HEALTH_MS)
    })
    const asked = this.#driver.lookup([this.id]).then(
      () => undefined,
      (error: unknown) => `${this.#driver.name} cannot be reached. ${messageOf(error)}`,
    )
    const why = await Promise.race([asked, late])
    systemClock.clearTimeout(timer)
    return why
  }

  metrics(): string {
    const { concurrency } = this.#options
    const own = [
      ...gauge('teasel_worker_ready', 'Whether the worker takes jobs.', this.#status === 'ready' ? 1 : 0),
      ...gauge('teasel_worker_concurrency', 'The most jobs that run at a time.', concurrency),
      ...gauge('teasel_jobs_running', 'Jobs that run.', this.#slots.running),
      ...gauge('teasel_jobs_paused', 'Jobs that wait for something.', this.#slots.paused),
      ...counter('teasel_jobs_taken_total', 'Jobs that were taken.', this.#taken),
    ]
    return [...own, ...[...this.#kinds.values()].flatMap((one) => one.metrics?.() ?? []), ''].join('\n')
  }

  close({ drainMs = this.#options.drainMs }: { readonly drainMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(drainMs).finally(() => {
      this.#status = 'closed'
      this.#closed.resolve()
    })
    return this.#closing
  }

  async #close(drainMs: number): Promise<void> {
    this.#status = 'draining'
    for (const stop of this.#signals) stop()
    const kinds = [...this.#kinds.values()]
    await this.ready.catch(() => {})
    // An engine that is away gives the jobs to others by itself.
    const left = this.#consumer?.close().catch(() => {}) ?? Promise.resolve()
    await Promise.all(kinds.map((one) => one.beginDrain()))
    await within(this.#clock, drainMs, left) // W1
    await Promise.all(kinds.map((one) => one.giveBack()))
    await left
    await Promise.all(kinds.map((one) => one.close()))
    await this.#driver.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
