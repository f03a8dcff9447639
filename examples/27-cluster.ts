// One run on several machines: its branches are jobs of BullMQ, and so is the run itself. This program starts two workers, as
// processes, enqueues a run, and looks at it from outside. Worker two is killed in the middle of two branches. Worker one,
// which holds the run, goes on with them at their last committed step.
//
// The mistake to avoid: a worker that writes results itself. A process that was taken for dead may wake up and write over
// the one that replaced it. Here only the holder of the run writes, and it hears one worker for each branch.
//
// It needs Redis on 127.0.0.1:6379, or at TEASEL_REDIS. Its keys have a prefix of their own, and are removed.
//
// ```mermaid
// stateDiagram-v2
//   direction LR
//   state "survey" as n0 {
//     state "each branch × N" as n1 {
//       state "split" as n2
//       state "measure" as n3
//       [*] --> n2
//       n2 --> n3
//       n3 --> [*]
//     }
//   }
//   [*] --> n0
//   n0 --> [*]
// ```

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { bullmqDriver } from 'teasel/executor/bullmq'
import { attach, createRunQueue, enqueueRun } from 'teasel/executor/jobs'
import { hosted } from 'teasel/host'
import { redisPersister } from 'teasel/persistence/redis'
import { findRedis } from './cluster/redis.js'
import { graph } from './cluster/survey.js'

const YEARS = [1790, 1823, 1841, 1862, 1905, 1941, 1963, 1981]

/** Starts a worker, on this machine. @param callMs how long a call of a model takes there, milliseconds */
async function startWorker(name: string, args: readonly string[], callMs: number): Promise<ChildProcess> {
  const file = fileURLToPath(new URL('./cluster/worker.ts', import.meta.url))
  const env = { ...process.env, WORKER: name, CALL_MS: String(callMs) }
  const worker = fork(file, args, { env, execArgv: ['--import', 'tsx'] })
  const [first] = await Promise.race([once(worker, 'message'), once(worker, 'exit')])
  if (first !== 'ready') throw new Error(`Worker ${name} has ended before it was ready.`)
  return worker
}

async function stop(worker: ChildProcess): Promise<void> {
  if (worker.exitCode !== null || worker.signalCode !== null) return
  const ended = once(worker, 'exit')
  worker.disconnect() // it drains
  await ended
}

/** Runs the survey on two workers, and kills the second one. @returns what each line tells */
export async function survey(connection: string, prefix: string): Promise<readonly string[]> {
  const [one, two] = await Promise.all([
    startWorker('one', [connection, prefix, 'runs'], 100),
    startWorker('two', [connection, prefix], 60_000), // it does not get to the end
  ])
  const driver = bullmqDriver({ connection, prefix, queue: 'runs' })
  const persister = redisPersister({ connection, prefix })
  const queue = createRunQueue({ driver, persister, graphs: { survey: hosted(graph, { entrypoint: 'survey' }) } })
  try {
    await enqueueRun(queue, 'survey', { appId: 'survey-1', state: { years: YEARS } })
    const run = attach(queue, 'survey-1') // any process may do this, at any time
    const count = new Map<unknown, number>()
    for await (const one of run.events()) {
      if (one.type !== 'event' || one.event.type !== 'chunk') continue
      const { chunk } = one.event
      count.set(chunk, (count.get(chunk) ?? 0) + 1)
      if (chunk === 'two measures' && count.get(chunk) === 2) two.kill('SIGKILL')
    }
    const { status, state } = await run.outcome
    const times = (step: string) => (count.get(`one ${step}`) ?? 0) + (count.get(`two ${step}`) ?? 0)
    return [
      `Worker two was killed in the middle of ${count.get('two measures')} branches; the run has ${status}.`,
      `${YEARS.length} addresses were split ${times('splits')} times, and measured ${times('measures')} times.`,
      ...[state['report']].flat().map(String),
    ]
  } finally {
    await queue.close()
    await driver.close()
    await persister.close()
    await Promise.all([one, two].map(stop))
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const redis = await findRedis()
  if (redis === undefined)
    console.log(
      'There is no Redis server on 127.0.0.1:6379, and none at TEASEL_REDIS. Get one: apt-get install redis-server, or docker run -p 6379:6379 redis.',
    )
  else {
    const prefix = `teasel-cluster-${process.pid}`
    try {
      for (const line of await survey(redis.url, prefix)) console.log(line)
    } finally {
      await redis.drop(prefix)
      redis.close()
    }
  }
}
