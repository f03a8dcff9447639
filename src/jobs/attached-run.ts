import type { Path } from '../action/context.js'
import type { Message } from '../action/message.js'
import type { Clock } from '../internal/clock.js'
import { createDeferred, type Deferred } from '../internal/deferred.js'
import { cancelStored } from '../persistence/cancel-stored.js'
import type { RootKey } from '../persistence/driver.js'
import { isEnded } from '../persistence/due.js'
import { parseFacts } from '../persistence/facts.js'
import type { Persister } from '../persistence/persister.js'
import { pendingOf } from '../persistence/reading/app-node.js'
import { sendStored } from '../persistence/send-stored.js'
import type { StoredRun } from '../persistence/summary.js'
import type { SummaryFacts } from '../persistence/summary-facts.js'
import type { DescribeOptions } from '../read/reader.js'
import type { Pending, RunTree } from '../read/tree.js'
import type { WirePath } from '../read/wire-path.js'
import { PersistenceError } from '../store-errors.js'
import type { EngineDriver } from './engine-driver.js'
import { jobOf, runJobId, timedJobId } from './run-jobs.js'
import type { AttachedRun, RunEnd } from './run-queue-api.js'
import { type RunEvent, RunReading } from './run-reading.js'
import { changesOf, channelOf, type RunRequest, tell } from './run-texts.js'

// Owns: a run that this process looks at: when the store is asked about it, and who learns the answer.
// A1  The store is asked at each change that a worker tells, and at intervals, because a hint may be lost; and only while
//     somebody reads events, or awaits the outcome.
// A2  Nothing of a run that is not stored hangs: its readers and its outcome fail.
// A3  A message or a cancel is stored first. Then the run gets a job, or its holder a hint.

/** What looking at runs takes. */
export interface AttachSettings {
  readonly driver: EngineDriver
  readonly persister: Persister
  readonly clock: Clock
  readonly pollMs: number
  /** Adds a reader of events to the channel of this process. @returns a function that ends it */
  readonly receive: (reading: RunReading) => Promise<() => void>
  /** The channel of this process. */
  readonly channel: string
  /** Called when the run is closed. */
  readonly closed: (run: AttachedRun) => void
}

export class StoredRunView implements AttachedRun {
  readonly runId: string
  readonly partitionKey: string | null
  readonly #settings: AttachSettings
  readonly #readings = new Set<RunReading>()
  #outcome: Deferred<RunEnd> | undefined
  #settled = false
  #timer: unknown
  #looking = false
  #again = false
  #unlisten: Promise<(() => Promise<void>) | undefined> | undefined
  #closed = false
  #closing: Promise<void> | undefined

  constructor({ partitionKey, rootId }: RootKey, settings: AttachSettings) {
    this.runId = rootId
    this.partitionKey = partitionKey
    this.#settings = settings
  }

