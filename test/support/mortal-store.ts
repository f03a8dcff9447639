import { createPersister, type Persister } from 'teasel/persistence'

/** A runner's connection to a store, which a crash cuts off. */
export interface Mortal {
  readonly persister: Persister
  /** From now on nothing is written, and no call returns. */
  crash(): void
}

/** A connection to a store that can be cut off, as its process can. */
export function mortal({ driver }: Persister): Mortal {
  let dead = false
  const persister = createPersister({
    name: driver.name,
    claim: (root, writer, fence) => driver.claim(root, writer, fence),
    save: (group) => (dead ? new Promise<void>(() => {}) : driver.save(group)),
    load: (partitionKey, appIds, until) => driver.load(partitionKey, appIds, until),
    history: (partitionKey, appId) => driver.history(partitionKey, appId),
    list: (options) => driver.list(options),
    delete: (root) => driver.delete(root),
    post: (root, appId, data) => driver.post(root, appId, data),
    inbox: (root) => driver.inbox(root),
    close() {},
  })
  return {
    persister,
    crash() {
      dead = true
    },
  }
}
