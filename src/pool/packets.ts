import type { CodeRef, TaskData } from '../executor/driver.js'
import { macrotask } from '../internal/platform.js'
import { isOutputStream, type OutputStream } from './output-stream.js'

// Owns: the packets between a pool and one of its workers: what was put in one turn of an event loop crosses together,
// as one text with a line for each item. A text crosses in a third of the time that lists of lists take. Bytes beside the
// texts of tasks cross in one list, after the text.
// K1  Items arrive in the order in which they were put.
// K2  A packet of other code, which uses the same port, is left alone.
// K3  No item has a line break: texts of tasks are JSON, and other texts are made JSON here.
// K4  A line has the number of its bytes, which are taken from the list in order: all of them, and none twice.

const TAG = 'teasel'

/** A packet, as it crosses. */
export type Packet = readonly [tag: typeof TAG, lines: string, bytes?: readonly ArrayBuffer[]]

/** A text of a task, and the bytes beside it, if any. */
type TextItem = readonly ['text', key: string, text: string, bytes?: Bytes | undefined]
type Bytes = readonly ArrayBuffer[]

export type DownItem =
  /** Code that later tasks name by its number. */
  | readonly ['code', number: number, code: CodeRef]
  | readonly ['run', key: string, code: number, task: Omit<TaskData, 'id' | 'code'>]
  | TextItem
  | readonly ['stop', key: string]
  | readonly ['exit']

export type UpItem =
  | readonly ['ready']
  | TextItem
  /** The worker has written a text, where that does not reach its owner by itself. */
  | readonly ['out', stream: OutputStream, text: string]
  /** The task has ended: its last text was sent. */
  | readonly ['end', key: string]

function lineOf(item: DownItem | UpItem): string {
  switch (item[0]) {
    case 'code':
      return `code\t${item[1]}\t${JSON.stringify(item[2])}`
    case 'run': {
      const { delivery, maxFrameBytes, path, start, bytes } = item[3]
      const facts = `${delivery}\t${maxFrameBytes}\t${JSON.stringify(path)}\t${bytes?.length ?? ''}`
      return `run\t${item[1]}\t${item[2]}\t${facts}\t${start}`
    }
    case 'text': {
      const [, key, text, bytes] = item
      return bytes === undefined ? `text\t${key}\t${text}` : `bytes\t${key}\t${bytes.length}\t${text}`
    }
    case 'out':
      return `out\t${item[1]}\t${JSON.stringify(item[2])}`
    default:
      return item.join('\t')
  }
}

/**
 * The items of a packet; none of a packet of other code (K2).
 * @throws {TypeError} for bytes that no line has, and for lines with bytes that are not there (K4)
 */
function itemsOf<Item>(packet: unknown, itemOf: (line: string, take: Take, at: number) => Item): readonly Item[] {
  const [tag, lines, list = []] = Array.isArray(packet) ? (packet as readonly unknown[]) : []
  if (tag !== TAG || typeof lines !== 'string') return []
  let taken = 0
  const take: Take = (count) => {
    const bytes = Array.isArray(list) ? (list.slice(taken, taken + count) as Bytes) : [] // looked at where they are used
    if (!Number.isInteger(count) || count < 0 || bytes.length !== count)
      throw new TypeError(`Its packet lacks ${count} bytes.`)
    taken += count
    return bytes
  }
  const items = lines.split('\n').map((line, i) => itemOf(line, take, i))
  if (!Array.isArray(list) || list.length !== taken) throw new TypeError('Its packet has bytes of no item.')
  return items
}

/** Takes the next bytes of a packet. @throws {TypeError} where there are fewer */
type Take = (count: number) => Bytes

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

/** The items of a packet from the owner. @throws {TypeError} for what no pool sends */
export const downItems = (packet: unknown): readonly DownItem[] => itemsOf(packet, downItem)

function downItem(line: string, take: Take): DownItem {
  const [type = '', key = '', text = ''] = partsOf(line, 3)
  if (type === 'text') return [type, key, text]
  if (type === 'bytes') return withBytes(line, take)
  if (type === 'stop') return [type, key]
  if (type === 'code') return [type, Number(key), JSON.parse(text) as CodeRef]
  if (type === 'exit') return [type]
  const [, , code = '', delivery = '', most = '', path = '', count = '', start = ''] = partsOf(line, 8)
  const numbers = { delivery: Number(delivery), maxFrameBytes: Number(most) }
  const bytes = count !== '' && { bytes: take(Number(count)) }
  return ['run', key, Number(code), { ...numbers, path: JSON.parse(path) as string, start, ...bytes }]
}

function withBytes(line: string, take: Take): TextItem {
  const [, key = '', count = '', text = ''] = partsOf(line, 4)
  return ['text', key, text, take(Number(count))]
}

/**
 * The items of a packet from a worker.
 * @throws {TypeError} for what no worker of a pool sends
 */
export const upItems = (packet: unknown): readonly UpItem[] => itemsOf(packet, upItem)

function upItem(line: string, take: Take, at: number): UpItem {
  if (line.startsWith('text\t')) {
    const tab = line.indexOf('\t', 5)
    if (tab > 0) return ['text', line.slice(5, tab), line.slice(tab + 1)] // most are texts of tasks
  }
  if (line.startsWith('bytes\t')) return withBytes(line, take)
  const parts = partsOf(line, 3)
  const [type, key = '', text = ''] = parts
  if (type === 'end' && parts.length === 2) return [type, key]
  if (type === 'out' && isOutputStream(key)) return [type, key, String(JSON.parse(text))]
  if (type === 'ready' && parts.length === 1) return [type]
  throw new TypeError(`Item ${at} of its packet is unknown.`)
}

const bytesOf = (item: DownItem | UpItem): Bytes | undefined =>
  item[0] === 'text' ? item[3] : item[0] === 'run' ? item[3].bytes : undefined

/** Gathers the items of a turn for one packet. */
export class Outbox<Item extends DownItem | UpItem> {
  readonly #post: (packet: Packet) => void
  #lines: string[] = []
  #bytes: ArrayBuffer[] = []
  #scheduled = false

  constructor(post: (packet: Packet) => void) {
    this.#post = post
  }

  put(item: Item): void {
    this.#lines.push(lineOf(item))
    for (const one of bytesOf(item) ?? []) this.#bytes.push(one)
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
    const [lines, bytes] = [this.#lines.join('\n'), this.#bytes]
    this.#lines = []
    this.#bytes = []
    this.#post(bytes.length === 0 ? [TAG, lines] : [TAG, lines, bytes])
  }
}
