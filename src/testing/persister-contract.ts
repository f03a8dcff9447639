import type { Awaitable, PersisterDriver } from '../persistence/driver.js'
import { BELOW } from './below-cases.js'
import type { ContractCase } from './contract-case.js'
import { KEEPING } from './keeping-cases.js'
import { LEASES } from './lease-cases.js'
import { LISTS } from './list-cases.js'
import { SAVING } from './saving-cases.js'
import { SUMMARIES } from './summary-cases.js'
import { WAITS } from './wait-cases.js'

/** A store under test; each case opens its own. */
export interface StoreUnderTest {
  /** Opens a driver over an empty store. */
  open(): Awaitable<PersisterDriver>
  /** Opens a second driver over the same store, as another process would; omit it when the store does not allow one. */
  again?(first: PersisterDriver): Awaitable<PersisterDriver>
}

/**
 * The requirements of every driver, one test each. Run them with any test runner, and close the opened stores.
 *
 * @example
 * ```ts
 * // With a test runner: for (const { name, run } of cases) it(name, run)
 * const cases = persisterContract({ open: () => memoryPersister().driver })
 * for (const { run } of cases) await run()
 * ```
 *
 */
export function persisterContract({ open, again }: StoreUnderTest): readonly ContractCase[] {
  return Object.entries({ ...SAVING, ...KEEPING, ...SUMMARIES, ...LISTS, ...BELOW, ...WAITS, ...LEASES }).map(
    ([name, check]) => ({
      name,
      async run() {
        const driver = await open()
        const second = again === undefined ? driver : await again(driver)
        try {
          await check(driver, second)
        } finally {
          if (second !== driver) await second.close()
          await driver.close()
        }
      },
    }),
  )
}
