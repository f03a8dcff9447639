import { createWorker } from 'teasel/executor/bullmq'
import { registry } from './registry.js'

// A worker process. It takes branches of the research from a Redis, until the process that started it disconnects.

const [connection = '', prefix = ''] = process.argv.slice(2)
const worker = createWorker({ connection, prefix, queue: 'research', registries: [registry] })
await worker.ready
process.send?.('ready')
await new Promise((resolve) => process.once('disconnect', resolve).once('SIGINT', resolve))
await worker.close()
