import { readdirSync, readFileSync } from 'node:fs'
import type { Worker } from 'node:worker_threads'
import { type Executor, inProcess } from 'teasel/executor'
import { bullmq } from 'teasel/executor/bullmq'
import { createJobWorker, type JobWorker, jobExecutor } from 'teasel/executor/jobs'
import { processes } from 'teasel/executor/processes'
import { threads } from 'teasel/executor/threads'
import {
  type ExecutorUnderTest,
  executorContract,
  executorContractRegistry,
  type MemoryConnection,
  memoryEngine,
} from 'teasel/testing'
import { afterAll, describe, it } from 'vitest'
import { nearby } from '../../examples/24-own-executor.js'
import { startWorker, type WorkerProcess } from '../bullmq/rig.js'
import { loopback, type TreeLoopback } from '../support/channel/loopback.js'
import { findRedis } from '../support/redis.js'

/** The loopback of each tree that a case runs. */
function behindChannel(): ExecutorUnderTest {
  const all = new Map<Executor, Set<TreeLoopback>>()
  return {
    open() {
      const trees = new Set<TreeLoopback>()
      let closed = false
      const close = async () => {
        closed = true
        for (const tree of trees) tree.close()
      }
      const made = (tree: TreeLoopback) => {
        trees.add(tree)
        if (closed) tree.close()
      }
      const executor = { ...loopback(made), close }
      all.set(executor, trees)
      return executor
    },
    kill(executor) {
      for (const tree of all.get(executor) ?? []) tree.die(true)
    },
  }
}

/** Threads that this process has started. */
const started = new Set<Worker>()
process.on('worker', (worker: Worker) => void started.add(worker))

const overThreads: ExecutorUnderTest = {
  preempts: true,
  open: (concurrency) => threads({ workers: 2, ...(concurrency !== undefined && { concurrency }) }),
  async kill() {
    await Promise.all([...started].map((one) => one.terminate()))
  },
}

/** The processes that this one has started. */
const children = (): readonly number[] =>
  readdirSync('/proc/self/task').flatMap((id) =>
    readFileSync(`/proc/self/task/${id}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  )

function overProcesses(): ExecutorUnderTest {
  const others = new Set<number>()
  return {
    preempts: true,
    open(concurrency) {
      for (const pid of children()) others.add(pid)
      return processes({ workers: 2, ...(concurrency !== undefined && { concurrency }) })
    },
    kill() {
      for (const pid of children()) if (!others.has(pid)) process.kill(pid, 'SIGKILL')
    },
  }
}

/** Jobs of an engine in this process, and two workers. */
function overJobs(isolation: 'inline' | 'thread'): ExecutorUnderTest {
  const engine = memoryEngine()
  const workers = new Map<MemoryConnection, JobWorker>()
  const start = (concurrency: number): void => {
    const driver = engine.connect()
    workers.set(driver, createJobWorker({ driver, registries: [executorContractRegistry], concurrency, isolation }))
  }
  const stopAll = async (): Promise<void> => {
    const all = [...workers.values()]
    workers.clear()
    await Promise.all(all.map((one) => one.close({ drainMs: 0 })))
  }
  return {
    preempts: isolation === 'thread',
    async open(concurrency = 32) {
      await stopAll()
      start(concurrency)
      if (concurrency > 1) start(concurrency)
      return jobExecutor(engine.connect(), { sweepMs: 50, requiresStore: false })
    },
    kill() {
      const all = [...workers]
      workers.clear()
      for (const [driver, worker] of all) {
        driver.kill()
        void worker.close({ drainMs: 0 })
        start(32)
      }
    },
  }
}

const redis = await findRedis()
const prefix = `teasel-contract-${process.pid}-`
/** Worker processes by queue: one queue for each limit. */
const workers = new Map<string, readonly WorkerProcess[]>()
afterAll(async () => {
  await Promise.all([...workers.values()].flat().map((one) => one.close()))
  await redis?.drop(prefix)
})

/** Jobs of BullMQ, and worker processes whose branches run in threads: two, or one where there is a limit. */
function overBullmq(connection: string): ExecutorUnderTest {
  const common = { connection, prefix, lockMs: 2_000, stalledMs: 500 }
  const limits = new Map<string, number | undefined>()
  const start = async (queue: string): Promise<void> => {
    const concurrency = limits.get(queue)
    const one = () =>
      startWorker({ ...common, queue, concurrency: concurrency ?? 32, isolation: 'thread', pool: { workers: 1 } })
    workers.set(queue, await Promise.all(concurrency === undefined ? [one(), one()] : [one()]))
  }
  return {
    preempts: true,
    async open(concurrency) {
      const queue = `queue-${concurrency ?? 'all'}`
      limits.set(queue, concurrency)
      if (!workers.has(queue)) await start(queue)
      return bullmq({ ...common, queue, requiresStore: false })
    },
    async kill() {
      await Promise.all([...workers.values()].flat().map((one) => one.kill()))
      await Promise.all([...workers.keys()].map(start))
    },
  }
}

const executors: Readonly<Record<string, ExecutorUnderTest>> = {
  'in process': { open: () => inProcess() },
  'behind a channel': behindChannel(),
  'of 40 lines': { open: nearby },
  threads: overThreads,
  processes: overProcesses(),
  jobs: overJobs('inline'),
  'jobs in threads': overJobs('thread'),
  ...(redis && { bullmq: overBullmq(redis.url) }),
}

/** The cases that depend on where a worker of jobs runs its branches: starting threads takes long. */
const OF_ISOLATION = /calculates|worker was killed|makes all questions|nested maps|megabyte/
const casesOf = (executor: string): ReturnType<typeof executorContract> => {
  const subject = executors[executor]
  const cases = subject === undefined ? [] : executorContract(subject)
  return executor === 'jobs in threads' ? cases.filter(({ name }) => OF_ISOLATION.test(name)) : cases
}

/** Printed at the end: executor × case. */
const table = new Map<string, Map<string, string>>()
afterAll(() => {
  const names = Object.keys(executors)
  const rows = [...table].map(
    ([name, marks]) => `| ${name} | ${names.map((one) => marks.get(one) ?? '–').join(' | ')} |`,
  )
  console.log([`| case | ${names.join(' | ')} |`, `|---|${'---|'.repeat(names.length)}`, ...rows].join('\n'))
})

describe.each(Object.keys(executors))('the executor %s', (executor) => {
  it.each(casesOf(executor).map(({ name, run }) => [name, run] as const))('%s', async (name, run) => {
    const marks = table.get(name) ?? new Map<string, string>()
    table.set(name, marks)
    marks.set(executor, '✗')
    await run()
    marks.set(executor, '✓')
  })
})
