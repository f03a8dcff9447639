import { createWorker } from 'teasel/executor/bullmq'
import { queueOf } from './partition-queue.js'
import { registry } from './partition-work.js'

// A worker on a host of its own. It tells when it takes jobs, and how it is when it ends.

const quiet = { debug() {}, info() {}, warn() {}, error: console.error }
const worker = createWorker({ ...queueOf(process.env), registries: [registry], concurrency: 8, logger: quiet })
await worker.ready
console.log('ready')
process.once('SIGTERM', async () => {
  const { ok, running, paused, why } = await worker.health()
  console.log(JSON.stringify({ ok, running, paused, why }))
  await worker.close()
  process.exit(0)
})
