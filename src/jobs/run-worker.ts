import { EventReaders } from '../host/event-readers.js'
import type { HostEvent, HostHealth, HostRun } from '../host/host-events.js'
import { keyOf } from '../host/host-events.js'
import type { RunOpening } from '../host/open-run.js'
import { healthOf, within } from '../host/service.js'
import { type Clock, systemClock } from '../internal/clock.js'
import { onSignal } from '../internal/platform.js'
import { consoleLogger, type Logger, safeLogger } from '../lifecycle/logger.js'
import type { DuePage, StoredRun } from '../persistence/summary.js'
import type { EngineDriver, JobConsumer, JobEnd, TakenJob } from './engine-driver.js'
import { RunHolder } from './run-holder.js'
import { jobOf, runJobFrom, runJobId, timedJobId } from './run-jobs.js'
import { channelHere, heard } from './run-texts.js'

// Owns: a worker that runs whole applications: its jobs, its sweep, its end.
// Does not own: the runs that it holds (run-holder.ts).
// W1  What is due in the store and has no job gets one, within a sweep: a crash between storing and enqueueing, a lost
//     job, an answer that another program has stored, and the end of a lease cost time, and no run.
// W2  A worker that drains takes nothing more. What it holds is interrupted and stored, and its jobs are given back at once.
// W3  An engine or a store that is away is tried again, without end.

/** How many due runs one sweep looks at. The next one goes on where it ended. */
const SWEPT = 200

/** What a worker of runs is made of. */
export interface RunWorkerSettings extends RunOpening {
  readonly driver: EngineDriver
  readonly concurrency?: number | undefined
  readonly sweepMs?: number | undefined
  readonly drainMs?: number | undefined
  readonly signals?: readonly string[] | undefined
  readonly buffer?: number | undefined
}

export class StoreRunWorker {
  readonly #settings: RunWorkerSettings
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #holder: RunHolder
  readonly #readers = new EventReaders()
  readonly #ends: (() => void)[] = []
  readonly #sweepMs: number
  #state: 'open' | 'draining' | 'closed' = 'open'
  #timer: unknown
  #starting: Promise<void> | undefined
  #sweeping: Promise<void> | undefined
  #consumer: JobConsumer | undefined
  #unlisten: (() => Promise<void>) | undefined
  #after: DuePage['after']
  #sweptAt: number | undefined
  #error: unknown
  #drained: Promise<readonly HostRun[]> | undefined
  #closed: Promise<void> | undefined
  #warned = false
  /** How many runs were taken. */
  taken = 0

