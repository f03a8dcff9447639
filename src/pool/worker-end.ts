import type { CodeRef } from '../executor/driver.js'
import { createTaskRunner } from '../remote/task-runner.js'
import type { OutputStream } from './output-stream.js'
import { downItems, Outbox, type Packet, type UpItem } from './packets.js'

// Owns: the worker's end of a pool: packets become calls of its task runner, and texts become packets.

/** A worker, as its end uses it. */
export interface WorkerPort {
  post(packet: Packet): void
  /** Loads the module of a registry. */
  load(url: string): Promise<object>
  /** Ends the worker. */
  exit(): void
}

/** The worker's end of a pool. */
interface WorkerSide {
  /** Takes a packet of the owner. */
  received(packet: unknown): void
  /** Passes on what the worker writes, at once: it may not live until the end of the turn. */
  wrote(stream: OutputStream, text: string): void
}

/** Begins to work. */
export function createWorkerEnd({ post, load, exit }: WorkerPort): WorkerSide {
  const outbox = new Outbox<UpItem>(post)
  const runner = createTaskRunner({
    load,
    send(key, text, urgent, bytes) {
      outbox.put(['text', key, text, bytes])
      if (urgent) outbox.flush()
    },
    ended: (key) => outbox.put(['end', key]),
  })
  const codes = new Map<number, CodeRef>()
  outbox.put(['ready'])
  outbox.flush()
  const received = (packet: unknown): void => {
    for (const item of downItems(packet)) {
      switch (item[0]) {
        case 'code':
          codes.set(item[1], item[2])
          break
        case 'run': {
          const code = codes.get(item[2])
          if (code !== undefined) runner.run({ ...item[3], id: item[1], code })
          break
        }
        case 'text':
          runner.receive(item[1], item[2], item[3])
          break
        case 'stop':
          runner.stop(item[1])
          outbox.put(['end', item[1]])
          break
        case 'exit':
          runner.close()
          exit()
          break
        default:
          item satisfies never
      }
    }
  }
  const wrote = (stream: OutputStream, text: string): void => {
    outbox.put(['out', stream, text])
    outbox.flush()
  }
  return { received, wrote }
}
