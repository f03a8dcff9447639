import { HeldRun } from '../host/held-run.js'
import { type HostEvent, type HostRun, keyOf } from '../host/host-events.js'
import { openRun, type RunOpening } from '../host/open-run.js'
import type { Clock } from '../internal/clock.js'
import { createDeferred, type Deferred } from '../internal/deferred.js'
import type { Logger } from '../lifecycle/logger.js'
import { letExit } from '../persistence/lease.js'
import type { StoredRun } from '../persistence/summary.js'
import { PersistenceError } from '../store-errors.js'
import type { EngineDriver, JobEnd } from './engine-driver.js'
import { RunEvents } from './run-events.js'
import { dueAt, jobOf, type RunJob, timedJobId } from './run-jobs.js'
import { changesOf, type EventBatch, RELEASED_MS, type RunRelease, type RunRequest, tell } from './run-texts.js'

// Owns: the runs that a worker holds: from a job to the release of its run.
// Does not own: one held run (host/held-run.ts), when jobs come (run-worker.ts).
// H1  What is stored decides: a job for a run that is not due, or is held, ends, and runs nothing.
// H2  The lease of the store, not the lock of the job, decides who runs a run. A worker that has lost the lock goes on:
//     the next one finds the run held.
// H3  A run that is released and due again, or at a time, has a job for that when the job of its run ends.
// H4  The events of a released run stay readable for a time: a run may be shorter than the way of a request.

/** How long a job waits for a worker with its graph, or for the store, in milliseconds. */
const AGAIN_MS = 500
/** How long a run that cannot be resumed here is left alone, in milliseconds. */
const REFUSED_MS = 60_000
/** How many released runs stay readable (H4). */
const MOST_RELEASED = 32

/** What holding runs takes. */
export interface HolderSettings {
  readonly driver: EngineDriver
  readonly opening: RunOpening
  readonly clock: Clock
  readonly logger: Logger
  /** Number of events that are kept for readers. */
  readonly buffer: number
  readonly emit: (event: HostEvent) => void
}

interface Held {
  readonly run: HeldRun
  readonly events: RunEvents
  /** How it was released. */
  status?: RunRelease
}

export class RunHolder {
  readonly #settings: HolderSettings
  readonly #held = new Map<string, Held>()
  /** Runs that are being opened; true where a request to cancel came meanwhile. */
  readonly #opening = new Map<string, { readonly done: Deferred<void>; asked: boolean }>()
  /** Runs that are left alone until a time, epoch milliseconds. */
  readonly #left = new Map<string, number>()
  readonly #released = new Map<string, RunEvents>()
  /** Texts to each reader go one after the other. */
  readonly #sending = new Map<string, Promise<void>>()
  #draining = false
  #timer: unknown

  constructor(settings: HolderSettings) {
    this.#settings = settings
  }

  get running(): number {
    return this.#held.size
  }

