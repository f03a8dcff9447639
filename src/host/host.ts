import type { CancelAnswer, Delivery, Message } from '../action/message.js'
import type { LiveApplication } from '../application/live-application.js'
import { type Clock, systemClock } from '../internal/clock.js'
import { createDeferred, type Deferred } from '../internal/deferred.js'
import { observe } from '../internal/guards.js'
import { createId } from '../internal/ids.js'
import { checkOptions } from '../internal/options.js'
import { onSignal } from '../internal/platform.js'
import { consoleLogger, type Logger, safeLogger } from '../lifecycle/logger.js'
import { cancelStored } from '../persistence/cancel-stored.js'
import type { Persister } from '../persistence/persister.js'
import { sendStored } from '../persistence/send-stored.js'
import type { StoredRun } from '../persistence/summary.js'
import { printedPath } from '../read/wire-path.js'
import { PersistenceError } from '../store-errors.js'
import { EventReaders } from './event-readers.js'
import { HeldRun } from './held-run.js'
import type { Host, HostOptions, PlaceRef, RunRef, StartOptions } from './host-api.js'
import { type HostEvent, type HostHealth, type HostRun, keyOf, type StartedRun } from './host-events.js'
import type { Hosted } from './hosted.js'
import { hostedOf, type Opened, openRun, storeRun } from './open-run.js'
import { healthOf, within } from './service.js'

// Owns: which runs of a store this process holds.
// Does not own: a run that is held (held-run.ts), leases (persistence/lease.ts).
// K1  A run is taken by a free claim only: a run that another process holds is left to it.
// K2  A run that has ended is taken again on request only. One whose process dies in the same step too often has failed.
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
    void this.#look()
  }

  get isRead(): boolean {
    return this.#readers.isRead || this.#listeners.size > 0
  }

  get persister(): Persister {
    return this.#options.persister
  }

  get graphs(): Readonly<Record<string, Hosted>> {
    return this.#options.graphs
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
    const { appId = createId() } = options
    const partitionKey = this.#partitionOf(options)
    const key = keyOf(partitionKey, appId)
    const takes = this.#free > 0 && !this.#taking.has(key)
    const taken = takes ? this.#begin(key) : undefined
    try {
      const about = { partitionKey, keepsLease: takes }
      const { run, app, inputs } = await storeRun(this.#options, name, { ...options, appId }, about)
      if (app === undefined) return { ...run, created: false }
      if (takes && this.#state === 'open') this.#hold(run, app, inputs, 'started')
      else await app[Symbol.asyncDispose]()
      return { ...run, created: true }
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

  get #free(): number {
    return this.#state === 'open' ? this.#concurrency - this.#held.size - this.#taking.size : 0
  }

  #hold(
    run: HostRun,
    app: LiveApplication,
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
    const again = this.#clock.now() + REFUSED_MS
    if (name === undefined || !Object.hasOwn(this.graphs, name)) return void this.#left.set(key, again)
    const run: HostRun = { runId: stored.rootId, partitionKey: stored.partitionKey, name }
    try {
      if ((await this.#open(run, stored, key)) === 'held')
        this.#left.set(key, this.#clock.now() + (this.#options.pollMs ?? 1_000)) // K1
    } catch (error) {
      if (PersistenceError.is(error) && error.fault === 'unavailable') throw error
      this.#left.set(key, again)
      this.#logger.error(`Run "${run.runId}" of "${name}" cannot be resumed.`, error)
      this.emit({ type: 'refused', run, error, againAt: again })
    }
  }

  /** Opens a stored run and holds it, if that comes to an application. */
  async #open(run: HostRun, stored: StoredRun, key: string): Promise<Opened['status']> {
    const taken = this.#begin(key)
    try {
      const opened = await openRun(this.#options, run, stored)
      if (opened.status === 'failed') this.emit({ type: 'released', run, status: 'failed', error: opened.error })
      if (opened.status !== 'open') return opened.status
      if (this.#state === 'open') this.#hold(run, opened.app, opened.inputs, opened.why)
      else await opened.app[Symbol.asyncDispose]()
      return 'open'
    } finally {
      taken()
    }
  }

  async resume(ref: RunRef): Promise<'resumed' | 'held' | 'ended' | 'unknown'> {
    if (this.#state !== 'open') throw new TypeError(`The host is ${this.#state}. Resume the run in another host.`)
    const root = { partitionKey: this.#partitionOf(ref), rootId: ref.runId }
    const key = keyOf(root.partitionKey, root.rootId)
    const isOurs = (): boolean => this.#held.has(key) || this.#taking.has(key)
    if (isOurs()) return 'held'
    const stored = await this.persister.driver.find(root)
    if (stored === undefined) return 'unknown'
    const { status, name = '' } = stored.summary ?? {}
    if (status === 'finished' || status === 'cancelled') return 'ended'
    if (isOurs()) return 'held'
    hostedOf(this.#options, name)
    this.#left.delete(key)
    const opened = await this.#open({ runId: root.rootId, partitionKey: root.partitionKey, name }, stored, key)
    return opened === 'open' ? 'resumed' : opened === 'held' ? 'held' : 'ended'
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
    map,
    reason,
    ...ref
  }: PlaceRef & { readonly map?: string; readonly reason?: unknown }): Promise<
    CancelAnswer | 'cancelled' | 'requested' | 'ended' | 'unknown'
  > {
    const partitionKey = this.#partitionOf(ref)
    const held = this.#held.get(keyOf(partitionKey, ref.runId))
    const at = { ...(path !== undefined && { path: printedPath(path) }), ...(map !== undefined && { map }) }
    if (held !== undefined) return held.app.cancel({ reason, ...at })
    return cancelStored({ persister: this.persister, appId: ref.runId, partitionKey, reason, ...at })
  }

  events({ signal }: { readonly signal?: AbortSignal } = {}): AsyncIterableIterator<HostEvent> {
    return this.#readers.read(signal)
  }

  health(): HostHealth {
    return healthOf({
      state: this.#state,
      error: this.#error,
      running: this.#held.size,
      concurrency: this.#concurrency,
      lookedAt: this.#lookedAt,
      held: this.#held.values(),
    })
  }

  drain(): Promise<readonly HostRun[]> {
    this.#drained ??= this.#drain()
    return this.#drained
  }

  async #drain(): Promise<readonly HostRun[]> {
    this.#state = 'draining' // K4
    for (const end of this.#ends) end()
    this.#clock.clearTimeout(this.#timer)
    this.emit({ type: 'draining' })
    const all = async (): Promise<void> => {
      await Promise.all([...this.#taking.values()].map(({ promise }) => promise))
      await Promise.all([...this.#held.values()].map((held) => held.drain()))
    }
    await within(this.#clock, this.#options.drainMs ?? 10_000, all())
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
