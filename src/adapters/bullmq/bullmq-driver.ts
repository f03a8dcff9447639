import { randomUUID } from 'node:crypto'
import type { Queue } from 'bullmq'
import type { Redis } from 'ioredis'
import type { EngineDriver, Job, JobConsumer, JobEnd, JobStatus, TakenJob } from '../../jobs/engine-driver.js'
import { type BullmqDriverOptions, type BullmqSettings, settingsOf } from './bullmq-options.js'
import { Channels } from './channels.js'
import { Connections } from './connections.js'
import { Consumer } from './consumer.js'
import { toJobId } from './job-id.js'
import { AT_ONCE, LOOKUP, REMOVE } from './scripts.js'

// Owns: the jobs, channels and texts of one queue of BullMQ, for one process.
// Does not own: what jobs and texts mean.
// B1  A job leaves nothing behind: BullMQ removes it when it ends, and it returns nothing, so that its events are small.
// B2  The truth is asked of the keys of a job, at a cost that does not grow with the queue. Events of BullMQ, which may
//     be lost, are not used.
// B3  A text that was put is read first and removed after, so that a lost answer loses no text.

const TEXT_TTL_S = 3_600

/** The connections of a driver that sends. */
interface Sender {
  readonly redis: Redis
  readonly queue: Queue<string>
}

class BullmqDriver implements EngineDriver {
  readonly name: string
  readonly #settings: BullmqSettings
  readonly #connections: Connections
  readonly #channels: Channels
  readonly #consumers = new Set<Consumer>()
  readonly #base: string
  #sender: Promise<Sender> | undefined
  #closed: Promise<void> | undefined

  constructor(settings: BullmqSettings) {
    const { queue, prefix, connection, timeoutMs } = settings
    this.name = `bullmq ${queue}`
    this.#settings = settings
    this.#base = `${prefix}:${queue}:`
    this.#connections = new Connections({ name: this.name, connection, timeoutMs })
    this.#channels = new Channels(this.#connections)
  }

  async enqueue(jobs: readonly Job[]): Promise<void> {
    const bulk = jobs.map(({ id, data, delayMs = 0, priority = 0 }) => ({
      name: 'job',
      data,
      opts: { jobId: toJobId(id), delay: Math.max(0, delayMs), priority },
    }))
    const { queue, redis } = await this.#send()
    for (let at = 0; at < bulk.length; at += AT_ONCE)
      await this.#connections.send('add jobs', redis, () => queue.addBulk(bulk.slice(at, at + AT_ONCE)))
  }

