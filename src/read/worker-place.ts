import type { WorkerInfo } from './run-summary.js'

/** Where a branch or a run is, for people: `threads: thread 3 · process 4711 · web-1`. */
export function placeOf({ id, executor, host, pid, thread }: WorkerInfo): string {
  const process = pid === undefined ? undefined : `process ${pid}`
  const where = [thread === undefined ? undefined : `thread ${thread}`, process, host].filter(
    (one) => one !== undefined,
  )
  return [executor, where.length === 0 ? id : where.join(' · ')].filter((one) => one !== undefined).join(': ')
}
