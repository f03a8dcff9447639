import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { Executor } from 'teasel/executor'
import { bullmq } from 'teasel/executor/bullmq'
import { type FoundRedis, findRedis } from '../support/redis.js'

/** An executor over a found Redis, and worker processes. */
export interface JobsRig {
  readonly executor: Executor
  readonly workers: readonly ChildProcess[]
  close(): Promise<void>
}

export interface JobsRigOptions {
  readonly workers?: number
  /** The most branches at once in one worker. */
  readonly concurrency?: number
  readonly lockMs?: number
  readonly stalledMs?: number
}

let rigs = 0

/** Undefined where no server is found. */
export async function jobsRig(options: JobsRigOptions = {}): Promise<JobsRig | undefined> {
  const server = await findRedis()
  return server && open(server, options)
}

async function open(server: FoundRedis, options: JobsRigOptions): Promise<JobsRig> {
  const { workers: count = 2, concurrency = 32, lockMs = 10_000, stalledMs = 5_000 } = options
  const prefix = `teasel-bench-${process.pid}-${rigs++}`
  const args = [server.url, prefix, concurrency, lockMs, stalledMs].map(String)
  const workers = Array.from({ length: count }, () =>
    fork(new URL('./jobs-worker.mjs', import.meta.url), args, { stdio: ['ignore', 2, 2, 'ipc'], execArgv: [] }),
  )
  await Promise.all(workers.map((one) => once(one, 'message')))
  const executor = bullmq({ connection: server.url, prefix, queue: 'bench', lockMs, stalledMs, requiresStore: false })
  return {
    executor,
    workers,
    async close() {
      await executor.close()
      await Promise.all(workers.map(end))
      await server.drop(prefix)
    },
  }
}

async function end(worker: ChildProcess): Promise<void> {
  if (worker.exitCode !== null || worker.signalCode !== null) return
  const ended = once(worker, 'exit')
  if (worker.connected) worker.disconnect()
  await ended
}
