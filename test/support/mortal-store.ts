import { createPersister, type Persister } from 'teasel/persistence'
import { overDriver } from './over-driver.js'

/** A runner's connection to a store, which a crash cuts off. */
export interface Mortal {
  readonly persister: Persister
  /** From now on nothing is written, and no call returns. */
  crash(): void
}

/** A connection to a store that can be cut off, as its process can. */
export function mortal({ driver }: Persister): Mortal {
  let dead = false
  const persister = createPersister(
    overDriver(driver, {
      beat: (...beat) => (dead ? new Promise<number>(() => {}) : driver.beat(...beat)),
      save: (group) => (dead ? new Promise<void>(() => {}) : driver.save(group)),
      close() {},
    }),
  )
  return {
    persister,
    crash() {
      dead = true
    },
  }
}
