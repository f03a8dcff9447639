import { isMainThread, parentPort } from 'node:worker_threads'
import { createWorkerEnd } from '../../pool/worker-end.js'
import { loadModule } from './load-module.js'

// The program of a worker, in a thread or a process. Nothing is exported: executors start it.

/** A process of this program ends with its owner, not by signals to the whole group: its owner may still need it. */
function serveProcess(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})
  process.on('disconnect', () => process.exit())
  const received = createWorkerEnd({
    post: (packet) => void (process.connected && process.send?.(packet, undefined, undefined, () => {})),
    load: loadModule,
    exit: () => process.exit(),
  })
  process.on('message', received)
}

if (parentPort !== null && !isMainThread) {
  const port = parentPort
  const received = createWorkerEnd({
    post: (packet) => port.postMessage(packet),
    load: loadModule,
    exit: () => process.exit(),
  })
  port.on('message', received)
} else if (process.send !== undefined) serveProcess()
