import {
  createPersister,
  memoryPersister,
  PersistenceError,
  type Persister,
  type PersisterDriver,
} from 'teasel/persistence'

/** A fault of one save. */
export type Flaw = 'away' | 'lost-answer'

/** A persister whose saves fail on command, and that answers at once or later. */
export function flakyPersister(flaws: (save: number) => Flaw | undefined, later = false): Persister {
  const { driver } = memoryPersister()
  let saves = 0
  const away = () => new PersistenceError('No connection.', { fault: 'unavailable', appId: undefined })
  const flaky: PersisterDriver = {
    name: 'flaky',
    claim: (root, writer, fence) => driver.claim(root, writer, fence),
    save(group) {
      const save = (): void => {
        const flaw = flaws(saves++)
        if (flaw === 'away') throw away()
        void driver.save(group)
        if (flaw === 'lost-answer') throw away()
      }
      return later ? new Promise<void>((resolve) => setImmediate(resolve)).then(save) : save()
    },
    load: (partitionKey, appIds, until) => driver.load(partitionKey, appIds, until),
    history: (partitionKey, appId) => driver.history(partitionKey, appId),
    list: (options) => driver.list(options),
    delete: (root) => driver.delete(root),
    post: (root, appId, data) => driver.post(root, appId, data),
    inbox: (root) => driver.inbox(root),
    close: () => driver.close(),
  }
  return createPersister(flaky)
}
