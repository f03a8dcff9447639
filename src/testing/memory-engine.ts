import { createDeferred } from '../internal/deferred.js'
import type { EngineDriver, Job, JobConsumer, JobEnd, JobStatus, TakenJob } from '../jobs/engine-driver.js'

/** A connection to a {@link MemoryEngine}. */
export interface MemoryConnection extends EngineDriver {
  /** Ends it as `kill -9` would: its jobs go to others, and nothing that it does later has an effect. */
  kill(): void
}

/** An engine of jobs in this process. */
export interface MemoryEngine {
  /** Jobs that have not ended, by id. */
  readonly jobs: ReadonlyMap<string, JobStatus>
  /** Makes a connection, as each process has its own. */
  connect(): MemoryConnection
}

interface Kept extends Job {
  readonly order: number
  holder: { readonly lost: AbortController } | undefined
}

interface Consumer {
  room: number
  readonly held: Set<Kept>
  take(job: Kept): void
}

/**
 * An engine of jobs in this process, for tests of workers and executors: nothing is durable, and nothing is lost.
 *
 * @example
 * ```ts
 * const engine = memoryEngine()
 * const driver = engine.connect()
 * await driver.enqueue([{ id: 'a', data: '{}' }])
 * console.log(await driver.lookup(['a', 'b'])) // Map(1) { 'a' => 'queued' }
 * ```
 */
export function memoryEngine(): MemoryEngine {
  const jobs = new Map<string, Kept>()
  const statuses = new Map<string, JobStatus>()
  const waiting: Kept[] = []
  const consumers = new Set<Consumer>()
  const channels = new Map<string, Set<(text: string) => void>>()
  const texts = new Map<string, string>()
  let count = 0

  const put = (job: Kept): void => {
    statuses.set(job.id, 'queued')
    waiting.push(job)
    waiting.sort((a, b) => (a.priority ?? 0) - (b.priority ?? 0) || a.order - b.order)
    queueMicrotask(place)
  }
  const place = (): void => {
    while (waiting.length > 0) {
      const free = [...consumers].find(({ held, room }) => held.size < room)
      if (free === undefined) return
      consumers.delete(free) // the others come first for the next one
      consumers.add(free)
      free.take(waiting.shift() as Kept)
    }
  }
  const later = (ms: number | undefined, job: Kept): void => {
    statuses.set(job.id, 'queued')
    if (ms) setTimeout(() => void (jobs.get(job.id) === job && put(job)), ms)
    else put(job)
  }
  const end = (job: Kept, how: JobEnd): void => {
    job.holder = undefined
    if (how !== undefined) return later(how.againInMs, job)
    jobs.delete(job.id)
    statuses.delete(job.id)
  }

  const connect = (): MemoryConnection => {
    const own = new Set<Consumer>()
    const ends = new Set<() => void>()
    let [dead, closed] = [false, false]
    /** @throws {TypeError} once it is closed; what a killed one does has no effect, and no error */
    const assertOpen = (): void => {
      if (closed) throw new TypeError('This connection to the engine is closed.')
    }
    const leave = (): void => {
      dead = true
      for (const one of own) consumers.delete(one)
      for (const stop of ends) stop()
    }
    return {
      name: 'memory',
      async enqueue(given: readonly Job[]) {
        assertOpen()
        for (const one of dead ? [] : given) {
          if (jobs.has(one.id)) continue
          const job: Kept = { ...one, order: count++, holder: undefined }
          jobs.set(job.id, job)
          later(job.delayMs, job)
        }
      },
      async lookup(ids) {
        assertOpen()
        return new Map(ids.flatMap((id) => (statuses.has(id) ? [[id, statuses.get(id) as JobStatus] as const] : [])))
      },
      async remove(id) {
        assertOpen()
        const job = jobs.get(id)
        if (dead || job === undefined || job.holder !== undefined) return false
        jobs.delete(id)
        statuses.delete(id)
        if (waiting.includes(job)) waiting.splice(waiting.indexOf(job), 1)
        return true
      },
      async publish(channel, given) {
        assertOpen()
        if (dead) return
        for (const text of given) for (const receive of [...(channels.get(channel) ?? [])]) receive(text)
      },
      async listen(channel, receive) {
        assertOpen()
        const all = channels.get(channel) ?? new Set()
        channels.set(channel, all)
        const one = (text: string): void => {
          try {
            receive(text)
          } catch {
            // A listener that fails harms no other.
          }
        }
        const stop = (): void => void all.delete(one)
        all.add(one)
        ends.add(stop)
        return async () => stop()
      },
      async put(text) {
        assertOpen()
        const reference = String(count++)
        texts.set(reference, text)
        return reference
      },
      async take(reference) {
        assertOpen()
        const text = texts.get(reference)
        texts.delete(reference)
        return text
      },
      async consume(run: (job: TakenJob) => Promise<JobEnd>, { concurrency }): Promise<JobConsumer> {
        assertOpen()
        const ended = createDeferred<void>()
        let open = true
        const consumer: Consumer = {
          room: concurrency,
          held: new Set(),
          take(job) {
            const holder = { lost: new AbortController() }
            job.holder = holder
            statuses.set(job.id, 'active')
            consumer.held.add(job)
            const { id, data } = job
            void run({ id, data, signal: holder.lost.signal }).then((how) => {
              consumer.held.delete(job)
              if (job.holder === holder && !dead) end(job, how)
              if (!open && consumer.held.size === 0) ended.resolve()
              place()
            })
          },
        }
        own.add(consumer)
        consumers.add(consumer)
        queueMicrotask(place)
        return {
          setConcurrency(room) {
            consumer.room = room
            if (open) queueMicrotask(place)
          },
          close() {
            open = false
            consumers.delete(consumer)
            if (consumer.held.size === 0) ended.resolve()
            return ended.promise
          },
        }
      },
      async close() {
        closed = true
        leave()
      },
      kill() {
        leave()
        for (const { held } of own)
          for (const job of held) {
            job.holder?.lost.abort(new Error('The worker has lost the job.'))
            end(job, { againInMs: 0 })
          }
      },
    }
  }
  return { jobs: statuses, connect }
}
