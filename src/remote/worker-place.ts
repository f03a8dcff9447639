import { createId } from '../internal/ids.js'
import { describeWorker, threadNumber } from '../internal/platform.js'
import type { WorkerPlace } from '../lifecycle/map-events.js'

let here: WorkerPlace | undefined

/** The place where this code runs: its machine, its process and its thread, with an id of its own. */
export function describePlace(): WorkerPlace {
  const thread = threadNumber()
  here ??= { ...describeWorker(createId()), ...(thread !== undefined && { thread }) }
  return here
}
