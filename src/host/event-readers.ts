import { AsyncQueue } from '../internal/async-queue.js'
import type { HostEvent } from './host-events.js'

// Owns: the readers of the events of a host.
// A slow reader holds nobody back: beyond its bound it loses events of runs, and gets their number.

interface Reader {
  readonly queue: AsyncQueue<HostEvent>
  lost: number
}

export class EventReaders {
  readonly #readers = new Set<Reader>()

  emit(event: HostEvent, bound = Infinity): void {
    for (const reader of this.#readers) {
      if (event.type === 'event' && reader.queue.size >= bound) {
        reader.lost += 1
        continue
      }
      if (reader.lost > 0) reader.queue.push({ type: 'dropped', count: reader.lost })
      reader.lost = 0
      reader.queue.push(event)
    }
  }

  get isRead(): boolean {
    return this.#readers.size > 0
  }

  /** All events from now on. Ends when the readers are closed. */
  async *read(signal: AbortSignal | undefined): AsyncGenerator<HostEvent, void, void> {
    signal?.throwIfAborted()
    const reader: Reader = { queue: new AsyncQueue(Infinity), lost: 0 }
    this.#readers.add(reader)
    const onAbort = (): void => reader.queue.close()
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      for (let next = await reader.queue.take(); next !== undefined; next = await reader.queue.take()) {
        yield next
        signal?.throwIfAborted()
      }
      signal?.throwIfAborted()
    } finally {
      signal?.removeEventListener('abort', onAbort)
      this.#readers.delete(reader)
    }
  }

  close(): void {
    for (const { queue } of this.#readers) queue.close()
  }
}