  constructor(settings: RunWorkerSettings) {
    this.#settings = settings
    this.#clock = settings.clock ?? systemClock
    this.#logger = safeLogger(settings.logger ?? consoleLogger)
    this.#sweepMs = settings.sweepMs ?? 1_000
    const buffer = settings.buffer ?? 1_000
    this.#holder = new RunHolder({
      driver: settings.driver,
      opening: settings,
      clock: this.#clock,
      logger: this.#logger,
      buffer,
      emit: (event) => {
        if (event.type === 'taken') this.taken += 1
        this.#readers.emit(event, 10 * buffer)
      },
    })
    for (const signal of settings.signals ?? ['SIGTERM', 'SIGINT'])
      this.#ends.push(onSignal(signal, () => void this.drain()))
    this.#tick()
  }

  /** Starts what is not started yet, and sweeps; again after the interval (W3). */
  #tick(): void {
    this.#sweeping = this.#look().finally(() => {
      this.#sweeping = undefined
      if (this.#state === 'open') this.#timer = this.#clock.setTimeout(() => this.#tick(), this.#sweepMs)
    })
  }

  async #look(): Promise<void> {
    try {
      this.#starting ??= this.#start()
      await this.#starting
      if (this.#state === 'open') await this.#sweep()
      this.#sweptAt = this.#clock.now()
      this.#error = undefined
    } catch (error) {
      this.#starting = undefined
      this.#error = error
      this.#readers.emit({ type: 'unavailable', error })
    }
  }

  async #start(): Promise<void> {
    const { driver, concurrency = 16 } = this.#settings
    this.#unlisten ??= await driver.listen(channelHere(), (text) => void this.#heard(text))
    if (this.#state !== 'open') return
    this.#consumer ??= await driver.consume((job) => this.#take(job), { concurrency })
    if (this.#drained !== undefined) await this.#consumer.close()
  }

  async #heard(text: string): Promise<void> {
    const told = await heard(this.#settings.driver, text)
    if (told !== undefined && 'rootId' in told) this.#holder.asked(told)
  }

  #take(job: TakenJob): Promise<JobEnd> {
    const run = runJobFrom(job.data)
    if (run !== undefined) return this.#holder.take(run)
    if (!this.#warned)
      this.#logger.error(
        `The queue "${this.#settings.driver.name}" has jobs that are no runs. Give branches and runs queues of their own.`,
      )
    this.#warned = true
    return Promise.resolve({ againInMs: this.#sweepMs })
  }

  /** Enqueues a job for each due run that has none (W1). */
  async #sweep(): Promise<void> {
    const { driver, persister, graphs } = this.#settings
    const found = await persister.driver.due({ limit: SWEPT, ...(this.#after && { after: this.#after }) })
    const last = found.length < SWEPT ? undefined : found.at(-1)
    this.#after = last && { ...last, wakeAt: last.wakeAt ?? 0 }
    const now = this.#clock.now()
    const due = found.filter(
      (run) =>
        run.summary?.name !== undefined &&
        Object.hasOwn(graphs, run.summary.name) &&
        !this.#isOpening(run, now) &&
        !this.#holder.isLeft(keyOf(run.partitionKey, run.rootId)),
    )
    if (due.length === 0) return
    const known = await driver.lookup(due.flatMap(idsOf))
    const jobs = due
      .filter((run) => !idsOf(run).some((id) => known.has(id)))
      .map((run) => jobOf(run, now))
      .filter((job) => job !== undefined)
    if (jobs.length > 0) await driver.enqueue(jobs)
  }

  /** Whether a process has claimed a run just now, and has not begun it. A longer lease is by another clock. */
  #isOpening({ expired, claim }: StoredRun, now: number): boolean {
    const left = (claim?.leaseUntil ?? 0) - now
    return !expired && left > 0 && left <= (this.#settings.leaseMs ?? 30_000)
  }

  events({ signal }: { readonly signal?: AbortSignal } = {}): AsyncIterableIterator<HostEvent> {
    return this.#readers.read(signal)
  }

  health(): HostHealth {
    return healthOf({
      state: this.#state,
      error: this.#error,
      running: this.#holder.running,
      concurrency: this.#settings.concurrency ?? 16,
      lookedAt: this.#sweptAt,
      held: this.#holder.runs,
    })
  }

  drain(): Promise<readonly HostRun[]> {
    this.#drained ??= this.#drain()
    return this.#drained
  }

  async #drain(): Promise<readonly HostRun[]> {
    this.#state = 'draining' // W2
    for (const end of this.#ends) end()
    this.#clock.clearTimeout(this.#timer)
    this.#readers.emit({ type: 'draining' })
    const all = async (): Promise<void> => {
      await this.#starting?.catch(() => {})
      await Promise.all([this.#holder.drain(), this.#consumer?.close().catch(() => {})])
    }
    await within(this.#clock, this.#settings.drainMs ?? 10_000, all())
    this.#readers.emit({ type: 'drained' })
    return this.#holder.runs.map(({ run }) => run)
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    await this.drain()
    this.#state = 'closed'
    await this.#sweeping
    await this.#unlisten?.().catch(() => {})
    this.#holder.close()
    this.#readers.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** The ids of the jobs that a due run may have. */
function idsOf(run: StoredRun): readonly string[] {
  const timed = timedJobId(run)
  const now = runJobId(run, run.claim?.incarnation ?? 0)
  return timed === undefined || (run.summary?.nextAt ?? 0) > (run.wakeAt ?? 0) ? [now] : [now, timed]
}
