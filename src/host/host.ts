import type { CancelAnswer, Delivery, Message } from '../action/message.js'
import { resumeLoose } from '../application/resume.js'
import { encode } from '../codec/encode.js'
import { type Clock, systemClock } from '../internal/clock.js'
import { createDeferred, type Deferred } from '../internal/deferred.js'
import { describeValue, isPlainObject, observe } from '../internal/guards.js'
import { createId } from '../internal/ids.js'
import { suggest } from '../internal/nearest.js'
import { checkOptions } from '../internal/options.js'
import { onSignal } from '../internal/platform.js'
import { consoleLogger, type Logger, safeLogger } from '../lifecycle/logger.js'
import { cancelRequest, cancelStored, failStored } from '../persistence/cancel-stored.js'
import type { Persister } from '../persistence/persister.js'
import { sendStored } from '../persistence/rewind.js'
import type { StoredRun } from '../persistence/summary.js'
import { printedPath } from '../read/wire-path.js'
import { PersistenceError } from '../store-errors.js'
import { EventReaders } from './event-readers.js'
import { HeldRun, hostFacts } from './held-run.js'
import type { Host, HostOptions, PlaceRef, RunRef, StartOptions } from './host-api.js'
import { type HostEvent, type HostHealth, type HostRun, keyOf, type StartedRun } from './host-events.js'
import type { Hosted } from './hosted.js'

// Owns: which runs of a store this process holds.
// Does not own: a run that is held (held-run.ts), leases (persistence/lease.ts).
// K1  A run is taken by a free claim only: a run that another process holds is left to it.
// K2  A run that has ended is never taken again. One whose process dies in the same step too often has failed.
// K3  The store is asked for due runs at most once per `pollMs`, and at once when it notifies or a slot comes free while
//     more runs are due.
// K4  A host that drains takes nothing more; what it holds is interrupted, stored, and due for others.

const REFUSED_MS = 60_000

/** A host over one store. */
export class StoreHost implements Host<Record<string, Hosted>> {
  readonly #options: HostOptions<Record<string, Hosted>>
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #readers = new EventReaders()
  readonly #held = new Map<string, HeldRun>()
  /** Runs that are being taken, until they are held or left. */
  readonly #taking = new Map<string, Deferred<void>>()
  /** Runs that are left alone until a time, epoch milliseconds. */
  readonly #left = new Map<string, number>()
  readonly #ends: (() => void)[] = []
  readonly #concurrency: number
  #state: 'open' | 'draining' | 'closed' = 'open'
  #drained: Promise<readonly HostRun[]> | undefined
  #timer: unknown
  #beat: unknown
  #looking = false
  #again = false
  #lookedAt: number | undefined
  #error: unknown

  constructor(options: HostOptions<Record<string, Hosted>>) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#logger = safeLogger(options.logger ?? consoleLogger)
    this.#concurrency = options.concurrency ?? 16
    const { driver } = options.persister
    const unwatch = driver.watchDue?.(() => this.#lookSoon())
    if (unwatch !== undefined) this.#ends.push(unwatch)
    for (const signal of options.signals ?? ['SIGTERM', 'SIGINT'])
      this.#ends.push(onSignal(signal, () => void this.drain()))
    this.#beatLater()
    void this.#look()
  }

  /** Looks for requests to cancel, at each heartbeat. The timer does not keep the process alive. */
  #beatLater(): void {
    const beat = (): void => {
      for (const held of this.#held.values()) void held.obey()
      this.#beatLater()
    }
    this.#beat = this.#clock.setTimeout(beat, (this.#options.leaseMs ?? 30_000) / 3)
    const timer = this.#beat as { unref?(): void } | undefined
    timer?.unref?.()
  }

  get isRead(): boolean {
    return this.#readers.isRead || this.#listeners.size > 0
  }

  get persister(): Persister {
    return this.#options.persister
  }

