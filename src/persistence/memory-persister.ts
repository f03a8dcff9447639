import { MemoryDriver } from './memory-driver.js'
import { createPersister, type Persister } from './persister.js'

/**
 * A persister in the memory of this process, for tests, and for rewinding and forking without a store.
 *
 * @example
 * ```ts
 * const persister = memoryPersister()
 * ```
 * @see Burr `InMemoryPersister` in burr/core/persistence.py
 */
export function memoryPersister(): Persister {
  return createPersister(new MemoryDriver())
}