  get #root(): RootKey {
    return { partitionKey: this.partitionKey, rootId: this.runId }
  }

  get outcome(): Promise<RunEnd> {
    if (this.#outcome === undefined) {
      this.#outcome = createDeferred<RunEnd>()
      this.#outcome.promise.catch(() => {}) // whoever reads it gets the error
      if (this.#closed) this.#failOutcome(this.#closedError())
      else this.#lookSoon()
    }
    return this.#outcome.promise
  }

  async *events({ signal }: { readonly signal?: AbortSignal } = {}): AsyncGenerator<RunEvent, void, void> {
    signal?.throwIfAborted()
    if (this.#closed) return
    const { driver, clock, channel, receive } = this.#settings
    const request = (to: string, what: RunRequest): void => void tell(driver, to, what)
    const reading = new RunReading(this.#root, { channel, now: () => clock.now(), request })
    const end = await receive(reading)
    const onAbort = (): void => reading.end()
    if (this.#closed || signal?.aborted === true) reading.end()
    signal?.addEventListener('abort', onAbort, { once: true })
    this.#readings.add(reading)
    this.#lookSoon()
    try {
      for (let next = await reading.take(); next !== undefined; next = await reading.take()) {
        yield next
        signal?.throwIfAborted()
      }
      signal?.throwIfAborted()
    } finally {
      signal?.removeEventListener('abort', onAbort)
      reading.leave()
      end()
      this.#readings.delete(reading)
      this.#rest()
    }
  }

  get #isWanted(): boolean {
    return !this.#closed && (this.#readings.size > 0 || (this.#outcome !== undefined && !this.#settled))
  }

  /** Nobody looks any more: no timer and no listener is left (A1). */
  #rest(): void {
    if (this.#isWanted) return
    this.#settings.clock.clearTimeout(this.#timer)
    this.#timer = undefined
    const ended = this.#unlisten
    this.#unlisten = undefined
    void ended?.then((end) => end?.()).catch(() => {})
  }

  #lookSoon(): void {
    if (!this.#isWanted) return
    this.#again = this.#looking
    if (!this.#looking) void this.#look()
  }

  async #look(): Promise<void> {
    const { driver, clock, persister, pollMs } = this.#settings
    clock.clearTimeout(this.#timer)
    this.#timer = undefined
    this.#looking = true
    this.#unlisten ??= driver.listen(changesOf(this.#root), () => this.#lookSoon()).catch(() => undefined)
    await this.#unlisten // a change that comes after the look is told
    try {
      const run = await persister.driver.find(this.#root)
      if (run === undefined)
        this.#fail(this.#unknown()) // A2
      else await this.#found(run)
    } catch (error) {
      if (!PersistenceError.is(error) || error.fault !== 'unavailable') this.#fail(error)
    }
    this.#looking = false
    if (!this.#isWanted) return this.#rest()
    if (this.#again) {
      this.#again = false
      return this.#look()
    }
    this.#timer = clock.setTimeout(() => this.#lookSoon(), pollMs)
  }

  async #found(run: StoredRun): Promise<void> {
    for (const reading of this.#readings) reading.looked(run)
    if (this.#outcome === undefined || this.#settled) return
    const { summary } = run
    if (summary === undefined || !isEnded(summary.status)) return
    const record = await this.#settings.persister.load({ appId: this.runId, partitionKey: this.partitionKey })
    const { error, cancelled } = parseFacts<SummaryFacts>(
      summary.facts,
      `The summary of run "${this.runId}"`,
      this.runId,
    )
    this.#settled = true
    this.#outcome.resolve({
      status: summary.status as RunEnd['status'],
      state: record?.state ?? {},
      sequenceId: record?.sequenceId ?? -1,
      ...(error && { error }),
      ...(cancelled && { cancelled }),
    })
  }

  #unknown(): RangeError {
    const { persister } = this.#settings
    const where = this.partitionKey === null ? '' : ` in partition "${this.partitionKey}"`
    return new RangeError(
      `There is no run "${this.runId}"${where} in the store "${persister.name}". Check its id and its partitionKey; or it was deleted.`,
    )
  }

  #closedError(): TypeError {
    return new TypeError(`Looking at run "${this.runId}" has ended: it was closed. Attach to it again.`)
  }

  #fail(error: unknown): void {
    for (const reading of this.#readings) reading.fail(error)
    this.#failOutcome(error)
  }

  #failOutcome(error: unknown): void {
    if (this.#outcome === undefined || this.#settled) return
    this.#settled = true
    this.#outcome.reject(error)
  }

  async send(
    message: Message,
    { path }: { readonly path?: string | Path | WirePath | undefined } = {},
  ): Promise<'queued' | 'dropped'> {
    const { driver, persister, clock } = this.#settings
    const { runId: appId, partitionKey } = this
    const sent = await sendStored({ persister, appId, partitionKey, message, path })
    if (sent === 'dropped') return sent
    try {
      const run = await persister.driver.find(this.#root)
      const job = run && jobOf(run, clock.now())
      if (job !== undefined) await driver.enqueue([job]) // A3
    } catch {} // the sweep of a worker enqueues it
    return sent
  }

  async cancel({
    reason,
  }: {
    readonly reason?: unknown
  } = {}): Promise<'cancelled' | 'requested' | 'ended' | 'unknown'> {
    const { driver, persister } = this.#settings
    const { runId: appId, partitionKey } = this
    const before = await persister.driver.find(this.#root)
    const answer = await cancelStored({ persister, appId, partitionKey, reason })
    if (answer === 'cancelled' && before !== undefined) {
      const timed = timedJobId(before)
      const ids = [runJobId(before, before.claim?.incarnation ?? 0), ...(timed === undefined ? [] : [timed])]
      // A job that is left finds nothing due.
      await Promise.all(ids.map((id) => driver.remove(id).catch(() => false)))
      void tell(driver, changesOf(this.#root), { t: 'released' })
    }
    if (answer === 'requested') await this.#askHolder()
    return answer
  }

  async #askHolder(): Promise<void> {
    const run = await Promise.resolve(this.#settings.persister.driver.find(this.#root)).catch(() => undefined)
    const to = run && channelOf(run)
    if (to !== undefined) await tell(this.#settings.driver, to, { t: 'cancel', ...this.#root })
  }

  describe(options: DescribeOptions = {}): Promise<RunTree | undefined> {
    const { runId, partitionKey } = this
    return this.#settings.persister.describe({ ...options, runId, partitionKey })
  }

  async pending(): Promise<readonly Pending[]> {
    const found = await this.#settings.persister.driver.waits({ ...this.#root, answered: false, limit: 1_000 })
    return found.map(pendingOf)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#closed = true
    for (const reading of this.#readings) reading.end()
    this.#failOutcome(this.#closedError())
    const ended = this.#unlisten
    this.#rest()
    await ended
    this.#settings.closed(this)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
