import type { Registry } from 'teasel/executor'
import type { EngineDriver } from 'teasel/executor/jobs'
import { createPersister, memoryPersister, type Persister } from 'teasel/persistence'
import type { Executor } from '../../src/action/executor.js'
import type { Clock } from '../../src/internal/clock.js'
import { JobDriver } from '../../src/jobs/job-driver.js'
import { type JobWorker, type JobWorkerOptions, startWorker } from '../../src/jobs/job-worker.js'
import { createExecutor } from '../../src/remote/create-executor.js'
import { overDriver } from '../support/over-driver.js'
import { quiet } from '../support/quiet-logger.js'

// Owns: executors and workers over jobs whose time passes faster.

/** A clock that is `speed` times as fast: what is waited for comes sooner, in the same order. */
const fastClock = (speed: number): Clock => ({
  now: () => Date.now(),
  monotonic: () => performance.now() * speed,
  setTimeout: (fn, ms) => setTimeout(fn, ms / speed),
  clearTimeout: (timer) => clearTimeout(timer as Parameters<typeof clearTimeout>[0]),
})

const SPEED = 20

export const executorOver = (driver: EngineDriver, more: { readonly sweepMs?: number } = {}): Executor =>
  createExecutor(new JobDriver(driver, { clock: fastClock(SPEED), logger: quiet, ...more }), {
    requiresStore: false,
    maxDeliveries: 100,
  })

export const workerOver = (
  driver: EngineDriver,
  registries: readonly Registry[],
  more: Omit<JobWorkerOptions, 'registries'> = {},
): JobWorker => startWorker(driver, { registries, logger: quiet, ...more }, { clock: fastClock(SPEED) })

/** A store in memory that several processes could open, as it states. */
export function sharedStore(): () => Persister {
  const { driver } = memoryPersister()
  return () => createPersister(overDriver(driver, { shared: true }))
}

/** Numbers from 0 to 1 that a seed determines. */
export function seeded(seed: number): () => number {
  let state = seed * 2_654_435_761 + 1
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