  async lookup(ids: readonly string[]): Promise<ReadonlyMap<string, JobStatus>> {
    const { redis } = await this.#send()
    const found = new Map<string, JobStatus>()
    for (let at = 0; at < ids.length; at += AT_ONCE) {
      const some = ids.slice(at, at + AT_ONCE)
      const keys = some.map((id) => this.#base + toJobId(id))
      const answer = await this.#connections.send('look jobs up', redis, () => redis.eval(LOOKUP, keys.length, ...keys))
      for (const [i, place] of (answer as readonly number[]).entries()) {
        const id = some[i]
        if (id !== undefined && place > 0) found.set(id, place === 1 ? 'queued' : 'active')
      }
    }
    return found
  }

  async remove(id: string): Promise<boolean> {
    const { redis } = await this.#send()
    const jobId = toJobId(id)
    const keys = [jobId, 'wait', 'paused', 'delayed', 'prioritized'].map((key) => this.#base + key)
    const removing = () => redis.eval(REMOVE, keys.length, ...keys, jobId)
    return (await this.#connections.send('remove a job', redis, removing)) === 1
  }

  async publish(channel: string, texts: readonly string[]): Promise<void> {
    if (texts.length === 0) return
    const { redis } = await this.#send()
    const name = this.#channel(channel)
    await this.#connections.send('publish', redis, async () => {
      const pipeline = redis.pipeline()
      for (const text of texts) pipeline.publish(name, text)
      const failed = (await pipeline.exec())?.find(([error]) => error !== null)?.[0]
      if (failed) throw failed
    })
  }

  listen(channel: string, receive: (text: string) => void): Promise<() => Promise<void>> {
    return this.#channels.listen(this.#channel(channel), receive)
  }

  async put(text: string): Promise<string> {
    const { redis } = await this.#send()
    const reference = randomUUID()
    await this.#connections.send('store a text', redis, () => redis.set(this.#text(reference), text, 'EX', TEXT_TTL_S))
    return reference
  }

  async take(reference: string): Promise<string | undefined> {
    const { redis } = await this.#send()
    const key = this.#text(reference)
    const text = await this.#connections.send('read a text', redis, () => redis.get(key))
    if (text === null) return undefined
    await this.#connections.send('remove a text', redis, () => redis.unlink(key)).catch(() => {}) // B3
    return text
  }

  async consume(
    run: (job: TakenJob) => Promise<JobEnd>,
    { concurrency }: { readonly concurrency: number },
  ): Promise<JobConsumer> {
    const peers = await this.#connections.peers()
    await this.#send() // keeps the settings of the queue
    const consumer = new Consumer(peers, this.#connections, run, concurrency, {
      ...this.#settings,
      closeMs: this.#settings.timeoutMs,
    })
    this.#consumers.add(consumer)
    try {
      await consumer.start()
    } catch (error) {
      this.#consumers.delete(consumer)
      await consumer.abandon('It never began.')
      throw error
    }
    return consumer
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#consumers].map((one) => one.abandon(`${this.name} was closed.`)))
    await this.#connections.close()
    const sender = await this.#sender?.catch(() => undefined)
    await sender?.queue.close().catch(() => {})
  }

  readonly #channel = (name: string): string => `${this.#base}channel:${name}`
  readonly #text = (reference: string): string => `${this.#base}text:${reference}`

  /** Opens the connection that sends. After a failure, the next call tries again. */
  #send(): Promise<Sender> {
    this.#sender ??= this.#open().catch((error: unknown) => {
      this.#sender = undefined
      throw error
    })
    return this.#sender
  }

  async #open(): Promise<Sender> {
    const { queue: name, prefix, concurrency } = this.#settings
    const peers = await this.#connections.peers()
    const redis = this.#connections.open(peers)
    try {
      await this.#connections.ready(redis)
      const queue = new peers.bullmq.Queue<string>(name, {
        connection: redis,
        prefix,
        streams: { events: { maxLen: 100 } },
        defaultJobOptions: { removeOnComplete: true, removeOnFail: true, keepLogs: 0, stackTraceLimit: 0 }, // B1
      })
      queue.on('error', (error) => this.#connections.failed(error))
      await this.#connections.within('connect', () => queue.waitUntilReady())
      if (concurrency !== undefined)
        await this.#connections.within('set its concurrency', () => queue.setGlobalConcurrency(concurrency))
      return { redis, queue }
    } catch (error) {
      redis.disconnect()
      throw error
    }
  }
}

/**
 * The driver of one queue of BullMQ 6.4 or newer, on Redis. Tested with BullMQ 6.7 and Redis 7.0.
 *
 * A job leaves nothing behind in Redis when it ends. Workers that die are noticed by their locks: a job is taken again
 * within `lockMs` + `stalledMs`. While the server is away, calls reject within `timeoutMs`, and connections are opened
 * again. It connects on first use.
 *
 * Redis has to keep what it is given: `maxmemory-policy noeviction`, and `appendonly yes` if jobs shall outlive it.
 * @throws {TypeError} for an unknown option, or a connection that is none
 * @throws {RangeError} with every invalid option
 *
 * @example
 * ```ts no-run
 * const driver = bullmqDriver({ connection: 'redis://127.0.0.1:6379', queue: 'support' })
 * console.log(driver.name) // bullmq support
 * ```
 */
export function bullmqDriver(options: BullmqDriverOptions): EngineDriver {
  return driverOf('bullmqDriver', options)
}

/** As {@link bullmqDriver}. @param subject the function in messages: `createWorker` */
export const driverOf = (subject: string, options: BullmqDriverOptions): EngineDriver =>
  new BullmqDriver(settingsOf(subject, options))
