import type { EngineDriver } from '../jobs/engine-driver.js'
import type { Awaitable } from '../persistence/driver.js'
import type { ContractCase } from './contract-case.js'
import { CHANNELS } from './engine-channels.js'
import { CONSUMERS } from './engine-consumers.js'
import { JOBS } from './engine-jobs.js'
import { LOSSES } from './engine-losses.js'
import { EngineRig } from './engine-rig.js'

/** An engine of jobs under test; each case opens its own. */
export interface EngineUnderTest {
  /** Opens a driver over an empty engine. Let it notice a dead worker within a few seconds. */
  open(): Awaitable<EngineDriver>
  /** Opens a second driver over the same engine, as another process would. */
  again(first: EngineDriver): Awaitable<EngineDriver>
  /**
   * Cuts a driver off from its engine, as a network does, and gives a function that connects it again. Leave it out where
   * there is no network.
   */
  readonly cut?: (driver: EngineDriver) => Awaitable<() => Awaitable<void>>
}

/**
 * The requirements of every engine of jobs, one test each. Run them with any test runner. Without `cut`, the cases of
 * workers that are lost are left out.
 *
 * @example
 * ```ts no-run
 * let prefix = ''
 * const connect = () => bullmqDriver({ connection: 'redis://127.0.0.1:6379', prefix, lockMs: 1_000, stalledMs: 500 })
 * const cases = engineContract({
 *   open() {
 *     prefix = crypto.randomUUID()
 *     return connect()
 *   },
 *   again: connect,
 * })
 * for (const { name, run } of cases) it(name, run)
 * ```
 */
export function engineContract(subject: EngineUnderTest): readonly ContractCase[] {
  const { cut } = subject
  const all = { ...JOBS, ...CONSUMERS, ...CHANNELS, ...(cut !== undefined && LOSSES) }
  return Object.entries(all).map(([name, check]) => ({
    name,
    async run() {
      const first = await subject.open()
      const second = await subject.again(first)
      const rig = new EngineRig(first, second, cut)
      try {
        await check(rig)
      } finally {
        await rig.close()
      }
    },
  }))
}
