import { MemoryDriver } from './memory-driver.js'
import { createPersister, type Persister } from './persister.js'

/** Options of {@link memoryPersister}. */
export interface MemoryOptions {
  /** The clock of the store, which decides when a lease is over: epoch milliseconds. Default `Date.now`. */
  readonly now?: () => number
}

/**
 * A persister in the memory of this process, for tests, and for rewinding and forking without a store.
 *
 * @example
 * ```ts
 * const persister = memoryPersister()
 * ```
 * @see Burr `InMemoryPersister` in burr/core/persistence.py
 */
export function memoryPersister({ now }: MemoryOptions = {}): Persister {
  return createPersister(new MemoryDriver(now))
}
