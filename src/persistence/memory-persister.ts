import { MemoryDriver } from './memory-driver.js'
import { createPersister, type Persister } from './persister.js'

/**
 * A persister that keeps everything in the memory of this process: for tests, and for rewinding and forking without a
 * store.
 *
 * @example
 * ```ts
 * const persister = memoryPersister()
 * ```
 */
export function memoryPersister(): Persister {
  return createPersister(new MemoryDriver())
}