  get runs(): readonly HeldRun[] {
    return [...this.#held.values()].map(({ run }) => run)
  }

  /** Whether this process leaves a run alone now. */
  isLeft(key: string): boolean {
    return (this.#left.get(key) ?? 0) > this.#settings.clock.now()
  }

  /** Runs the run of a job, if it is due, until it is released. Never rejects. */
  async take({ partitionKey, rootId, name, at }: RunJob): Promise<JobEnd> {
    const { opening, logger, clock, emit } = this.#settings
    const key = keyOf(partitionKey, rootId)
    const run: HostRun = { runId: rootId, partitionKey, name }
    if (this.#draining) return { againInMs: 0 }
    if (!Object.hasOwn(opening.graphs, name) || this.isLeft(key)) return { againInMs: AGAIN_MS }
    if (this.#held.has(key) || this.#opening.has(key)) return undefined // its release looks again (H3)
    const own = { done: createDeferred<void>(), asked: false }
    this.#opening.set(key, own)
    let held: Held
    try {
      const stored = await opening.persister.driver.find({ partitionKey, rootId })
      if (stored === undefined) {
        logger.warn(
          `Run "${rootId}" of a job is not in the store "${opening.persister.name}". It was deleted; or queue and workers have different stores: give them the same one.`,
        )
        return undefined
      }
      const due = dueAt(stored)
      const now = clock.now()
      if (due === undefined) return undefined // H1
      if (due > now) return due === at ? { againInMs: Math.max(1, due - now) } : undefined
      const opened = await openRun(opening, run, stored)
      if (opened.status === 'held') return (await this.#isDue(run)) ? { againInMs: AGAIN_MS / 5 } : undefined
      if (opened.status === 'failed') emit({ type: 'released', run, status: 'failed', error: opened.error })
      if (opened.status !== 'open') {
        this.#tellChange(run, 'released')
        return undefined
      }
      if (this.#draining) {
        await opened.app[Symbol.asyncDispose]()
        return { againInMs: 0 }
      }
      held = this.#hold(run, stored, opened)
    } catch (error) {
      return this.#refused(run, error)
    } finally {
      this.#opening.delete(key)
      own.done.resolve()
    }
    if (own.asked) void held.run.obey()
    await held.run.ended
    return held.status === 'interrupted' ? { againInMs: 0 } : await this.#after(run)
  }

  async #isDue({ runId: rootId, partitionKey }: HostRun): Promise<boolean> {
    const stored = await this.#settings.opening.persister.driver.find({ partitionKey, rootId })
    return stored !== undefined && dueAt(stored) === 0
  }

  #refused(run: HostRun, error: unknown): JobEnd {
    const { clock, logger, emit } = this.#settings
    if (PersistenceError.is(error) && error.fault === 'unavailable') {
      emit({ type: 'unavailable', error })
      return { againInMs: AGAIN_MS }
    }
    const againAt = clock.now() + REFUSED_MS
    for (const [key, until] of this.#left) if (until <= clock.now()) this.#left.delete(key)
    this.#left.set(keyOf(run.partitionKey, run.runId), againAt)
    logger.error(`Run "${run.runId}" of "${run.name}" cannot be resumed.`, error)
    emit({ type: 'refused', run, error, againAt })
    return { againInMs: AGAIN_MS }
  }

  #hold(
    run: HostRun,
    stored: StoredRun,
    { app, inputs, why }: Extract<Awaited<ReturnType<typeof openRun>>, { status: 'open' }>,
  ): Held {
    const { driver, opening, clock, buffer, emit } = this.#settings
    const key = keyOf(run.partitionKey, run.runId)
    const claim = (stored.claim?.incarnation ?? -1) + 1
    const events = new RunEvents(
      claim,
      buffer,
      () => clock.now(),
      (to, batch) => this.#send(to, batch),
    )
    const seen = (event: HostEvent): void => {
      if (event.type === 'event') events.add(event.event)
      if (event.type === 'released') {
        one.status = event.status
        this.#held.delete(key)
        this.#keep(key, events)
        events.end(event.status)
        this.#tellChange(run, 'released')
      }
      emit(event)
    }
    this.#released.delete(key)
    emit({ type: 'taken', run, why })
    const one: Held = {
      run: new HeldRun({ persister: opening.persister, isRead: true, emit: seen }, run, app, inputs),
      events,
    }
    this.#held.set(key, one)
    this.#tellChange(run, 'taken')
    const timed = timedJobId(stored)
    if (timed !== undefined) void driver.remove(timed).catch(() => {}) // it would find nothing due
    return one
  }

  #tellChange({ runId: rootId, partitionKey }: HostRun, t: 'taken' | 'released'): void {
    void tell(this.#settings.driver, changesOf({ partitionKey, rootId }), { t })
  }

  #send(to: string, batch: EventBatch): void {
    const sent = (this.#sending.get(to) ?? Promise.resolve()).then(() => tell(this.#settings.driver, to, batch))
    this.#sending.set(to, sent)
    void sent.then(() => {
      if (this.#sending.get(to) === sent) this.#sending.delete(to)
    })
  }

  /** Keeps the events of a released run for a time (H4). */
  #keep(key: string, events: RunEvents): void {
    const { clock } = this.#settings
    this.#released.delete(key)
    this.#released.set(key, events)
    for (const oldest of this.#released.keys()) {
      if (this.#released.size <= MOST_RELEASED) break
      this.#released.delete(oldest)
    }
    clock.clearTimeout(this.#timer)
    this.#timer = clock.setTimeout(() => this.#released.clear(), RELEASED_MS)
    letExit(this.#timer)
  }

  /** What is left to do once a run is released (H3). */
  async #after({ runId: rootId, partitionKey }: HostRun): Promise<JobEnd> {
    const { driver, opening, clock } = this.#settings
    try {
      const stored = await opening.persister.driver.find({ partitionKey, rootId })
      const job = stored && jobOf(stored, clock.now())
      if (job !== undefined) await driver.enqueue([job])
    } catch {} // the sweep of a worker enqueues it
    return undefined
  }

  /** Answers a request of another process. */
  asked(request: RunRequest): void {
    const key = keyOf(request.partitionKey, request.rootId)
    const held = this.#held.get(key)
    const events = held?.events ?? this.#released.get(key)
    if (request.t === 'want') events?.want(request)
    else if (request.t === 'leave') events?.leave(request.reader)
    else {
      const opening = this.#opening.get(key)
      if (opening !== undefined) opening.asked = true
      void held?.run.obey()
    }
  }

  /** Takes no more runs, and interrupts those that it holds. Resolves when they are released. */
  async drain(): Promise<void> {
    this.#draining = true
    await Promise.all([...this.#opening.values()].map(({ done }) => done.promise))
    await Promise.all(this.runs.map((run) => run.drain()))
    await Promise.all(this.#sending.values())
  }

  close(): void {
    this.#settings.clock.clearTimeout(this.#timer)
    this.#released.clear()
  }
}
