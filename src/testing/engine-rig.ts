import { createDeferred } from '../internal/deferred.js'
import type { EngineDriver, Job, JobConsumer, JobEnd, JobStatus, TakenJob } from '../jobs/engine-driver.js'
import type { Awaitable } from '../persistence/driver.js'
import { ContractBroken } from './contract-case.js'

// Owns: the drivers and workers of one case of the contract of engines, and waiting for what they do.

const PATIENCE_MS = 20_000
const POLL_MS = 5

/** Cuts a driver off. @returns a function that connects it again */
type Cut = (driver: EngineDriver) => Awaitable<() => Awaitable<void>>

/** One case of the contract. */
export type EngineCheck = (rig: EngineRig) => Promise<void>

/** A job that a worker of a case has taken, and the lever that ends it. */
export interface HeldJob extends TakenJob {
  end(how?: JobEnd): void
}

/** A worker that keeps each job until the case ends it. */
export interface HoldingWorker extends JobConsumer {
  /** Jobs that it has taken and that have not ended, in their order. */
  readonly held: readonly HeldJob[]
  /** Ids of all jobs that it has taken, in their order. */
  readonly taken: readonly string[]
  /** The most that it had at a time. */
  readonly most: number
  /** The next job that it takes, and that was not asked for. */
  next(): Promise<HeldJob>
}

export class EngineRig {
  readonly first: EngineDriver
  readonly second: EngineDriver
  readonly #cut: Cut | undefined
  readonly #workers: HoldingWorker[] = []
  readonly #restore: (() => unknown)[] = []

  constructor(first: EngineDriver, second: EngineDriver, cut: Cut | undefined) {
    this.first = first
    this.second = second
    this.#cut = cut
  }

  /** Cuts a driver off, until the case connects it again. */
  async cut(driver: EngineDriver): Promise<() => Promise<void>> {
    const connect = await this.#cut?.(driver)
    const restore = async (): Promise<void> => void (await connect?.())
    this.#restore.push(restore)
    return restore
  }

  /** Starts a worker that keeps its jobs. */
  async hold(driver: EngineDriver, concurrency = 1): Promise<HoldingWorker> {
    const held: HeldJob[] = []
    const taken: string[] = []
    const unasked: HeldJob[] = []
    const asked: ((job: HeldJob) => void)[] = []
    let most = 0
    const run = async (job: TakenJob): Promise<JobEnd> => {
      const { promise, resolve } = createDeferred<JobEnd>()
      const one = { id: job.id, data: job.data, signal: job.signal, end: resolve }
      held.push(one)
      taken.push(job.id)
      most = Math.max(most, held.length)
      const waiting = asked.shift()
      if (waiting === undefined) unasked.push(one)
      else waiting(one)
      const end = await promise
      held.splice(held.indexOf(one), 1)
      return end
    }
    const consumer = await driver.consume(run, { concurrency })
    const worker: HoldingWorker = {
      held,
      taken,
      get most() {
        return most
      },
      next() {
        const one = unasked.shift()
        if (one !== undefined) return Promise.resolve(one)
        return within('A worker takes a job', new Promise((resolve) => void asked.push(resolve)))
      },
      setConcurrency: (to) => consumer.setConcurrency(to),
      close: () => consumer.close(),
    }
    this.#workers.push(worker)
    return worker
  }

  /** Runs one job after the other, until as many were taken. @returns their ids, in the order in which they were taken */
  async drain(driver: EngineDriver, count: number): Promise<readonly string[]> {
    const ids: string[] = []
    const all = createDeferred<void>()
    const consumer = await driver.consume(
      async ({ id }) => {
        ids.push(id)
        if (ids.length === count) all.resolve()
        return undefined
      },
      { concurrency: 1 },
    )
    await within(`A worker takes ${count} jobs`, all.promise)
    await consumer.close()
    return ids
  }

  /** Waits until a job has a status; undefined: until there is none. */
  async until(id: string, status: JobStatus | undefined, driver = this.first): Promise<void> {
    await eventually(`"${id}" is ${status ?? 'gone'}`, async () => (await driver.lookup([id])).get(id) === status)
  }

  async close(): Promise<void> {
    for (const restore of this.#restore) await restore()
    const closing = this.#workers.map((worker) => worker.close())
    for (const { held } of this.#workers) for (const job of held) job.end()
    await within('Workers close', Promise.all(closing))
    await within('Drivers close', Promise.all([this.first.close(), this.second.close()]))
  }
}

/** Jobs of these ids, each with its id as data. */
export const jobs = (...ids: readonly string[]): readonly Job[] => ids.map((id) => ({ id, data: `data of ${id}` }))

/** Waits for something that is told. @throws {ContractBroken} when it does not come */
export async function within<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ContractBroken(`${what}: not within ${PATIENCE_MS} ms.`)), PATIENCE_MS)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Asks again and again. @throws {ContractBroken} when it does not come true */
export async function eventually(what: string, ask: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE_MS
  while (!(await ask())) {
    if (performance.now() > end) throw new ContractBroken(`${what}: not within ${PATIENCE_MS} ms.`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}
