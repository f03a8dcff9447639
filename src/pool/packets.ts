import type { CodeRef, TaskData } from '../executor/driver.js'
import { macrotask } from '../internal/platform.js'
import { isOutputStream, type OutputStream } from './output-stream.js'

// Owns: the packets between a pool and one of its workers: what was put in one turn of an event loop crosses together,
// as one text with a line for each item. A text crosses in a third of the time that lists of lists take.
// K1  Items arrive in the order in which they were put.
// K2  A packet of other code, which uses the same port, is left alone.
// K3  No item has a line break: texts of tasks are JSON, and other texts are made JSON here.

const TAG = 'teasel'

/** A packet, as it crosses. */
export type Packet = readonly [tag: typeof TAG, lines: string]

export type DownItem =
  /** Code that later tasks name by its number. */
  | readonly ['code', number: number, code: CodeRef]
  | readonly ['run', key: string, code: number, task: Omit<TaskData, 'id' | 'code'>]
  | readonly ['text', key: string, text: string]
  | readonly ['stop', key: string]
  | readonly ['exit']

export type UpItem =
  | readonly ['ready']
  | readonly ['text', key: string, text: string]
  /** The worker has written a text, where that does not reach its owner by itself. */
  | readonly ['out', stream: OutputStream, text: string]
  /** The task has ended: its last text was sent. */
  | readonly ['end', key: string]

function lineOf(item: DownItem | UpItem): string {
  switch (item[0]) {
    case 'code':
      return `code\t${item[1]}\t${JSON.stringify(item[2])}`
    case 'run': {
      const { delivery, maxFrameBytes, path, start } = item[3]
      return `run\t${item[1]}\t${item[2]}\t${delivery}\t${maxFrameBytes}\t${JSON.stringify(path)}\t${start}`
    }
    case 'out':
      return `out\t${item[1]}\t${JSON.stringify(item[2])}`
    default:
      return item.join('\t')
  }
}

/** The lines of a packet; none of a packet of other code (K2). */
function linesOf(packet: unknown): readonly string[] {
  const [tag, lines] = Array.isArray(packet) ? (packet as readonly unknown[]) : []
  return tag === TAG && typeof lines === 'string' ? lines.split('\n') : []
}

/** The first parts of a line, and the rest of it, which may have tabs. */
function partsOf(line: string, count: number): string[] {
  const parts: string[] = []
  let from = 0
  while (parts.length < count - 1) {
    const tab = line.indexOf('\t', from)
    if (tab < 0) break
    parts.push(line.slice(from, tab))
    from = tab + 1
  }
  parts.push(line.slice(from))
  return parts
}

/** The items of a packet from the owner. */
export const downItems = (packet: unknown): readonly DownItem[] => linesOf(packet).map(downItem)

function downItem(line: string): DownItem {
  const [type = '', key = '', text = ''] = partsOf(line, 3)
  if (type === 'text') return [type, key, text]
  if (type === 'stop') return [type, key]
  if (type === 'code') return [type, Number(key), JSON.parse(text) as CodeRef]
  if (type === 'exit') return [type]
  const [, , code = '', delivery = '', most = '', path = '', start = ''] = partsOf(line, 7)
  const numbers = { delivery: Number(delivery), maxFrameBytes: Number(most) }
  return ['run', key, Number(code), { ...numbers, path: JSON.parse(path) as string, start }]
}

/**
 * The items of a packet from a worker.
 * @throws {TypeError} for what no worker of a pool sends
 */
export const upItems = (packet: unknown): readonly UpItem[] => linesOf(packet).map(upItem)

function upItem(line: string, at: number): UpItem {
  if (line.startsWith('text\t')) {
    const tab = line.indexOf('\t', 5)
    if (tab > 0) return ['text', line.slice(5, tab), line.slice(tab + 1)] // most are texts of tasks
  }
  const parts = partsOf(line, 3)
  const [type, key = '', text = ''] = parts
  if (type === 'end' && parts.length === 2) return [type, key]
  if (type === 'out' && isOutputStream(key)) return [type, key, String(JSON.parse(text))]
  if (type === 'ready' && parts.length === 1) return [type]
  throw new TypeError(`Item ${at} of its packet is unknown.`)
}

/** Gathers the items of a turn for one packet. */
export class Outbox<Item extends DownItem | UpItem> {
  readonly #post: (packet: Packet) => void
  #lines: string[] = []
  #scheduled = false

  constructor(post: (packet: Packet) => void) {
    this.#post = post
  }

  put(item: Item): void {
    this.#lines.push(lineOf(item))
    if (this.#scheduled) return
    this.#scheduled = true
    macrotask(() => {
      this.#scheduled = false
      this.flush()
    })
  }

  /** Sends what is there, without waiting for the end of the turn. */
  flush(): void {
    if (this.#lines.length === 0) return
    const lines = this.#lines.join('\n')
    this.#lines = []
    this.#post([TAG, lines])
  }
}
