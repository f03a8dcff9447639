import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Executor } from 'teasel/executor'
import { bullmq } from 'teasel/executor/bullmq'
import { findRedis } from '../cluster/redis.js'

/** An executor, and the processes that work for it. */
export interface Cluster {
  readonly executor: Executor
  /** Ends the workers, and removes the keys. */
  close(): Promise<void>
}

const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url))

async function startWorker(args: readonly string[]): Promise<ChildProcess> {
  const worker = fork(WORKER, args, { execArgv: ['--import', 'tsx'] })
  const [first] = await Promise.race([once(worker, 'message'), once(worker, 'exit')])
  if (first !== 'ready') throw new Error('A worker has ended before it was ready.')
  return worker
}

async function stop(worker: ChildProcess): Promise<void> {
  if (worker.exitCode !== null || worker.signalCode !== null) return
  const ended = once(worker, 'exit')
  worker.disconnect()
  await ended
}

/** Two worker processes, which could be on other machines. @returns undefined where no Redis answers */
export async function startCluster(): Promise<Cluster | undefined> {
  const redis = await findRedis()
  if (redis === undefined) return undefined
  const prefix = `teasel-research-${process.pid}`
  const workers = await Promise.all([1, 2].map(() => startWorker([redis.url, prefix])))
  // Nothing is stored here, so what is lost is what was lost with this process anyway.
  const executor = bullmq({ connection: redis.url, prefix, queue: 'research', requiresStore: false })
  return {
    executor,
    async close() {
      await executor.close()
      await Promise.all(workers.map(stop))
      await redis.drop(prefix)
      redis.close()
    },
  }
}
