import { isMainThread, type MessagePort, parentPort } from 'node:worker_threads'
import { createWorkerEnd } from '../../pool/worker-end.js'
import { loadModule } from './load-module.js'
import { watchOwner } from './watchdog.js'

// The program of a worker, in a thread or a process. Nothing is exported: executors start it.

/** A process of this program ends with its owner, not by signals to the whole group: its owner may still need it. */
function serveProcess(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})
  process.on('disconnect', () => process.exit())
  const { received } = createWorkerEnd({
    post: (packet) => void (process.connected && process.send?.(packet, undefined, undefined, () => {})),
    load: loadModule,
    exit: () => process.exit(),
  })
  watchOwner()
  process.on('message', received)
}

/** Output crosses with the packets: a thread whose streams are read would hold its owner open. */
function serveThread(port: MessagePort): void {
  const { received, wrote } = createWorkerEnd({
    post: (packet) => port.postMessage(packet, packet[2]),
    load: loadModule,
    exit: () => process.exit(),
  })
  for (const stream of ['stdout', 'stderr'] as const) process[stream].write = writeTo((text) => wrote(stream, text))
  port.on('message', received)
}

type Write = typeof process.stdout.write
type Written = (error?: Error | null) => void

function writeTo(wrote: (text: string) => void): Write {
  const decoder = new TextDecoder()
  return (data: Uint8Array | string, encoding?: BufferEncoding | Written, written?: Written): boolean => {
    wrote(typeof data === 'string' ? data : decoder.decode(data, { stream: true }))
    const done = typeof encoding === 'function' ? encoding : written
    if (done !== undefined) process.nextTick(done)
    return true
  }
}

if (parentPort !== null && !isMainThread) serveThread(parentPort)
else if (process.send !== undefined) serveProcess()
