import { bullmqDriver } from 'teasel/executor/bullmq'

/** Where the jobs of one run are: the URL of the server, and the name of the queue behind a `#`. */
export type QueuePlace = string

/** How long a worker has a job without a sign of life, ms. */
export const LOCK_MS = 2_000
/** How long an owner is silent before workers leave its branches, ms. */
export const SILENCE_MS = 5_000
/** What the keys of all queues begin with. */
export const PREFIX = 'chaos'

/** Connects to a queue. Locks are short, so that the jobs of a worker that died are soon taken again. */
export function driverAt(place: QueuePlace) {
  const [connection = '', queue = ''] = place.split('#')
  return bullmqDriver({ connection, queue, prefix: PREFIX, lockMs: LOCK_MS, stalledMs: 1_000, timeoutMs: 2_000 })
}
