import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { Executor } from 'teasel/executor'
import { bullmq } from 'teasel/executor/bullmq'
import { type FoundRedis, findRedis } from '../support/redis.js'

/** An executor over a found Redis, and worker processes. */
export interface JobsRig {
  readonly executor: Executor
  /** Kills a worker process. */
  kill(pid: number): Promise<void>
  /** Starts one more. */
  start(): Promise<void>
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
  const workers: ChildProcess[] = []
  const start = async (): Promise<void> => {
    const file = new URL('./jobs-worker.mjs', import.meta.url)
    const one = fork(file, args, { stdio: ['ignore', 2, 2, 'ipc'], execArgv: [] })
    workers.push(one)
    await once(one, 'message')
  }
  await Promise.all(Array.from({ length: count }, start))
  const executor = bullmq({ connection: server.url, prefix, queue: 'bench', lockMs, stalledMs, requiresStore: false })
  return {
    executor,
    start,
    async kill(pid) {
      const one = workers.find((worker) => worker.pid === pid)
      const ended = one && once(one, 'exit')
      one?.kill('SIGKILL')
      await ended
    },
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