  emit(event: HostEvent): void {
    this.#readers.emit(event, this.#options.buffer ?? 10_000)
    if (!('run' in event)) return
    const key = keyOf(event.run.partitionKey, event.run.runId)
    const threw = (error: unknown): void => this.#logger.error(`A listener of run "${event.run.runId}" threw.`, error)
    for (const { ref, listener } of this.#listeners) if (ref === key) observe(listener, event, threw)
  }

  readonly #listeners = new Set<{ readonly ref: string; readonly listener: (event: HostEvent) => void }>()

  on(ref: RunRef, listener: (event: HostEvent) => void): () => void {
    const one = { ref: keyOf(this.#partitionOf(ref), ref.runId), listener }
    this.#listeners.add(one)
    return () => void this.#listeners.delete(one)
  }

  #partitionOf({ partitionKey }: { readonly partitionKey?: string | null | undefined }): string | null {
    return partitionKey === undefined ? (this.#options.partitionKey ?? null) : partitionKey
  }

  async start(name: string, options: StartOptions<Hosted>): Promise<StartedRun> {
    checkOptions('start', options, 'appId partitionKey state labels title inputs')
    if (this.#state !== 'open') throw new TypeError(`The host is ${this.#state}. Start the run in another host.`)
    const hosted = this.#graphOf(name)
    const { appId = createId(), state, labels, title, inputs = {} } = options
    const partitionKey = this.#partitionOf(options)
    if (!isPlainObject(inputs)) throw new TypeError(`inputs is ${describeValue(inputs)}. It takes values by name.`)
    const run: HostRun = { runId: appId, partitionKey, name }
    if (await this.persister.driver.find({ partitionKey, rootId: appId })) return { ...run, created: false }
    const key = keyOf(partitionKey, appId)
    const takes = this.#free > 0 && !this.#taking.has(key)
    const taken = takes ? this.#begin(key) : undefined
    try {
      const app = await resumeLoose(hosted.graph, {
        ...this.#appOptions(hosted, run),
        ...{ state, labels, title, storedInputs: encode(inputs, 'inputs'), keepsLease: takes },
      })
      if (takes && this.#state === 'open') this.#hold(run, app, inputs, 'started')
      else await app[Symbol.asyncDispose]()
      return { ...run, created: true }
    } catch (error) {
      if (!PersistenceError.is(error) || error.fault !== 'held') throw error
      // Another process starts it now, or has died before it was stored.
      if (await this.persister.driver.find({ partitionKey, rootId: appId })) return { ...run, created: false }
      await new Promise<void>((resolve) => void this.#clock.setTimeout(resolve, this.#options.pollMs ?? 1_000))
      return await this.start(name, { ...options, appId })
    } finally {
      taken?.()
      if (!takes) this.#lookSoon()
    }
  }

  /** A slot is used while a run is being taken. @returns a function that ends it */
  #begin(key: string): () => void {
    const taking = createDeferred<void>()
    this.#taking.set(key, taking)
    return () => {
      this.#taking.delete(key)
      taking.resolve()
    }
  }

  #graphOf(name: string): Hosted {
    const { graphs } = this.#options
    if (Object.hasOwn(graphs, name)) return graphs[name] as Hosted
    throw new TypeError(`There is no graph "${name}". ${suggest(name, Object.keys(graphs), 'graphs')}`)
  }

  #appOptions({ options }: Hosted, { runId, partitionKey, name }: HostRun) {
    const { leaseMs, logger, clock } = this.#options
    return {
      ...(logger && { logger }),
      ...(clock && { clock }),
      ...options,
      ...{ appId: runId, partitionKey, name, persister: this.persister, claim: 'free' as const, state: undefined },
      ...(leaseMs !== undefined && { leaseMs }),
    }
  }

  get #free(): number {
    return this.#state === 'open' ? this.#concurrency - this.#held.size - this.#taking.size : 0
  }

  #hold(
    run: HostRun,
    app: Awaited<ReturnType<typeof resumeLoose>>,
    inputs: Readonly<Record<string, unknown>>,
    why: 'started' | 'interrupted' | 'due',
  ): void {
    const key = keyOf(run.partitionKey, run.runId)
    this.emit({ type: 'taken', run, why })
    const held = new HeldRun(this, run, app, inputs)
    this.#held.set(key, held)
    void held.ended.then(() => {
      this.#held.delete(key)
      this.#lookSoon()
    })
  }

  /** Asks the store for due runs, not more often than it may (K3). */
  #lookSoon(): void {
    if (this.#state !== 'open' || this.#free <= 0) return
    if (this.#looking) {
      this.#again = true
      return
    }
    void this.#look()
  }

  async #look(): Promise<void> {
    this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
    this.#looking = true
    try {
      do {
        this.#again = false
        await this.#takeDue()
      } while (this.#again && this.#free > 0)
      this.#lookedAt = this.#clock.now()
      this.#error = undefined
    } catch (error) {
      this.#error = error
      this.emit({ type: 'unavailable', error })
    }
    this.#looking = false
    if (this.#state !== 'open') return
    this.#timer = this.#clock.setTimeout(() => void this.#look(), this.#options.pollMs ?? 1_000)
  }

  /** Takes due runs while slots are free. The clock of the store tells what is due and held. */
  async #takeDue(): Promise<void> {
    if (this.#free <= 0) return
    const now = this.#clock.now()
    for (const [key, until] of this.#left) if (until <= now) this.#left.delete(key)
    const { partitionKey } = this.#options
    const limit = this.#free + this.#left.size + this.#held.size
    const due = await this.persister.driver.due({ ...(partitionKey !== undefined && { partitionKey }), limit })
    await this.#takeAll(due)
  }

  async #takeAll(runs: readonly StoredRun[]): Promise<void> {
    for (const run of runs) {
      if (this.#free <= 0) return
      const key = keyOf(run.partitionKey, run.rootId)
      if (!this.#isLeft(key)) await this.#take(run, key)
    }
  }

  #isLeft(key: string): boolean {
    return this.#held.has(key) || this.#taking.has(key) || this.#left.has(key)
  }

  async #take(stored: StoredRun, key: string): Promise<void> {
    const name = stored.summary?.name
    const { graphs, maxCrashes = 3 } = this.#options
    const again = this.#clock.now() + REFUSED_MS
    if (name === undefined || !Object.hasOwn(graphs, name)) return void this.#left.set(key, again)
    const { rootId: runId, partitionKey } = stored
    const run: HostRun = { runId, partitionKey, name }
    const taken = this.#begin(key)
    try {
      const { inputs, crashes } = hostFacts(stored)
      const request = await cancelRequest(this.persister, { appId: runId, partitionKey })
      if (request !== undefined) {
        await cancelStored({ persister: this.persister, appId: runId, partitionKey, reason: request.reason })
        return
      }
      if (crashes >= maxCrashes) {
        const error = new TypeError(
          `The process of run "${runId}" died ${crashes} times in the step after ${stored.last?.sequenceId ?? -1}. Find the cause, then rewind the run and resume it.`,
        )
        if (await failStored(this.persister, { appId: runId, partitionKey }, error))
          this.emit({ type: 'released', run, status: 'failed', error })
        return
      }
      const app = await resumeLoose(this.#graphOf(name).graph, this.#appOptions(this.#graphOf(name), run))
      if (this.#state !== 'open') return void (await app[Symbol.asyncDispose]())
      const waits = stored.summary?.status === 'waiting' || stored.summary?.status === 'queued'
      this.#hold(run, app, inputs, waits ? 'due' : 'interrupted')
    } catch (error) {
      if (PersistenceError.is(error) && error.fault === 'unavailable') throw error
      const isHeld = PersistenceError.is(error) && error.fault === 'held'
      const againAt = isHeld ? this.#clock.now() + (this.#options.pollMs ?? 1_000) : again
      this.#left.set(key, againAt)
      if (isHeld) return // K1
      this.#logger.error(`Run "${runId}" of "${name}" cannot be resumed.`, error)
      this.emit({ type: 'refused', run, error, againAt })
    } finally {
      taken()
    }
  }

  async send(message: Message, { path, ...ref }: PlaceRef): Promise<Delivery> {
    const to = path === undefined ? {} : { path: printedPath(path) }
    const partitionKey = this.#partitionOf(ref)
    const held = this.#held.get(keyOf(partitionKey, ref.runId))
    if (held !== undefined) {
      const delivery = await held.app.send(message, to)
      if (delivery !== 'dropped') return delivery
    }
    return sendStored({ persister: this.persister, appId: ref.runId, partitionKey, message, ...to })
  }

  async cancel({
    path,
    reason,
    ...ref
  }: PlaceRef & { readonly reason?: unknown }): Promise<
    CancelAnswer | 'cancelled' | 'requested' | 'ended' | 'unknown'
  > {
    const partitionKey = this.#partitionOf(ref)
    const held = this.#held.get(keyOf(partitionKey, ref.runId))
    if (held !== undefined) return held.app.cancel({ reason, ...(path !== undefined && { path: printedPath(path) }) })
    if (path !== undefined) return 'unknown'
    return cancelStored({ persister: this.persister, appId: ref.runId, partitionKey, reason })
  }

  events({ signal }: { readonly signal?: AbortSignal } = {}): AsyncIterableIterator<HostEvent> {
    return this.#readers.read(signal)
  }

  health(): HostHealth {
    const open = this.#error === undefined ? 'ok' : 'unavailable'
    return {
      status: this.#state === 'open' ? open : this.#state,
      running: this.#held.size,
      concurrency: this.#concurrency,
      lookedAt: this.#lookedAt,
      error: this.#error,
      runs: [...this.#held.values()].map(({ run, app }) => ({
        ...run,
        pending: app.pending as HostHealth['runs'][number]['pending'],
        due: app.due as HostHealth['runs'][number]['due'],
      })),
    }
  }

  drain(): Promise<readonly HostRun[]> {
    this.#drained ??= this.#drain()
    return this.#drained
  }

  async #drain(): Promise<readonly HostRun[]> {
    this.#state = 'draining' // K4
    for (const end of this.#ends) end()
    this.#clock.clearTimeout(this.#timer)
    this.#clock.clearTimeout(this.#beat)
    this.emit({ type: 'draining' })
    const late = createDeferred<void>()
    const timer = this.#clock.setTimeout(() => late.resolve(), this.#options.drainMs ?? 10_000)
    const all = async (): Promise<void> => {
      await Promise.all([...this.#taking.values()].map(({ promise }) => promise))
      await Promise.all([...this.#held.values()].map((held) => held.drain()))
    }
    await Promise.race([all(), late.promise])
    this.#clock.clearTimeout(timer)
    const left = [...this.#held.values()].map(({ run }) => run)
    this.emit({ type: 'drained' })
    return left
  }

  async close(): Promise<void> {
    await this.drain()
    this.#state = 'closed'
    this.#readers.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
