import { createJobWorker } from 'teasel/executor/jobs'
import { END } from './ends.js'
import { driverAt, LOCK_MS, SILENCE_MS } from './job-queue.js'
import { registry } from './work.js'

// One process that takes branches of killed applications as jobs. It is killed, and stopped for longer than its locks.

const worker = createJobWorker({
  driver: driverAt(process.env['CHAOS_QUEUE'] ?? ''),
  registries: [registry],
  concurrency: 8,
  drainMs: LOCK_MS,
  orphanMs: SILENCE_MS,
  signals: ['SIGTERM'],
  logger: { debug() {}, info() {}, warn() {}, error: console.error },
})
try {
  await worker.ready
} catch {
  process.exit(END.away) // the server is away: it is started again
}
console.log('ready')
await worker.closed
process.exit(END.done)
