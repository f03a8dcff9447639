import type { DelayedError, Job, Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import { createDeferred, type Deferred } from '../../internal/deferred.js'
import type { JobConsumer, JobEnd, TakenJob } from '../../jobs/engine-driver.js'
import type { Connections } from './connections.js'
import { fromJobId } from './job-id.js'
import type { Peers } from './peers.js'

// Owns: the worker of BullMQ that takes jobs, and what it holds.
// W1  A job whose lock ran out is lost: its signal aborts, by the answer of the server, or by the clock while there is
//     none. What it returns then changes nothing.
// W2  A job that comes again while its former run still goes on here, is handed back until that one has ended: BullMQ
//     renews the locks of a worker by job.
// W3  A job is never failed: its worker dies, leaves it, or hands it back. Who counts is above.
// W4  More jobs at a time are taken at once, also while all that are taken go on.

export interface ConsumerSettings {
  readonly queue: string
  readonly prefix: string
  readonly lockMs: number
  readonly stalledMs: number
  readonly closeMs: number
}

interface Held {
  readonly abort: AbortController
  readonly ended: Deferred<void>
  /** When its lock runs out unless it is renewed, by `performance.now()`. */
  lockedUntil: number
}

const HAND_BACK_MS = 250

export class Consumer implements JobConsumer {
  readonly #run: (job: TakenJob) => Promise<JobEnd>
  readonly #settings: ConsumerSettings
  readonly #connections: Connections
  readonly #redis: Redis
  readonly #worker: Worker<string>
  readonly #delayed: typeof DelayedError
  readonly #held = new Map<string, Held>()
  readonly #watch: ReturnType<typeof setInterval>
  #closing: Promise<void> | undefined

  constructor(
    peers: Peers,
    connections: Connections,
    run: (job: TakenJob) => Promise<JobEnd>,
    concurrency: number,
    settings: ConsumerSettings,
  ) {
    const { queue, prefix, lockMs, stalledMs } = settings
    this.#run = run
    this.#settings = settings
    this.#connections = connections
    this.#delayed = peers.bullmq.DelayedError
    this.#redis = connections.open(peers, true)
    this.#worker = new peers.bullmq.Worker<string>(queue, (job, token) => this.#take(job, token), {
      connection: this.#redis,
      prefix,
      concurrency: atLeastOne(concurrency),
      lockDuration: lockMs,
      stalledInterval: stalledMs,
      maxStalledCount: Number.MAX_SAFE_INTEGER, // W3
      runRetryDelay: 1_000,
      drainDelay: 1, // seconds: a worker that dies may have taken the sign of a new job from the others
      autorun: false,
    })
    this.#worker.on('error', (error) => connections.failed(error))
    this.#worker.on('lockRenewalFailed', (ids) => {
      for (const id of ids) this.#lose(id, 'Its lock was not renewed: another worker may have it.')
    })
    this.#worker.on('locksRenewed', ({ jobIds }) => {
      for (const id of jobIds) {
        const held = this.#held.get(id)
        if (held !== undefined) held.lockedUntil = performance.now() + lockMs
      }
    })
    this.#watch = setInterval(() => this.#loseUnlocked(), lockMs / 4)
    this.#watch.unref()
  }

  /** Resolves when it takes jobs. */
  async start(): Promise<void> {
    await this.#connections.within('take jobs', () => this.#worker.waitUntilReady())
    void this.#worker.run().catch((error: unknown) => this.#connections.failed(error))
  }

  setConcurrency(concurrency: number): void {
    const [before, now] = [this.#worker.concurrency, atLeastOne(concurrency)]
    this.#worker.concurrency = now
    if (now <= before || this.#held.size < before || this.#closing !== undefined) return
    // W4: while as many as before go on, BullMQ waits for one of them.
    this.#worker.pause(true).catch((error: unknown) => this.#connections.failed(error))
    void this.#worker.resume()
  }

  async #take(job: Job<string>, token: string | undefined): Promise<void> {
    const jobId = String(job.id)
    const former = this.#held.get(jobId)
    if (former !== undefined) {
      this.#lose(jobId, 'Its lock ran out, and it was taken again.')
      return this.#handBack(job, token, HAND_BACK_MS) // W2
    }
    const { lockMs } = this.#settings
    const held: Held = {
      abort: new AbortController(),
      ended: createDeferred<void>(),
      lockedUntil: performance.now() + lockMs,
    }
    this.#held.set(jobId, held)
    let end: JobEnd
    try {
      end = await this.#run({ id: fromJobId(jobId), data: job.data, signal: held.abort.signal })
    } finally {
      this.#held.delete(jobId)
      held.ended.resolve()
    }
    if (held.abort.signal.aborted) throw new this.#delayed() // W1
    if (end !== undefined) await this.#handBack(job, token, end.againInMs)
  }

  async #handBack(job: Job<string>, token: string | undefined, ms: number): Promise<never> {
    // If this fails, the lock is not renewed any more, and the job is taken again after it (W3).
    await job.moveToDelayed(Date.now() + ms, token).catch((error: unknown) => this.#connections.failed(error))
    throw new this.#delayed()
  }

  #lose(jobId: string, why: string): void {
    this.#held.get(jobId)?.abort.abort(new TypeError(why))
  }

  #loseUnlocked(): void {
    const now = performance.now()
    for (const [id, { lockedUntil }] of this.#held)
      if (lockedUntil < now) this.#lose(id, 'Its lock ran out: the server was not reached in time to renew it.')
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const closed = this.#worker.close().catch((error: unknown) => this.#connections.failed(error))
    const ended = Promise.all([...this.#held.values()].map((held) => held.ended.promise))
    await Promise.race([closed, ended])
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#settings.closeMs)
    })
    await Promise.race([closed, late])
    clearTimeout(timer)
    await this.#end()
  }

  /** Leaves its jobs at once. They are taken again after their locks. */
  async abandon(why: string): Promise<void> {
    for (const id of this.#held.keys()) this.#lose(id, why)
    this.#closing ??= this.#worker.close(true).catch(() => {})
    await this.#end()
  }

  async #end(): Promise<void> {
    clearInterval(this.#watch)
    await this.#connections.end(this.#redis)
  }
}

const atLeastOne = (concurrency: number): number => Math.min(Math.max(1, concurrency), Number.MAX_SAFE_INTEGER)
