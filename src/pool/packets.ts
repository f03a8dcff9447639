import type { TaskData } from '../executor/driver.js'
import { isObject } from '../internal/guards.js'
import { macrotask } from '../internal/platform.js'
import type { OutputStream } from './output-stream.js'

// Owns: the packets between a pool and one of its workers: what was said in one turn of an event loop crosses together.
// K1  Items arrive in the order in which they were put.
// K2  A packet of other code, which uses the same port, is left alone.

const TAG = 'teasel'

export type DownItem =
  | readonly ['run', key: string, task: TaskData]
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

export type DownPacket = readonly [typeof TAG, ...DownItem[]]
export type UpPacket = readonly [typeof TAG, ...UpItem[]]

const isPacket = (packet: unknown): packet is readonly unknown[] => Array.isArray(packet) && packet[0] === TAG

/** The items of a packet from the owner; none of a packet of other code (K2). */
export const downItems = (packet: unknown): readonly DownItem[] =>
  isPacket(packet) ? (packet.slice(1) as DownItem[]) : []

/**
 * The items of a packet from a worker; none of a packet of other code (K2).
 * @throws {TypeError} for what no worker of a pool sends
 */
export function upItems(packet: unknown): readonly UpItem[] {
  if (!isPacket(packet)) return []
  const items = packet.slice(1)
  const wrong = items.findIndex((item) => !isUpItem(item))
  if (wrong >= 0) throw new TypeError(`Item ${wrong} of its packet is unknown.`)
  return items as UpItem[]
}

function isUpItem(item: unknown): boolean {
  if (!isObject(item) || !Array.isArray(item)) return false
  const [type, key, text] = item as readonly unknown[]
  if (type === 'ready') return true
  if (type === 'out') return (key === 'stdout' || key === 'stderr') && typeof text === 'string'
  return typeof key === 'string' && (type === 'end' || (type === 'text' && typeof text === 'string'))
}

/** Gathers the items of a turn for one packet. */
export class Outbox<Item> {
  readonly #post: (packet: readonly [typeof TAG, ...Item[]]) => void
  #packet: [typeof TAG, ...Item[]] = [TAG]
  #scheduled = false

  constructor(post: (packet: readonly [typeof TAG, ...Item[]]) => void) {
    this.#post = post
  }

  put(item: Item): void {
    this.#packet.push(item)
    if (this.#scheduled) return
    this.#scheduled = true
    macrotask(() => {
      this.#scheduled = false
      this.flush()
    })
  }

  /** Sends what is there, without waiting for the end of the turn. */
  flush(): void {
    if (this.#packet.length === 1) return
    const packet = this.#packet
    this.#packet = [TAG]
    this.#post(packet)
  }
}
