import { createPersister, memoryPersister, PersistenceError, type Persister } from 'teasel/persistence'
import { overDriver } from './over-driver.js'

/** A fault of one save. */
export type Flaw = 'away' | 'lost-answer'

/** A persister whose saves fail on command, and that answers at once or later. */
export function flakyPersister(flaws: (save: number) => Flaw | undefined, later = false): Persister {
  const { driver } = memoryPersister()
  let saves = 0
  const away = () => new PersistenceError('No connection.', { fault: 'unavailable', appId: undefined })
  const flaky = overDriver(driver, {
    name: 'flaky',
    save(group) {
      const save = (): void => {
        const flaw = flaws(saves++)
        if (flaw === 'away') throw away()
        void driver.save(group)
        if (flaw === 'lost-answer') throw away()
      }
      return later ? new Promise<void>((resolve) => setImmediate(resolve)).then(save) : save()
    },
  })
  return createPersister(flaky)
}
