import { createPersister, type Group, PersistenceError, type Persister } from 'teasel/persistence'
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

/** A runner's connection to a store, which may be away for a time. */
export interface Absent {
  readonly persister: Persister
  /** From now on every write is refused. */
  leave(): void
  comeBack(): void
}

/** A connection to a store that may be away. @param refuses which saves are refused then */
export function absent({ driver }: Persister, refuses: (group: Group) => boolean = () => true): Absent {
  let away = false
  const refused = () => new PersistenceError('No connection.', { fault: 'unavailable', appId: undefined })
  const persister = createPersister(
    overDriver(driver, {
      beat(...beat) {
        if (away) throw refused()
        return driver.beat(...beat)
      },
      save(group) {
        if (away && refuses(group)) throw refused()
        return driver.save(group)
      },
      close() {},
    }),
  )
  return {
    persister,
    leave() {
      away = true
    },
    comeBack() {
      away = false
    },
  }
}
