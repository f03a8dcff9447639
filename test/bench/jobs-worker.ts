import { createWorker } from 'teasel/executor/bullmq'
import { registry } from './exec-registry.js'

// A worker process of the cases of jobs: it runs branches until its parent ends it.

const [connection = '', prefix = '', concurrency = '32', lockMs = '10000', stalledMs = '5000'] = process.argv.slice(2)
const worker = createWorker({
  ...{ connection, prefix, queue: 'bench', registries: [registry] },
  ...{ concurrency: Number(concurrency), lockMs: Number(lockMs), stalledMs: Number(stalledMs), drainMs: 0 },
})
await worker.ready
process.on('disconnect', () => void worker.close())
process.send?.('ready')
