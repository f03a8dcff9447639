import { bullmq, bullmqDriver, createWorker } from 'teasel/executor/bullmq'
import { createRunWorker } from 'teasel/executor/jobs'
import { hosted } from 'teasel/host'
import { redisPersister } from 'teasel/persistence/redis'
import { graph, registry } from './survey.js'

// A worker process. It runs branches, at most two at a time; with `runs`, whole runs too, whose branches all workers share.

const [connection = '', prefix = '', what] = process.argv.slice(2)
const engine = { connection, prefix, lockMs: 3_000, stalledMs: 1_000 } // short, so that a lost worker is noticed soon
/** A worker that is lost is no surprise here. */
const logger = { debug() {}, info() {}, warn() {}, error: console.error }

/** Takes whole runs. @returns a function that ends it */
function takeRuns(): () => Promise<void> {
  const persister = redisPersister({ connection, prefix })
  const executor = bullmq({ ...engine, queue: 'branches' })
  const driver = bullmqDriver({ ...engine, queue: 'runs' })
  const graphs = { survey: hosted(graph, { entrypoint: 'survey', executor, logger }) }
  const worker = createRunWorker({ driver, persister, graphs, signals: [] })
  return async () => {
    await worker.close() // interrupts and stores what it holds; another worker goes on
    await executor.close()
    await driver.close()
    await persister.close()
  }
}

const branches = createWorker({ ...engine, queue: 'branches', registries: [registry], concurrency: 2 })
await branches.ready
const end = what === 'runs' ? takeRuns() : async () => {}
process.send?.('ready')
await new Promise((resolve) => process.once('disconnect', resolve).once('SIGTERM', resolve))
await end()
await branches.close()
if (process.connected) process.disconnect()
